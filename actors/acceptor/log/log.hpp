// The acceptor's write-ahead log.
#pragma once

#include "synod/actors/acceptor/log/recovery.hpp"

#include <deque>
#include <memory>
#include <optional>
#include <vector>

namespace synod {

/// An acceptor's records, durable in the order in which they were appended: segments (segments.hpp) of records (record.hpp),
/// read and mended at a start (recovery.hpp).
///
/// It writes nothing itself: it tells what is to be done at the disk, and is told when that is done. Appends collect while a
/// write is under way; the next write takes all of them, with one sync (group commit). At most one write is under way, and none
/// reaches over the end of a segment: a segment is begun when the one before it is durable, so only the last one may end torn.
/// The segment behind the last one is prepared beforehand, so that a write seldom waits for it. Segments that are not needed any
/// more are released, whole ones, and used again.
///
/// A segment that cannot be made for want of room ends nothing: it is tried again, and meanwhile what there is is used sparingly
/// (`has_room`).
///
/// Bounds: what waits for its write is what was appended and not answered; one segment is prepared ahead, `most_free` wait to be
/// used again.
class write_ahead_log {
public:
  using work = disk_work;

  // Numbers of works; others are free for whoever uses the log.
  static constexpr uint64_t write_number = 1;
  static constexpr uint64_t segment_number = 2;
  static constexpr uint64_t release_number = 3;
  static constexpr uint64_t first_free_number = 4;

  static constexpr uint64_t most_free = 8; ///< segments

  /// Where a record is, or will be.
  struct placed {
    record_number number;
    record_position where;
  };

  /// Opens and replays a log; blocks. What is wrong with it is the error. `files` outlives the log and all its works.
  static caf::expected<std::unique_ptr<write_ahead_log>> open(disk& files, log_segments::options opts,
                                                              const log_recovery::visitor& visit, progress told = {});

  /// What segments that are entered from now on carry on. To be told before the record of it is appended.
  void carry(const log_segments::carried& on) { carried_ = on; }
  /// A record can be added, and will not wait for room on the disk: what becomes of it depends on nothing but the next write.
  /// While the disk is full (`full`), or a segment could not be made, only what goes into segments that are there, and the last
  /// one keeps room for what must not wait behind pvalues: promises, and above all what is collected. At other times always.
  bool has_room(record_kind kind, size_t content_bytes, bool full) const;
  /// Adds a record; it is durable when a write that takes it is done.
  placed append(record_kind kind, const block_ptr& content);

  /// The write of what waits; none: nothing does, a write is under way, or the segment that it goes to is not prepared yet.
  std::optional<work> next_write();
  /// The preparation of the segment that will be needed next; none: it is there, or under way.
  std::optional<work> next_segment();
  /// That failed for want of room: it is wanted again when `try_segment_again` says so.
  void segment_failed();
  void try_segment_again() { waits_for_room_ = false; }
  /// It has failed, and has not been made since.
  bool lacks_segment() const { return lacks_segment_; }
  /// While the disk is full, fewer segments wait to be used again.
  void be_sparing(bool on) { most_free_ = on ? 1 : most_free; }
  /// Segments before this one hold nothing that is needed, but for what later ones carry on (none: no segment does). The one that
  /// writes go to stays.
  void release_before(std::optional<uint64_t> segment);
  /// What has to be done for that; none: nothing, or it is under way, or a segment is being prepared.
  std::optional<work> next_release();
  /// A work of this log's is done, without an error. (With one there is no going on: nothing is tried again, but for a segment
  /// that could not be made.)
  void done(uint64_t number);

  /// The highest record that is durable, with all before it.
  record_number durable() const { return durable_; }
  bool writing() const { return writing_until_ > 0; }
  /// Of a segment, as a rule.
  size_t segment_bytes() const { return segments_->segment_bytes(); }
  uint64_t last_segment() const { return last_.number; }
  const std::filesystem::path& directory() const { return segments_->directory(); }
  /// In segments that are not released.
  uint64_t kept_bytes() const { return (last_.number - first_segment_) * segments_->segment_bytes() + offset_; }

  /// Reads durable records back, in their order.
  work read(uint64_t number, std::vector<record_position> where, std::shared_ptr<std::vector<block_ptr>> into) const;

  /// Marks an orderly end, behind a write that may be under way. What still waits was told to nobody and is dropped.
  work close();

  /// What the start cut off, in words; empty: nothing was torn.
  const std::string& cut() const { return cut_; }

private:
  /// The segment that writes go to; only work in the durable lane uses it.
  struct tail {
    std::unique_ptr<disk::file> file;
    bool ended = false; // a write failed, or the log was closed: nothing goes behind it
  };

  struct waiting {
    record_number number;
    record_kind kind;
    block_ptr content;
    record_position where;
  };

  struct segment {
    uint64_t number = 0;
    size_t bytes = 0;
  };

  write_ahead_log(disk& files, std::shared_ptr<const log_segments> segments, log_end end);
  bool is_there(uint64_t segment) const { return segment == open_segment_ || segment == prepared_.number; }
  void enter_next(size_t record);
  placed place(record_kind kind, const block_ptr& content);
  static caf::error write(tail& to, const std::vector<waiting>& batch, record_number durable, log_token token);

  disk& files_;
  std::shared_ptr<const log_segments> segments_;
  std::shared_ptr<tail> tail_ = std::make_shared<tail>();
  std::string cut_;
  size_t closing_bytes_; // kept free at the end of each segment, for a closed record
  log_segments::carried carried_;

  // where the next record goes
  segment last_;
  size_t offset_;
  record_number sequence_;      // of the last record
  std::deque<segment> entered_; // segments with records, no write to them has begun
  std::vector<waiting> waiting_;

  // at the disk
  uint64_t open_segment_; // of the tail, as of the last write handed over
  size_t written_offset_; // its end, that write's included
  record_number durable_;
  record_number writing_until_ = 0; // 0: no write is under way
  segment prepared_;                // number 0: none
  segment preparing_;
  bool lacks_segment_ = false;  // it could not be made, and
  bool waits_for_room_ = false; // is not to be tried now
  uint64_t most_free_ = most_free;
  uint64_t first_segment_;        // those before are released, as soon as
  uint64_t released_before_;      // that is durable
  uint64_t releasing_before_ = 0; // is about to be; 0: no release is under way
  uint64_t first_free_;           // the first of those that are released and there
};

} // namespace synod
