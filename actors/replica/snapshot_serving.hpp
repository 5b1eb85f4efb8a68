// What a replica gives of its snapshots to others.
#pragma once

#include "synod/actors/replica/snapshots.hpp"
#include "synod/messages/roles.hpp"

#include <memory>
#include <optional>
#include <vector>

namespace synod {

/// Gives replicas that are far behind pieces of the latest snapshot, as they ask for them; who has begun with one is given that
/// one to the end, which stays there as long as it is asked for.
///
/// Bounds: `most_askers` at a time, others are told to ask elsewhere; a piece of at most `chunk_bytes` for each of them in
/// memory, and its snapshot on disk, until it has not asked for `patience`.
class snapshot_serving {
public:
  using asker = caf::strong_actor_ptr; ///< only kept
  using time_point = backoff::time_point;

  static constexpr size_t most_askers = 2;
  static constexpr size_t most_chunk_bytes = 1u << 20;
  static constexpr std::chrono::seconds patience{10};

  /// Numbers of its works are from `first_number` on, and no others are.
  snapshot_serving(disk& files, node_id here, size_t chunk_bytes, uint64_t first_number)
    : files_{files}, here_{here}, chunk_bytes_{chunk_bytes}, next_number_{first_number} {}

  /// A piece is to be read; none: nothing is, and unless one is under way for it, it is to be told so (`nothing`).
  std::optional<disk_work> on_ask(const asker& from, schema::AskSnapshot::Reader asked, snapshots& have, time_point now);
  message<schema::SnapshotChunk> nothing() const;

  struct answer {
    asker to;
    message<schema::SnapshotChunk> chunk;
  };
  /// A read is done; none: it failed, or nobody waits for it.
  std::optional<answer> done(uint64_t number, const caf::error& failure);

  bool waits(const asker& from) const;
  void clear() { askers_.clear(); }

private:
  struct one {
    asker who;
    snapshot_info what;
    time_point until;
    uint64_t reading = 0; // its number; 0: nothing is
    uint64_t offset = 0;
    std::shared_ptr<std::vector<std::byte>> bytes;
  };

  one* find(const asker& from, time_point now);

  disk& files_;
  node_id here_;
  size_t chunk_bytes_;
  uint64_t next_number_;
  std::vector<one> askers_;
};

/// Over a chunk's bytes, and where they belong.
uint64_t chunk_checksum(capnp::Data::Reader bytes, log_token token, uint64_t offset);

} // namespace synod
