// One record on disk: of the acceptor's log, of a snapshot.
#pragma once

#include "synod/actors/role/disk.hpp"
#include "synod/messages/message.hpp"

#include <cstdint>
#include <optional>
#include <span>

namespace synod {

enum class record_kind : uint32_t {
  segment_start = 1, ///< schema::SegmentStart, written and read by the log itself
  pvalue = 2,        ///< schema::Pvalue, accepted
  promise = 3,       ///< schema::Promise
  closed = 4,        ///< schema::SegmentStart again: everything before it is durable, the log was closed in order
  collected = 5,     ///< schema::Collected
  // Of a snapshot, in this order:
  snapshot_head = 6,     ///< schema::SnapshotHead
  snapshot_sessions = 7, ///< schema::SnapshotSessions, any number of them
  snapshot_piece = 8,    ///< schema::SnapshotPiece, any number of them
  snapshot_end = 9,      ///< schema::SnapshotEnd
};

/// What a record of that kind holds; null: there is no such kind.
const capnp::StructSchema* schema_of(record_kind kind);

/// The number of a record in its log or snapshot, from 1, no gaps.
using record_number = uint64_t;

/// A record on disk, little-endian, at an offset that is a multiple of 8:
///
/// | bytes | content |
/// |---|---|
/// | 8 | XXH3 (64 bits) over the content, seeded with the XXH3 of the rest of this header, xor the log's or snapshot's token |
/// | 8 | sequence: the record's number in the log, from 1, no gaps |
/// | 8 | durable: every record up to this sequence was durable when this one was written; 0 in a snapshot |
/// | 4 | size of the content in words of 8 bytes |
/// | 4 | kind (`record_kind`) |
/// | 8 n | content: one Cap'n Proto message, single segment, with its header word |
struct record_header {
  uint64_t checksum;
  record_number sequence;
  record_number durable;
  uint32_t words;
  record_kind kind;
};

constexpr size_t record_header_bytes = 32;
static_assert(sizeof(record_header) == record_header_bytes);

/// Largest content of one record.
constexpr size_t record_limit_bytes = message_limit_bytes;

/// Where a record is in a log.
struct record_position {
  uint64_t segment = 0; ///< its number
  uint64_t offset = 0;
  uint64_t bytes = 0; ///< of header and content

  bool operator==(const record_position&) const = default;
};

inline size_t record_bytes(const block_ptr& content) {
  return record_header_bytes + content->size_bytes();
}

/// A random number of a log's own, or a snapshot's, which no client knows: so bytes that came as a value are never taken for a
/// record. The record where the token is read has none: it is at the beginning of a file, or it is nothing.
using log_token = uint64_t;

/// The header of a record with this content, checksum included.
record_header header_of(record_number sequence, record_number durable, record_kind kind, const block_ptr& content,
                        log_token token);

struct found_record {
  record_number sequence;
  record_number durable;
  record_kind kind;
  std::span<const uint64_t> content;

  size_t bytes() const { return record_header_bytes + content.size_bytes(); }
};

/// The record at the beginning of `bytes`, if it is whole; `bytes` lie at an address that is a multiple of 8.
std::optional<found_record> record_in(std::span<const std::byte> bytes, log_token token);

/// Reads a record's content back; an error if it is not what was written there. Blocks.
caf::expected<block_ptr> read_record(const disk::file& from, const std::filesystem::path& path, const record_position& where,
                                     log_token token);

} // namespace synod
