#include "synod/actors/role/durable_message.hpp"

#include <xxhash.h>

#include <algorithm>

namespace synod {

caf::error write_message(disk& files, const std::filesystem::path& path, const block_ptr& content) {
  if (content->size_bytes() + sizeof(uint64_t) > durable_message_limit_bytes) // It could not be read back.
    return caf::make_error(caf::sec::runtime_error,
                           path.string() + ": would be larger than " + std::to_string(durable_message_limit_bytes) + " bytes");
  std::vector<uint64_t> words{XXH3_64bits(content->words().data(), content->size_bytes())};
  words.insert(words.end(), content->words().begin(), content->words().end());
  return write_whole(files, path, std::as_bytes(std::span{words}));
}

caf::error damaged_message(const std::filesystem::path& path) {
  return caf::make_error(caf::sec::invalid_argument, path.string() + ": is damaged: its checksum does not fit");
}

caf::expected<std::vector<uint64_t>> read_message_words(disk& files, const std::filesystem::path& path) {
  auto file = files.open(path);
  if (!file)
    return file.error();
  auto size = (*file)->size();
  std::vector<uint64_t> words(std::min(size, durable_message_limit_bytes) / sizeof(uint64_t));
  if (auto failure = (*file)->read(0, std::as_writable_bytes(std::span{words})))
    return failure;
  if (size != words.size() * sizeof(uint64_t) || words.size() < 2
      || words.front() != XXH3_64bits(words.data() + 1, (words.size() - 1) * sizeof(uint64_t)))
    return damaged_message(path);
  words.erase(words.begin());
  return words;
}

} // namespace synod
