// The files of the acceptor's log.
#pragma once

#include "synod/actors/role/record.hpp"
#include "synod/messages/ballot.hpp"
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
/// then zeros, or what is left of an earlier use: records with lower numbers. The first record is a `SegmentStart`: format
/// version, cluster, node, the segment's number and size, the log's token, and what has to outlive the segments before it.
/// Numbers go up one by one; the first need not be 1. Beside them a file `extent` (schema::LogExtent, a durable message,
/// written in place) bears the token, too, and says from which number to which they must be there. Those below are free: they are
/// used again under another number.
class log_segments {
public:
  static constexpr uint32_t format_version = 5;
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

  /// What each segment carries on, so that those before it may go.
  struct carried {
    ballot promised;            ///< the acceptor's ballot
    slot_number first_kept = 1; ///< of its slots
  };

  /// The content of a segment's first record. Its size is the same for all segments of a log.
  block_ptr start_of(uint64_t number, size_t bytes, const carried& on) const;
  /// Of the first record, and of one that says that the log was closed.
  size_t start_bytes() const { return record_bytes(start_of(0, 0, {})); }

  /// What is wrong with the beginning of the segment with that number, in a file of that size.
  caf::error check_start(schema::SegmentStart::Reader start, uint64_t number, size_t file_bytes) const;

  /// Where the log begins and ends.
  struct extent {
    uint64_t first = 1;
    uint64_t last = 0; ///< 0: there is no segment yet
  };

  /// The numbers of the segments that are there, from `first` on, in order; an error when one between them is missing.
  caf::expected<std::vector<uint64_t>> find(disk& files, uint64_t first) const;
  /// Removes those before, and what a crash left unfinished.
  caf::error clean_up(disk& files, uint64_t first) const;

  caf::expected<std::unique_ptr<disk::file>> open(disk& files, uint64_t number) const;
  /// Makes a segment: of zeros, or of the free one with the number `again`, if that is as large (0: there is none). One that was
  /// there by its number is gone. From then on the log extends to it.
  caf::error prepare(disk& files, uint64_t number, size_t bytes, uint64_t first = 1, uint64_t again = 0) const;
  /// Where the log begins and ends; none: it was never begun. Takes over the token that it was begun with.
  caf::expected<std::optional<extent>> find_extent(disk& files);
  caf::error set_extent(disk& files, const extent& x) const;
  /// The log begins with segment `first` now; those of the ones before that are to go are deleted.
  caf::error release(disk& files, const extent& x, uint64_t delete_from, uint64_t delete_end) const;
  /// Reads records back, from whatever segments they are in.
  caf::expected<std::vector<block_ptr>> read(disk& files, const std::vector<record_position>& where) const;

private:
  caf::error write_zeros(disk& files, uint64_t number, size_t bytes) const;
  caf::error use_again(disk& files, uint64_t free, uint64_t number, size_t bytes) const;

  options options_;
};

} // namespace synod
