#include "synod/actors/role/record.hpp"

#include "synod/messages/log.capnp.h"
#include "synod/messages/paxos.capnp.h"
#include "synod/messages/snapshot.capnp.h"

#include <xxhash.h>

#include <cstring>
#include <iterator>

namespace synod {

namespace {

constexpr size_t checksum_bytes = sizeof(uint64_t);

/// Of a record: its content, seeded with what is behind the checksum in its header, and with the log's token.
uint64_t checksum_of(const record_header& header, std::span<const std::byte> content, log_token token) {
  auto seed = XXH3_64bits(reinterpret_cast<const char*>(&header) + checksum_bytes, record_header_bytes - checksum_bytes);
  if (header.kind != record_kind::segment_start && header.kind != record_kind::snapshot_head)
    seed ^= token;
  return XXH3_64bits_withSeed(content.data(), content.size(), seed);
}

} // namespace

const capnp::StructSchema* schema_of(record_kind kind) {
  static const capnp::StructSchema schemas[] = {
    capnp::Schema::from<schema::SegmentStart>(),     capnp::Schema::from<schema::Pvalue>(),
    capnp::Schema::from<schema::Promise>(),          capnp::Schema::from<schema::SegmentStart>(),
    capnp::Schema::from<schema::Collected>(),        capnp::Schema::from<schema::SnapshotHead>(),
    capnp::Schema::from<schema::SnapshotSessions>(), capnp::Schema::from<schema::SnapshotPiece>(),
    capnp::Schema::from<schema::SnapshotEnd>()};
  auto index = static_cast<uint32_t>(kind) - 1;
  return index < std::size(schemas) ? &schemas[index] : nullptr;
}

record_header header_of(record_number sequence, record_number durable, record_kind kind, const block_ptr& content,
                        log_token token) {
  record_header header{0, sequence, durable, static_cast<uint32_t>(content->words().size()), kind};
  header.checksum = checksum_of(header, std::as_bytes(content->words()), token);
  return header;
}

std::optional<found_record> record_in(std::span<const std::byte> bytes, log_token token) {
  if (bytes.size() < record_header_bytes)
    return std::nullopt;
  record_header header;
  std::memcpy(&header, bytes.data(), record_header_bytes);
  auto size = size_t{header.words} * sizeof(uint64_t);
  if (header.sequence == 0 || header.words == 0 || size > bytes.size() - record_header_bytes)
    return std::nullopt;
  auto content = bytes.subspan(record_header_bytes, size);
  if (header.checksum != checksum_of(header, content, token))
    return std::nullopt;
  return found_record{
    header.sequence, header.durable, header.kind, {reinterpret_cast<const uint64_t*>(content.data()), header.words}};
}

caf::expected<block_ptr> read_record(const disk::file& from, const std::filesystem::path& path, const record_position& where,
                                     log_token token) {
  std::vector<uint64_t> words(where.bytes / sizeof(uint64_t));
  if (auto failure = from.read(where.offset, std::as_writable_bytes(std::span{words})))
    return failure;
  auto found = record_in(std::as_bytes(std::span{words}), token);
  if (!found || found->bytes() != where.bytes)
    return caf::make_error(caf::sec::runtime_error,
                           path.string() + ": offset " + std::to_string(where.offset) + ": the record is damaged");
  auto content = std::make_unique_for_overwrite<uint64_t[]>(found->content.size());
  std::memcpy(content.get(), found->content.data(), found->content.size_bytes());
  return caf::make_counted<block>(std::move(content), found->content.size());
}

} // namespace synod
