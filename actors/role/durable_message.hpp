// A durable file that holds one message.
#pragma once

#include "synod/actors/role/disk.hpp"
#include "synod/messages/message.hpp"

namespace synod {

/// Largest file of this kind.
constexpr size_t durable_message_limit_bytes = 64u << 10;

/// Writes one Cap'n Proto message behind its XXH3 checksum (8 bytes, little-endian), whole or not at all (`write_whole`). Blocks.
caf::error write_message(disk& files, const std::filesystem::path& path, const block_ptr& content);

/// The words of a message that was written so; an error when they are not those, or there is no such file. Blocks.
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
