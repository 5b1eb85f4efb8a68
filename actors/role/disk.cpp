#include "synod/actors/role/disk.hpp"

#include <utility>

namespace synod {

namespace {

caf::error write_content(disk& files, const std::filesystem::path& path,
                         const std::function<std::span<const std::byte>()>& next) {
  auto file = files.create(path);
  if (!file)
    return file.error();
  size_t offset = 0;
  for (auto piece = next(); !piece.empty(); piece = next()) {
    if (auto failure = (*file)->write(offset, {&piece, 1}))
      return failure;
    offset += piece.size();
  }
  return (*file)->sync();
}

} // namespace

caf::error write_whole(disk& files, const std::filesystem::path& path, const std::function<std::span<const std::byte>()>& next) {
  auto unfinished = path;
  unfinished += unfinished_suffix;
  auto failure = write_content(files, unfinished, next);
  if (!failure)
    failure = files.rename(unfinished, path);
  if (failure) {
    static_cast<void>(files.remove(unfinished)); // Best effort: a start removes what is left of it.
    return failure;
  }
  return files.sync_directory(path.parent_path());
}

caf::error write_whole(disk& files, const std::filesystem::path& path, std::span<const std::byte> content) {
  return write_whole(files, path, [&] { return std::exchange(content, {}); });
}

} // namespace synod
