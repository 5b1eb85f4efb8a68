#include "synod/actors/node/data_directory.hpp"

#include "synod/messages/log.capnp.h"
#include "synod/messages/message.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#include <xxhash.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <vector>

namespace synod {

namespace fs = std::filesystem;

namespace {

constexpr uint32_t format_version = 1;

using failure = data_directory::failure;
using fault = data_directory::fault;

failure unusable(const fs::path& path, const std::string& what) {
  return {fault::unusable, path.string() + ": " + what};
}

failure system_failure(const fs::path& path, const std::string& doing) {
  return unusable(path, doing + ": " + std::strerror(errno));
}

/// Writes a file so that after a crash it is there whole, or as it was.
std::optional<failure> write_whole(const fs::path& path, const block_ptr& content) {
  auto unfinished = path;
  unfinished += ".new";
  auto file = ::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0)
    return system_failure(unfinished, "cannot create");
  std::vector<uint64_t> words{XXH3_64bits(content->words().data(), content->size_bytes())};
  words.insert(words.end(), content->words().begin(), content->words().end());
  auto size = static_cast<ssize_t>(words.size() * sizeof(uint64_t));
  auto written = ::write(file, words.data(), static_cast<size_t>(size)) == size && ::fsync(file) == 0;
  auto why = errno;
  ::close(file);
  errno = why;
  if (!written || ::rename(unfinished.c_str(), path.c_str()) != 0)
    return system_failure(unfinished, "cannot write");
  auto directory = ::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  auto synced = directory >= 0 && ::fsync(directory) == 0;
  if (directory >= 0)
    ::close(directory);
  return synced ? std::nullopt : std::optional{system_failure(path.parent_path(), "cannot sync")};
}

/// Reads it back; an empty message when there is no such file.
template <class S>
std::optional<failure> read_whole(const fs::path& path, message<S>& content) {
  auto file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return errno == ENOENT ? std::nullopt : std::optional{system_failure(path, "cannot read")};
  std::vector<uint64_t> words(512);
  auto size = ::read(file, words.data(), words.size() * sizeof(uint64_t));
  ::close(file);
  if (size < 0)
    return system_failure(path, "cannot read");
  words.resize(static_cast<size_t>(size) / sizeof(uint64_t));
  std::span<const uint64_t> rest{words};
  if (size % 8 == 0 && words.size() > 2 && words[0] == XXH3_64bits(&words[1], rest.subspan(1).size_bytes()))
    if (auto found = message<S>::from(rest.subspan(1))) {
      content = *found;
      return std::nullopt;
    }
  return unusable(path, "is damaged: its checksum does not fit (offset 0, " + std::to_string(size) + " bytes)");
}

} // namespace

data_directory::~data_directory() {
  if (lock_ >= 0)
    ::close(lock_);
}

std::optional<failure> data_directory::open(const fs::path& path, const std::string& cluster, const std::string& node) {
  path_ = path;
  std::error_code problem;
  fs::create_directories(path_, problem);
  if (problem)
    return unusable(path_, "cannot create the data directory: " + problem.message());
  if (!fs::is_directory(path_, problem))
    return unusable(path_, "is not a directory");
  if (auto locked = lock())
    return locked;
  if (auto wrong = check_identity(cluster, node))
    return wrong;
  return count_start();
}

std::optional<failure> data_directory::lock() {
  auto file = path_ / "lock";
  lock_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_ < 0)
    return system_failure(file, "cannot open");
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0)
    return unusable(path_, "another process uses this data directory");
  return std::nullopt;
}

std::optional<failure> data_directory::check_identity(const std::string& cluster, const std::string& node) {
  message<schema::Identity> found;
  auto file = path_ / "identity";
  if (auto wrong = read_whole(file, found))
    return wrong;
  if (found) {
    if (found->getFormatVersion() != format_version)
      return failure{fault::wrong_directory, path_.string() + ": has format version " + std::to_string(found->getFormatVersion())
                                               + ", this program knows " + std::to_string(format_version)};
    if (found->getCluster() != cluster.c_str() || found->getNode() != node.c_str())
      return failure{fault::wrong_directory, path_.string() + ": belongs to node '" + found->getNode().cStr() + "' of cluster '"
                                               + found->getCluster().cStr() + "', not to node '" + node + "' of cluster '"
                                               + cluster + "'"};
    return std::nullopt;
  }
  for (auto& entry : fs::directory_iterator{path_})
    if (entry.path().filename() != "lock" && entry.path().extension() != ".new")
      return failure{fault::wrong_directory, path_.string()
                                               + ": is not empty and not a data directory (it has no file 'identity', but "
                                               + entry.path().filename().string() + ")"};
  builder<schema::Identity> identity;
  identity->setFormatVersion(format_version);
  identity->setCluster(cluster);
  identity->setNode(node);
  return write_whole(file, identity.finish().content());
}

std::optional<failure> data_directory::count_start() {
  message<schema::Incarnation> found;
  auto file = path_ / "incarnation";
  if (auto wrong = read_whole(file, found))
    return wrong;
  incarnation_ = (found ? found->getNumber() : 0) + 1;
  builder<schema::Incarnation> next;
  next->setNumber(incarnation_);
  return write_whole(file, next.finish().content());
}

} // namespace synod
