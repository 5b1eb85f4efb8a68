// The acceptor's write-ahead log.
#pragma once

#include "synod/actors/acceptor/storage.hpp"
#include "synod/actors/role/disk.hpp"

#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <vector>

namespace synod {

/// A write-ahead log in pre-written segments; group commit by `sync`.
///
/// # On disk
/// A directory of files `NNNNNNNNNNNN.log`, N the segment's number from 1. A file is
/// written full of zeros and synced before it is used, so that an append changes no
/// file size and one fdatasync costs one write to the disk. Little-endian words of 8
/// bytes; a segment is a run of records, then zeros. A record:
///
/// | bytes | content |
/// |---|---|
/// | 8 | XXH3 (64 bits) over the content, seeded with the XXH3 of the rest of this header |
/// | 8 | sequence: number of this record in the log, from 1, no gaps |
/// | 8 | durable: every record up to this sequence was durable when this one was written |
/// | 4 | size of the content in words |
/// | 4 | kind (`record_kind`) |
/// | 8 n | content: one Cap'n Proto message, single segment, with its header word |
///
/// The first record of a segment is a `SegmentStart`: format version, cluster, node,
/// segment number and file size.
///
/// # After a crash
/// - Records behind the last sync may be there, missing or torn, in any
///   combination: nobody was told of them. Replay ends before the first that is not
///   whole, and the rest of the log is cut: overwritten with zeros, synced, reported. Records that are whole but may
///   not have been synced are written once more, and synced, before anybody is told of them.
/// - A record that is not whole although a later one says that it was durable is
///   damage, not a crash. So is anything missing before the last segment,
///   and a file that is shorter than it was made. The log then
///   refuses to open and names file and offset.
/// - Zeros or a file without a `SegmentStart` at the end: a segment that was prepared, not used.
/// A flipped bit in the very last sync of a crashed log cannot be told from a torn write;
/// a log closed in order ends with a `closed` record, which leaves no such doubt.
class file_log : public storage {
public:
  struct options {
    std::filesystem::path directory;
    std::string cluster;
    std::string node;
    size_t segment_bytes = 16u << 20;
    std::shared_ptr<disk> files;
  };

  /// Largest content of one record in bytes.
  static constexpr size_t record_limit_bytes = message_limit_bytes;

  explicit file_log(options opts);
  ~file_log() override;

  caf::error replay(const visitor& visit) override;
  caf::expected<position> append(record_kind kind, const block_ptr& content) override;
  caf::error sync() override;
  caf::expected<block_ptr> read(position where) override;
  caf::error close() override;

  /// What replay cut off, in words; empty when nothing was torn.
  const std::string& cut() const { return cut_; }

private:
  struct record_header {
    uint64_t checksum;
    uint64_t sequence;
    uint64_t durable;
    uint32_t words;
    uint32_t kind;
  };

  struct segment {
    std::unique_ptr<disk::file> file;
    std::filesystem::path path;
  };

  struct waiting {
    record_header header;
    block_ptr content;
  };

  struct scan;

  caf::error replay_segment(scan& state, const visitor& visit);
  caf::error check_behind(const scan& state) const;
  caf::error report_tail(const scan& state);
  caf::error mend_tail(const scan& state);
  caf::error open_files();
  caf::error start_segment(size_t room);
  caf::error write_waiting();
  void prepare_next();
  std::filesystem::path path_of(uint64_t number) const;
  block_ptr segment_start(uint64_t number, size_t size) const;

  options options_;
  std::vector<segment> segments_; // index: number - 1
  size_t offset_ = 0;             // where the next record goes in the last segment
  size_t write_offset_ = 0;       // where the records that wait for the next write begin
  uint64_t sequence_ = 0;         // of the last record appended
  uint64_t durable_ = 0;          // of the last record synced
  std::vector<waiting> waiting_;
  std::vector<std::span<const std::byte>> parts_; // of the write under way
  std::future<caf::error> prepared_;              // the segment behind the last one, made in a thread of its own
  std::string cut_;
  bool failed_ = false;
};

} // namespace synod
