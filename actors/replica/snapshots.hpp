// A replica's snapshots on its disk.
#pragma once

#include "synod/actors/replica/snapshot_file.hpp"
#include "synod/actors/role/backoff.hpp"

#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace synod {

/// When the next snapshot is due, how it gets to the disk while commands go on, and which are kept (PMMC section 4.2).
///
/// One is due when the decided values performed since the last one take `after_bytes`, and a quarter of what that one takes; a
/// random quarter more, so that replicas do not all write at once. Two are kept. The earlier one is what counts as durable: so
/// the later one may turn out to be damaged, and what is needed to go on from the earlier one is still there.
///
/// It writes nothing itself: it tells what is to be done at the disk, a piece at a time, and is told when that is done. A
/// snapshot that cannot be written is given up, and tried again after a pause: nothing depends on it but what can be collected.
///
/// Bounds: a piece at a time in memory, and what the state machine holds for it; above `held_limit_bytes` of that, and a third of
/// what the last snapshot took, the snapshot is given up. On disk: those kept, the one under way, and those that others are
/// given.
class snapshots {
public:
  using time_point = backoff::time_point;

  struct options {
    std::filesystem::path directory;
    snapshot_origin whose;
    uint64_t after_bytes;
  };

  static constexpr size_t most_kept = 2;
  static constexpr uint64_t held_limit_bytes = 64u << 20;

  // Numbers of works; others are free for whoever uses this.
  static constexpr uint64_t write_number = 1;
  static constexpr uint64_t remove_number = 2;
  static constexpr uint64_t first_free_number = 3;

  /// What a start has found (`restore_latest`). `files` outlives it and all its works.
  struct found {
    std::vector<snapshot_info> kept;            ///< the earliest first
    std::vector<std::filesystem::path> refused; ///< files that are no whole snapshots; removed when there is a further one
  };
  snapshots(disk& files, options opts, found before, uint64_t seed);

  // -- taking

  /// A decided value of so many bytes was performed.
  void performed(uint64_t bytes) { since_bytes_ += bytes; }
  /// One of this slot or a later one is wanted, however little was performed.
  void want(slot_number slot_out) { wanted_ = std::max(wanted_, slot_out); }
  /// It is time to take one, of that slot.
  bool due(slot_number slot_out, time_point now) const {
    auto newest = kept_.empty() ? 0 : kept_.back().slot_out;
    auto wanted = newest < wanted_ && wanted_ <= slot_out && newest < slot_out;
    return !taken_ && (since_bytes_ >= threshold_bytes_ || wanted) && again_.due(now);
  }
  void begin(std::unique_ptr<state_snapshot> what);
  bool taking() const { return taken_ != nullptr; }
  /// Too much is held for it: the disk does not keep up.
  bool exceeds() const;
  /// The state that it is taken of goes, or it takes too much: what there is of it is thrown away.
  void give_up(time_point now);

  /// What is to be done at the disk now; none: nothing, or something is under way.
  std::optional<disk_work> next_work();
  /// A work of this one's is done. Gives what went wrong, in words; empty: nothing.
  std::string done(uint64_t number, const caf::error& failure, time_point now);

  /// One has come from another replica, and is there.
  void add(const snapshot_info& x);

  // -- what is kept

  /// A state that every slot below led to is durable; 1: none is.
  slot_number durable_below() const { return kept_.size() < most_kept ? 1 : kept_[kept_.size() - most_kept].slot_out; }
  /// Null: there is none.
  const snapshot_info* latest() const { return kept_.empty() ? nullptr : &kept_.back(); }
  const snapshot_info* find(log_token token) const;
  std::filesystem::path path_of(const snapshot_info& x) const { return snapshot_path(options_.directory, x.slot_out); }
  /// It is not removed before then.
  void pin(const snapshot_info& x, time_point until) { pinned_[x.token] = until; }
  void let_go(time_point now);

  uint64_t taken() const { return count_; }
  /// Of those kept.
  uint64_t bytes() const;
  /// Held for the one under way.
  uint64_t held_bytes() const { return taken_ ? taken_->held_bytes() : 0; }

private:
  /// What is not needed any more.
  struct rest {
    std::vector<std::filesystem::path> files;
    std::vector<std::shared_ptr<unfinished_file>> unfinished;
    bool empty() const { return files.empty() && unfinished.empty(); }
  };

  void set_threshold();
  void find_superfluous();
  disk_work remove_rest();
  disk_work write(std::vector<snapshot_record> records);
  disk_work finish();

  disk& files_;
  options options_;
  std::minstd_rand random_;
  std::vector<snapshot_info> kept_; // by slot
  uint64_t since_bytes_ = 0;        // performed since the last one
  uint64_t threshold_bytes_ = 0;
  slot_number wanted_ = 0;
  backoff again_;
  uint64_t count_ = 0;

  std::unique_ptr<state_snapshot> taken_;
  snapshot_info under_way_;               // what the file will be
  std::shared_ptr<unfinished_file> file_; // which only works use
  bool writing_ = false;                  // a work is under way, and
  bool finishing_ = false;                // it is the last one
  rest rest_;
  bool removing_ = false;
  std::vector<std::filesystem::path> refused_;
  std::map<log_token, time_point> pinned_;
};

/// What a start makes of the snapshots that are there.
struct restored_snapshots {
  replicated_state state; ///< of the latest one that is whole; a fresh one, if there is none
  snapshots::found found;
  std::vector<std::string> problems; ///< with those that were refused, a text each
};

/// Looks into a directory that may not be there yet, for a start; removes what a crash left. Of those before the one that it
/// restores only the beginning is read. `fresh` makes a state. Blocks.
caf::expected<restored_snapshots> restore_latest(disk& files, const std::filesystem::path& directory,
                                                 const snapshot_origin& whose, const std::function<replicated_state()>& fresh,
                                                 const progress& told = {});

} // namespace synod
