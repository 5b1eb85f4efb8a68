#include "synod/actors/node/data_directory.hpp"

#include "synod/actors/node/command_line.hpp"
#include "synod/messages/log.capnp.h"
#include "synod/messages/message.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

namespace synod {

namespace fs = std::filesystem;

namespace {

constexpr size_t file_limit_bytes = 4096;
constexpr const char* identity_file = "identity";
constexpr const char* incarnation_file = "incarnation";

using failure = data_directory::failure;
using fault = data_directory::fault;

failure unusable(const fs::path& path, const std::string& what) {
  return {fault::unusable, path.string() + ": " + what};
}

bool has(const std::vector<std::string>& names, const char* name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Not a file that is there before a role, or somebody else, has written to the directory.
bool is_foreign(const std::string& name) {
  return name != identity_file && name != directory_lock::file_name && !name.ends_with(unfinished_suffix);
}

/// Writes a message behind its checksum.
std::optional<failure> write_message(disk& files, const fs::path& path, const block_ptr& content) {
  std::vector<uint64_t> words{XXH3_64bits(content->words().data(), content->size_bytes())};
  words.insert(words.end(), content->words().begin(), content->words().end());
  if (auto problem = write_whole(files, path, std::as_bytes(std::span{words})))
    return failure{fault::unusable, text_of(problem)};
  return std::nullopt;
}

/// Reads it back.
template <class S>
std::optional<failure> read_message(disk& files, const fs::path& path, message<S>& content) {
  auto file = files.open(path);
  if (!file)
    return failure{fault::unusable, text_of(file.error())};
  auto size = (*file)->size();
  std::vector<uint64_t> words(std::min(size, file_limit_bytes) / sizeof(uint64_t));
  if (auto problem = (*file)->read(0, std::as_writable_bytes(std::span{words})))
    return failure{fault::unusable, text_of(problem)};
  auto rest = std::span<const uint64_t>{words}.subspan(std::min<size_t>(1, words.size()));
  if (size == words.size() * sizeof(uint64_t) && words.size() > 2 && words[0] == XXH3_64bits(rest.data(), rest.size_bytes()))
    if (auto found = message<S>::from(rest)) {
      content = *found;
      return std::nullopt;
    }
  return unusable(path, "is damaged: its checksum does not fit (offset 0, " + std::to_string(size) + " bytes)");
}

} // namespace

std::optional<failure> data_directory::open(disk& files, const fs::path& path, const std::string& cluster,
                                            const std::string& node, node_id id) {
  path_ = path;
  if (auto problem = files.make_directory(path_))
    return failure{fault::unusable, text_of(problem)};
  auto names = files.list(path_);
  if (!names)
    return failure{fault::unusable, text_of(names.error())};
  if (auto wrong = check_identity(files, *names, cluster, node, id))
    return wrong;
  return count_start(files, *names);
}

std::optional<failure> data_directory::check_identity(disk& files, const std::vector<std::string>& names,
                                                      const std::string& cluster, const std::string& node, node_id id) {
  auto wrong_directory = [this](const std::string& what) {
    return failure{fault::wrong_directory, path_.string() + ": " + what};
  };
  if (has(names, identity_file)) {
    message<schema::Identity> found;
    if (auto wrong = read_message(files, path_ / identity_file, found))
      return wrong;
    if (found->getFormatVersion() != format_version)
      return wrong_directory("has format version " + std::to_string(found->getFormatVersion()) + ", this program knows "
                             + std::to_string(format_version));
    if (found->getCluster() != cluster.c_str() || found->getNode() != node.c_str())
      return wrong_directory(std::string{"belongs to node '"} + found->getNode().cStr() + "' of cluster '"
                             + found->getCluster().cStr() + "', not to node '" + node + "' of cluster '" + cluster + "'");
    if (found->getId() != id) // It has voted under that id, and would again under another.
      return wrong_directory("belongs to the node with id " + std::to_string(found->getId()) + ", and '" + node + "' has id "
                             + std::to_string(id) + " in the cluster file");
    return std::nullopt;
  }
  if (auto other = std::find_if(names.begin(), names.end(), is_foreign); other != names.end())
    return wrong_directory("is not empty and not a data directory (it has no file 'identity', but " + *other + ")");
  builder<schema::Identity> identity;
  identity->setFormatVersion(format_version);
  identity->setCluster(cluster);
  identity->setNode(node);
  identity->setId(id);
  return write_message(files, path_ / identity_file, identity.finish().content());
}

std::optional<failure> data_directory::count_start(disk& files, const std::vector<std::string>& names) {
  auto file = path_ / incarnation_file;
  message<schema::Incarnation> found;
  if (has(names, incarnation_file)) {
    if (auto wrong = read_message(files, file, found))
      return wrong;
  } else if (auto other = std::find_if(names.begin(), names.end(), is_foreign); other != names.end()) {
    // It is written before any role writes. Counting from 1 again would use ballots twice (C1).
    return unusable(file, "is missing, and there is '" + *other + "': the data directory is damaged");
  }
  incarnation_ = (found ? found->getNumber() : 0) + 1;
  builder<schema::Incarnation> next;
  next->setNumber(incarnation_);
  return write_message(files, file, next.finish().content());
}

// -- lock ---------------------------------------------------------------------

directory_lock::~directory_lock() {
  if (file_ >= 0)
    ::close(file_);
}

std::optional<failure> directory_lock::take(const fs::path& directory) {
  auto path = directory / file_name;
  file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file_ < 0)
    return unusable(path, std::string{"cannot open: "} + std::strerror(errno));
  if (::flock(file_, LOCK_EX | LOCK_NB) != 0)
    return unusable(directory, "another process uses this data directory");
  return std::nullopt;
}

} // namespace synod
