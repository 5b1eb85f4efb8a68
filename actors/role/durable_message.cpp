#include "synod/actors/role/durable_message.hpp"

#include <xxhash.h>

#include <algorithm>
#include <optional>
#include <span>

namespace synod {

caf::error damaged_message(const std::filesystem::path& path) {
  return caf::make_error(caf::sec::invalid_argument, path.string() + ": is damaged: its checksum does not fit");
}

caf::error write_message(disk& files, const std::filesystem::path& path, const block_ptr& content) {
  if (content->size_bytes() + sizeof(uint64_t) > durable_message_limit_bytes) // It could not be read back.
    return caf::make_error(caf::sec::runtime_error,
                           path.string() + ": would be larger than " + std::to_string(durable_message_limit_bytes) + " bytes");
  std::vector<uint64_t> words{XXH3_64bits(content->words().data(), content->size_bytes())};
  words.insert(words.end(), content->words().begin(), content->words().end());
  return write_whole(files, path, std::as_bytes(std::span{words}));
}

namespace {

constexpr size_t head_words = 2; // of a copy: checksum and number of words
constexpr size_t unit_words = copy_unit_bytes / sizeof(uint64_t);
constexpr size_t words_to_grow = 64;

uint64_t sum_of(std::span<const uint64_t> words) {
  return XXH3_64bits(words.data(), words.size_bytes());
}

/// The words of a copy that is whole.
std::optional<std::vector<uint64_t>> words_of_copy(std::span<const uint64_t> copy) {
  auto count = copy[1];
  if (count == 0 || count > copy.size() - head_words || copy[0] != sum_of(copy.subspan(1, count + 1)))
    return std::nullopt;
  auto words = copy.subspan(head_words, count);
  return std::vector<uint64_t>{words.begin(), words.end()};
}

/// The words of a file that holds a message twice, of the first copy that is whole.
std::optional<std::vector<uint64_t>> words_of_copies(std::span<const uint64_t> file) {
  if (file.empty() || file.size() % (2 * unit_words) != 0)
    return std::nullopt;
  auto first = words_of_copy(file.first(file.size() / 2));
  return first ? first : words_of_copy(file.last(file.size() / 2));
}

/// All that is in a file that may hold a message.
caf::expected<std::vector<uint64_t>> read_all(const disk::file& file, const std::filesystem::path& path) {
  std::vector<uint64_t> words(std::min(file.size(), durable_message_limit_bytes) / sizeof(uint64_t));
  if (auto failure = file.read(0, std::as_writable_bytes(std::span{words})))
    return failure;
  if (file.size() != words.size() * sizeof(uint64_t) || words.size() < 2)
    return damaged_message(path);
  return words;
}

/// So large is a copy in that file; 0: it is no file of copies.
size_t copy_words_of(const disk::file& file, const std::filesystem::path& path) {
  auto words = read_all(file, path);
  return words && words_of_copies(*words) ? words->size() / 2 : 0;
}

/// Both copies, as they lie in the file.
std::vector<uint64_t> laid_out(std::span<const uint64_t> words, size_t copy_words) {
  std::vector<uint64_t> both(2 * copy_words);
  both[1] = words.size();
  std::copy(words.begin(), words.end(), both.begin() + head_words);
  both[0] = sum_of(std::span{both}.subspan(1, words.size() + 1));
  std::copy_n(both.begin(), copy_words, both.begin() + static_cast<ptrdiff_t>(copy_words));
  return both;
}

} // namespace

caf::error write_in_place(disk& files, const std::filesystem::path& path, const block_ptr& content) {
  auto words = content->words();
  auto file = files.open(path); // Whatever is wrong with it, another one takes its place.
  auto copy_words = file ? copy_words_of(**file, path) : 0;
  auto is_in_place = head_words + words.size() <= copy_words;
  if (!is_in_place)
    copy_words = (head_words + words.size() + words_to_grow + unit_words - 1) / unit_words * unit_words;
  if (2 * copy_words * sizeof(uint64_t) > durable_message_limit_bytes)
    return write_message(files, path, content);
  auto both = laid_out(words, copy_words);
  auto bytes = std::as_bytes(std::span{both});
  if (!is_in_place)
    return write_whole(files, path, bytes);
  for (auto offset : {size_t{0}, bytes.size() / 2}) {
    auto copy = bytes.subspan(offset, bytes.size() / 2);
    if (auto failure = (*file)->write(offset, {&copy, 1}))
      return failure;
    if (auto failure = (*file)->sync()) // Before the other copy is touched.
      return failure;
  }
  return caf::none;
}

caf::expected<std::vector<uint64_t>> read_message_words(disk& files, const std::filesystem::path& path) {
  auto file = files.open(path);
  if (!file)
    return file.error();
  auto words = read_all(**file, path);
  if (!words)
    return words.error();
  if (words->front() == sum_of(std::span{*words}.subspan(1))) {
    words->erase(words->begin());
    return words;
  }
  auto found = words_of_copies(*words);
  if (!found)
    return damaged_message(path);
  return std::move(*found);
}

} // namespace synod
