#include "synod/actors/role/disk.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <utility>

namespace synod {

caf::error want_of_room(std::string text) {
  return caf::make_error(caf::sec::runtime_error, std::move(text), static_cast<int32_t>(ENOSPC));
}

bool is_want_of_room(const caf::error& x) {
  if (!x)
    return false; // It has no context to be asked.
  auto context = x.context();
  return context.size() == 2 && context.match_element<int32_t>(1) && context.get_as<int32_t>(1) == ENOSPC;
}

unfinished_file::unfinished_file(disk& files, const std::filesystem::path& path, const char* kind)
  : files_{files}, path_{path}, temporary_{path} {
  temporary_ += kind;
  temporary_ += unfinished_suffix;
}

caf::error unfinished_file::begin() {
  auto file = files_.create(temporary_);
  if (!file)
    return file.error();
  file_ = std::move(*file);
  begun_ = true;
  return caf::none;
}

caf::error unfinished_file::append(std::span<const std::span<const std::byte>> parts) {
  if (!begun_)
    if (auto failure = begin())
      return failure;
  if (auto failure = file_->write(size_, parts))
    return failure;
  for (auto& each : parts)
    size_ += each.size();
  if (size_ - synced_ < sync_bytes)
    return caf::none;
  synced_ = size_;
  return file_->sync();
}

caf::error unfinished_file::finish() {
  if (!begun_) // It holds nothing.
    if (auto failure = begin())
      return failure;
  if (auto failure = file_->sync())
    return failure;
  file_.reset();
  if (auto failure = files_.rename(temporary_, path_))
    return failure;
  begun_ = false;
  return files_.sync_directory(path_.parent_path());
}

void unfinished_file::discard() {
  if (!std::exchange(begun_, false))
    return;
  file_.reset();
  static_cast<void>(files_.remove(temporary_)); // Best effort: a start removes what is left of it.
}

caf::error write_whole(disk& files, const std::filesystem::path& path, const std::function<std::span<const std::byte>()>& next) {
  unfinished_file file{files, path};
  caf::error failure;
  for (auto piece = next(); !piece.empty() && !failure; piece = next())
    failure = file.append({&piece, 1});
  if (!failure)
    failure = file.finish();
  if (failure)
    file.discard();
  return failure;
}

caf::error write_whole(disk& files, const std::filesystem::path& path, std::span<const std::byte> content) {
  return write_whole(files, path, [&] { return std::exchange(content, {}); });
}

std::string numbered_name(uint64_t number, size_t digits, std::string_view suffix) {
  auto text = std::to_string(number);
  return std::string(digits - std::min(digits, text.size()), '0') + text + std::string{suffix};
}

std::optional<uint64_t> number_of_name(std::string_view name, std::string_view suffix) {
  uint64_t number = 0;
  auto* end = name.data() + name.size() - std::min(name.size(), suffix.size());
  auto [rest, failure] = std::from_chars(name.data(), end, number);
  return name.ends_with(suffix) && failure == std::errc{} && rest == end ? std::optional{number} : std::nullopt;
}

} // namespace synod
