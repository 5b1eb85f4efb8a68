#include "synod/actors/role/disk.hpp"

#include <utility>

namespace synod {

caf::expected<std::unique_ptr<unfinished_file>> unfinished_file::create(disk& files, std::filesystem::path path,
                                                                        const char* kind) {
  auto temporary = path;
  temporary += kind;
  temporary += unfinished_suffix;
  auto file = files.create(temporary);
  if (!file)
    return file.error();
  return std::unique_ptr<unfinished_file>{new unfinished_file{files, std::move(path), std::move(temporary), std::move(*file)}};
}

caf::error unfinished_file::append(std::span<const std::span<const std::byte>> parts) {
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
  if (auto failure = file_->sync())
    return failure;
  file_.reset();
  if (auto failure = files_.rename(temporary_, path_))
    return failure;
  return files_.sync_directory(path_.parent_path());
}

void unfinished_file::discard() {
  file_.reset();
  static_cast<void>(files_.remove(temporary_)); // Best effort: a start removes what is left of it.
}

caf::error write_whole(disk& files, const std::filesystem::path& path, const std::function<std::span<const std::byte>()>& next) {
  auto file = unfinished_file::create(files, path);
  if (!file)
    return file.error();
  caf::error failure;
  for (auto piece = next(); !piece.empty() && !failure; piece = next())
    failure = (*file)->append({&piece, 1});
  if (!failure)
    failure = (*file)->finish();
  if (failure)
    (*file)->discard();
  return failure;
}

caf::error write_whole(disk& files, const std::filesystem::path& path, std::span<const std::byte> content) {
  return write_whole(files, path, [&] { return std::exchange(content, {}); });
}

} // namespace synod
