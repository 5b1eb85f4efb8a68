// Snapshots of the replicated state, as files.
#pragma once

#include "synod/actors/replica/execution.hpp"
#include "synod/actors/role/progress.hpp"
#include "synod/actors/role/record.hpp"
#include "synod/messages/snapshot.capnp.h"

#include <filesystem>
#include <optional>
#include <string>

namespace synod {

/// Of which cluster a replica's snapshots are, and of what kind of state machine.
struct snapshot_origin {
  std::string cluster;
  std::string machine; ///< its name
};

/// A snapshot that is there as a file.
struct snapshot_info {
  slot_number slot_out = 1; ///< the state that every slot below led to
  log_token token = 0;      ///< names it
  uint64_t bytes = 0;       ///< of the file

  bool operator==(const snapshot_info&) const = default;
};

/// A snapshot is a file `SLOT.snapshot` of records (role/record.hpp): a head, sessions, pieces of the state machine, an end
/// (messages/snapshot.capnp); SLOT is its slot_out, with zeros in front.
constexpr uint32_t snapshot_format_version = 1;
std::filesystem::path snapshot_path(const std::filesystem::path& directory, slot_number slot_out);
/// None: a file of that name is no snapshot.
std::optional<slot_number> snapshot_slot(const std::string& name);

/// Of what a snapshot is, as its head says.
struct snapshot_description {
  snapshot_info what;
  snapshot_origin whose;
  int64_t log_time = 0; ///< of the state
};

/// Reads the head of a snapshot of any cluster's. Errors and blocking as below.
caf::expected<snapshot_description> describe_snapshot(disk& files, const std::filesystem::path& path);
/// Reads the head of a snapshot alone. An error (caf::sec::invalid_argument: the file is damaged, or another one's) names the
/// file, and the offset where that helps. Blocks.
caf::expected<snapshot_info> look_at_snapshot(disk& files, const std::filesystem::path& path, const snapshot_origin& whose);
/// Reads all of it, and looks at every record. Without a machine's name in `whose` it may be of any, and the same with a
/// cluster's. Blocks, for as long as the file is large.
caf::expected<snapshot_info> check_snapshot(disk& files, const std::filesystem::path& path, const snapshot_origin& whose,
                                            const progress& told = {});
/// The same, and brings a fresh state to what the snapshot says; after an error the state is good for nothing.
caf::expected<snapshot_info> restore_snapshot(disk& files, const std::filesystem::path& path, const snapshot_origin& whose,
                                              replicated_state& into, const progress& told = {});

/// Writes the same state, of the same slot, as a snapshot of another cluster, which begins with it and with these members. `from`
/// was found to be whole (`check_snapshot`): here records are looked at one by one. Gives the new file's description. Errors and
/// blocking as above.
caf::expected<snapshot_info> copy_snapshot(disk& files, const std::filesystem::path& from, const std::filesystem::path& directory,
                                           const snapshot_origin& whose, const configurations& members, log_token token,
                                           const progress& told = {});

/// One record to be written.
struct snapshot_record {
  record_header header;
  block_ptr content;
};

/// The replicated state as it was when this was made, told as the records of a snapshot while commands go on. It belongs to the
/// thread that performs them, and ends before the state does, which stays where it is.
class state_snapshot {
public:
  state_snapshot(replicated_state& of, const snapshot_origin& whose, log_token token);

  /// The next records, about `snapshot_piece_bytes`; none: all is told.
  std::vector<snapshot_record> next();

  slot_number slot_out() const { return slot_out_; }
  log_token token() const { return token_; }
  /// What is in memory for its sake alone.
  size_t held_bytes() const { return machine_->held_bytes(); }

private:
  template <class S>
  snapshot_record record(record_kind kind, builder<S>& content);
  std::vector<snapshot_record> next_sessions();
  std::vector<snapshot_record> next_pieces();
  std::vector<snapshot_record> end();

  enum class part : uint8_t { head, sessions, pieces, end, nothing };

  slot_number slot_out_;
  log_token token_;
  builder<schema::SnapshotHead> head_;
  std::unique_ptr<snapshot_source> machine_;
  std::unique_ptr<session_table::moment> sessions_;
  part next_ = part::head;
  record_number sequence_ = 0;
  uint64_t sessions_told_ = 0;
};

} // namespace synod
