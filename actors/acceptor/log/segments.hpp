// The files of the acceptor's log.
#pragma once

#include "synod/actors/acceptor/log/record.hpp"
#include "synod/messages/log.capnp.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace synod {

/// What is told of a log that is damaged, or cannot be used: file, and what is wrong with it.
caf::error log_problem(const std::filesystem::path& file, const std::string& what);
/// The same for a file that is not there.
caf::error log_part_missing(const std::filesystem::path& file, const std::string& why);

/// Names and beginnings of a log's segments, which are known by number. Owns no files: each is open only where it is used.
/// Never changes once the log is recovered, so that work aside may share it.
///
/// A segment is a file `NNNNNNNNNNNN.log`, N its number. It is written full of zeros, under a temporary name, before it gets its
/// own, so that an append changes no file size and one sync costs one write to the disk. It is a run of records (record.hpp),
/// then zeros. The first record is a `SegmentStart`: format version, cluster, node, the segment's number, its size, the
/// number of the first segment that the log kept at that time, and the log's token. Numbers go up one by one; the first need not
/// be 1. Beside them a file `extent` (schema::LogExtent, a durable message) bears the token, too, and says up to which number
/// they must be there.
class log_segments {
public:
  static constexpr uint32_t format_version = 3;
  static constexpr size_t smallest_bytes = 4096;

  struct options {
    std::filesystem::path directory;
    std::string cluster;
    std::string node;
    size_t segment_bytes = 16u << 20;
    log_token token = 0;   ///< random, for a log that is begun
    bool is_begun = false; ///< there was one
  };

  explicit log_segments(options opts) : options_{std::move(opts)} {}

  const std::filesystem::path& directory() const { return options_.directory; }
  /// Of a segment, unless a record needs more.
  size_t segment_bytes() const { return options_.segment_bytes; }
  std::filesystem::path path_of(uint64_t number) const;
  /// If nothing of it is there, it was removed.
  bool is_begun() const { return options_.is_begun; }
  std::filesystem::path extent_path() const { return options_.directory / "extent"; }
  log_token token() const { return options_.token; }

  /// The content of a segment's first record. Its size is the same for all segments of a log.
  block_ptr start_of(uint64_t number, uint64_t first, size_t bytes) const;
  /// Of the first record, and of one that says that the log was closed.
  size_t start_bytes() const { return record_bytes(start_of(0, 0, 0)); }

  /// What is wrong with the beginning of the segment with that number, in a file of that size.
  caf::error check_start(schema::SegmentStart::Reader start, uint64_t number, size_t file_bytes) const;

  /// The numbers of the segments that are there, in order; an error when one between them is missing. Removes what a crash left
  /// unfinished; makes the directory.
  caf::expected<std::vector<uint64_t>> find(disk& files) const;

  caf::expected<std::unique_ptr<disk::file>> open(disk& files, uint64_t number) const;
  /// Makes a segment of zeros; one that was there by that number is gone. From then on the log extends to it.
  caf::error prepare(disk& files, uint64_t number, size_t bytes) const;
  /// The last segment that must be there; none: the log was never begun. Takes over the token that it was begun with.
  caf::expected<std::optional<uint64_t>> find_extent(disk& files);
  caf::error set_extent(disk& files, uint64_t last) const;
  /// Reads records back, from whatever segments they are in.
  caf::expected<std::vector<block_ptr>> read(disk& files, const std::vector<record_position>& where) const;

private:
  options options_;
};

} // namespace synod
