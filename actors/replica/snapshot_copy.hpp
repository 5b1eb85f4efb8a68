// How a replica that is far behind gets a snapshot from another one.
#pragma once

#include "synod/actors/replica/snapshots.hpp"
#include "synod/actors/role/backoff.hpp"
#include "synod/messages/roles.hpp"

#include <memory>
#include <optional>

namespace synod {

/// Fetches a snapshot piece by piece when what this replica lacks has been collected: one piece is asked for at a time, from one
/// replica, at `bytes_per_second` at most; its file is then read and restored like one of its own. Who does not answer, or has
/// nothing, or whose snapshot turns out to be damaged, is left for the next one. The replica beside the active leader has other
/// things to do: it is asked last.
///
/// A piece is taken where it belongs and if its checksum is right, so what is lost, repeated or damaged on its way is asked for
/// again, and a broken connection costs one piece.
///
/// Bounds: a piece in memory, the file on disk.
class snapshot_copy {
public:
  using time_point = backoff::time_point;

  struct options {
    std::filesystem::path directory;
    snapshot_origin whose;
    uint64_t bytes_per_second;
  };

  // Numbers of its works.
  static constexpr uint64_t write_number = snapshots::first_free_number;
  static constexpr uint64_t restore_number = write_number + 1;
  static constexpr uint64_t discard_number = write_number + 2;
  static constexpr uint64_t first_free_number = write_number + 3;

  snapshot_copy(disk& files, options opts)
    : files_{files},
      options_{std::move(opts)},
      again_{first_pause, last_pause},
      after_failure_{last_pause, most_pause_after_failure} {}

  /// Slots from this one on are missing here, and some of them were collected.
  void want(slot_number slot_out) {
    wanted_ = true;
    slot_out_ = slot_out;
  }
  /// It is not needed any more: what there is of one is dropped, unless it is at the disk right now.
  void give_up();
  /// Until one is taken, or given up.
  bool wanted() const { return wanted_; }
  bool under_way() const { return wanted_ && what_.token != 0; }
  /// The state that it will lead to; 0: none is under way.
  slot_number slot_out() const { return under_way() ? what_.slot_out : 0; }
  uint64_t bytes_there() const { return offset_; }
  uint64_t bytes() const { return what_.bytes; }

  struct question {
    node_id replica;
    slot_number above;
    log_token token; ///< 0: of any
    uint64_t offset;
  };
  /// What is to be asked now; mostly nothing. To be called every now and then, and when a piece was written.
  std::optional<question> to_ask(const node_set& reached, std::optional<node_id> leading, time_point now);

  /// A piece: to be written; none: it is of no use.
  std::optional<disk_work> on_chunk(schema::SnapshotChunk::Reader chunk);
  /// What a work of this one's led to.
  enum class outcome {
    goes_on,  ///< the next piece is to be asked for
    complete, ///< `restore` is to be done
    restored, ///< `take` gives the state
    failed,   ///< `problem` says why; it begins anew, elsewhere, after a pause
  };
  outcome done(uint64_t number, const caf::error& failure, time_point now);
  const std::string& problem() const { return problem_; }

  /// Reads what was copied, and brings a fresh state to it.
  disk_work restore(replicated_state fresh);
  struct restored {
    replicated_state state;
    snapshot_info what;
  };
  restored take();
  /// Throws away what was begun and is not to be; none: there is nothing. To be called every now and then.
  std::optional<disk_work> discard();

private:
  static constexpr std::chrono::milliseconds first_pause{1000}; // until a piece is asked for again
  static constexpr std::chrono::milliseconds last_pause{5000};
  static constexpr std::chrono::milliseconds most_pause_after_failure{300'000};
  static constexpr uint32_t most_attempts = 3; // for a piece, of one replica
  static constexpr std::chrono::milliseconds most_credit{100};

  /// What was begun: a file, which only works use; perhaps a part of a state, which takes its time to go.
  struct begun {
    std::shared_ptr<unfinished_file> file;
    std::shared_ptr<replicated_state> state;
  };

  void next_source();
  void begin_anew();
  void add_credit(time_point now);

  disk& files_;
  options options_;
  bool wanted_ = false;
  slot_number slot_out_ = 1;
  std::optional<node_id> source_;
  uint32_t sources_ = 0; // so many were left for the next one
  uint32_t attempts_ = 0;
  backoff again_;
  bool asked_ = false; // and not answered
  snapshot_info what_; // token 0: none yet
  uint64_t offset_ = 0;
  bool working_ = false;       // something is under way at the disk, and
  uint64_t writing_bytes_ = 0; // so many bytes of it are written
  begun present_;
  std::vector<begun> dropped_;
  backoff after_failure_; // a snapshot was fetched, and could not be used
  std::string problem_;
  int64_t credit_bytes_ = 0;
  time_point credited_{};
};

} // namespace synod
