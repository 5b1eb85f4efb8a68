// What a start makes of an acceptor's log.
#pragma once

#include "synod/actors/acceptor/log/segments.hpp"
#include "synod/actors/role/progress.hpp"

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace synod {

/// Where a log ends, once a start has read and mended it: all before is durable, all behind is zeros, durably.
struct log_end {
  record_number sequence = 0; ///< of the last record
  uint64_t first_segment = 1;
  uint64_t segment = 1; ///< the last one, and
  size_t segment_bytes = 0;
  size_t offset = 0; ///< where the next record goes in it
  std::unique_ptr<disk::file> file;
  std::string cut; ///< what was cut off, in words; empty: nothing was torn
};

/// Reads a log from its beginning, finds its end and mends it. Used once, by the thread that starts a node.
///
/// What a crash leaves, and what is made of it:
/// - Records behind the last sync may be there, missing or torn, in any combination: nobody was told of them. The log ends
///   before the first that is not whole, and the rest is cut: overwritten with zeros, synced, reported. Records that are whole
///   but may not have been synced are written once more, and synced, before anybody is told of them.
/// - A record that is not whole although a later one says that it was durable is damage, not a crash. So is anything missing
///   before the last segment, and a file that is shorter than it was made. The log is then refused, and the error names file and
///   offset.
/// - A file at the end that does not begin with its own `SegmentStart`: a segment that was prepared, not used. It is removed.
/// - Segments that the log's extent counts and that are not there, or no extent: somebody has removed them. The log is refused.
/// - Segments before those that the extent counts were released; they are removed.
/// - Records with lower numbers behind the end are what is left of an earlier use of the segment: they mean nothing.
/// - Behind the end at most `most_looked_at_bytes` of what looks like records are summed up: a value that is made to look like
///   many would keep the acceptor from starting otherwise.
/// A flipped bit in the very last sync of a crashed log cannot be told from a torn write; a log that was closed in order ends
/// with a `closed` record, which leaves no such doubt.
class log_recovery {
public:
  /// Gets every record of the log in order, the segments' starts included.
  using visitor = std::function<void(record_kind, const block_ptr&, const record_position&)>;

  log_recovery(disk& files, log_segments& segments, progress told = {})
    : files_{files}, segments_{segments}, progress_{std::move(told)} {}

  static constexpr uint64_t most_looked_at_bytes = uint64_t{4} << 30;

  /// A log that is not there yet is begun.
  caf::expected<log_end> run(const visitor& visit);

  /// What a start would find, without a change to anything: the numbers of its segments, and what would be cut.
  struct looked_at {
    uint64_t first_segment = 0;
    uint64_t last_segment = 0; ///< with records
    record_number records = 0;
    std::string cut;
  };
  caf::expected<looked_at> look(const visitor& visit);

private:
  /// A place between records.
  struct place {
    size_t index = 0; // in numbers_
    size_t offset = 0;
  };

  caf::error replay(const visitor& visit);
  caf::expected<bool> replay_segment(const visitor& visit, size_t index);
  caf::error take(const found_record& found, place at, size_t file_bytes, const visitor& visit);
  caf::error find_segments();
  caf::error begin_log();
  caf::error look_behind();
  caf::error look_behind(size_t index, size_t begin);
  caf::error remove_unused();
  caf::expected<log_end> mend_end();
  caf::error mend(disk::file& last);
  caf::error begin_first();

  disk& files_;
  log_segments& segments_;
  progress progress_;             // of reading what is there, by the size of segments
  std::vector<uint64_t> numbers_; // of the segments that are there
  place end_;
  record_number sequence_ = 0;
  record_number durable_ = 0;                               // that the records seen so far say
  bool closed_ = false;                                     // the last record says so
  std::deque<std::pair<record_number, size_t>> not_synced_; // and their offsets: none behind says that they are durable
  uint64_t looked_at_bytes_ = 0;                            // behind the end, of what looked like records
  bool is_there_ = false;                                   // it was begun, and
  log_segments::extent extent_;                             // says so
  log_end result_;
};

} // namespace synod
