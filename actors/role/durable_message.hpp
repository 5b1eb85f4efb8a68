// A durable file that holds one message.
#pragma once

#include "synod/actors/role/disk.hpp"
#include "synod/messages/message.hpp"

namespace synod {

/// Largest file of this kind.
constexpr size_t durable_message_limit_bytes = 64u << 10;

/// Writes one Cap'n Proto message behind its XXH3 checksum (8 bytes, little-endian), whole or not at all (`write_whole`). Blocks.
caf::error write_message(disk& files, const std::filesystem::path& path, const block_ptr& content);

/// The same, but in place once the file is there: then it needs no room, and so can be written on a full disk.
///
/// The file holds the message twice, a copy in each half, which is a multiple of `copy_unit_bytes`: the XXH3 checksum of what
/// follows, the number of words (8 bytes each, little-endian), the words, zeros. The first copy is written and synced, then the
/// second. So a crash leaves one that is whole, and the first of these that is read is no older than what anybody was told of; a
/// block that goes bad later takes nothing away. What has grown out of its half, and a file that is not such a one yet, is
/// written whole, with some room to grow.
///
/// What an earlier process wrote, and was killed before it synced, is read and may not be durable: who relies on what it has read
/// writes it once more. Blocks.
caf::error write_in_place(disk& files, const std::filesystem::path& path, const block_ptr& content);
constexpr size_t copy_unit_bytes = 4096;

/// The words of a message that was written either way; an error when they are not those, or there is no such file. Blocks.
caf::expected<std::vector<uint64_t>> read_message_words(disk& files, const std::filesystem::path& path);

/// Says that the file is not what was written there.
caf::error damaged_message(const std::filesystem::path& path);

template <class Schema>
caf::expected<message<Schema>> read_message(disk& files, const std::filesystem::path& path) {
  auto words = read_message_words(files, path);
  if (!words)
    return words.error();
  auto found = message<Schema>::from(*words);
  if (!found)
    return damaged_message(path);
  return *found;
}

} // namespace synod
