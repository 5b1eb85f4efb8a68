#include "synod/actors/node/data_directory.hpp"

#include "synod/actors/node/agreement.hpp"
#include "synod/actors/node/known_nodes.hpp"
#include "synod/actors/node/membership.hpp"
#include "synod/actors/role/durable_message.hpp"
#include "synod/actors/role/error_text.hpp"
#include "synod/messages/log.capnp.h"

#include <spdlog/fmt/fmt.h>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace synod {

namespace fs = std::filesystem;

namespace {

constexpr const char* former_lock_file = "lock";

using failure = data_directory::failure;
using fault = data_directory::fault;

failure unusable(const fs::path& path, const std::string& what) {
  return {fault::unusable, path.string() + ": " + what};
}

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// What a file system puts there, and what a crash left of a file: nobody has written it.
bool is_nothing(const std::string& name) {
  return name == "lost+found" || name.ends_with(unfinished_suffix);
}

/// Not a file that is there before a role, or somebody else, has written to the directory.
bool is_foreign(const std::string& name) {
  return name != data_directory::identity_file && name != former_lock_file && !is_nothing(name);
}

/// The rest are folders.
bool is_file(const std::string& name) {
  return name == data_directory::incarnation_file || name == known_nodes::file_name || name == membership::file_name;
}

caf::expected<bool> holds_something(disk& files, const fs::path& directory) {
  auto names = files.list(directory);
  if (!names)
    return names.error();
  return !std::all_of(names->begin(), names->end(), is_nothing);
}

} // namespace

/// An invalid argument is the directory: something is damaged or missing there.
failure data_directory::failure_of(const caf::error& problem) {
  return {problem == caf::sec::invalid_argument ? fault::wrong_directory : fault::unusable, text_of(problem)};
}

failure data_directory::wrong_directory(const std::string& what) const {
  return {fault::wrong_directory, path_.string() + ": " + what};
}

std::optional<failure> data_directory::look(disk& files, const fs::path& path, const owner& whose) {
  path_ = path;
  owner_ = whose;
  if (auto problem = files.make_directory(path_))
    return failure_of(problem);
  auto names = files.list(path_);
  if (!names)
    return failure_of(names.error());
  if (auto wrong = check_identity(files, *names))
    return wrong;
  return check_whole(files, *names);
}

std::optional<failure> data_directory::open(disk& files, const fs::path& path, const owner& whose, uint64_t fresh_token) {
  if (auto wrong = look(files, path, whose))
    return wrong;
  auto names = files.list(path_);
  if (!names)
    return failure_of(names.error());
  if (!has(*names, identity_file)) {
    token_ = fresh_token | 1; // Never 0.
    if (auto wrong = write_identity(files))
      return wrong;
  }
  return count_start(files, *names);
}

std::optional<failure> data_directory::make(disk& files, const fs::path& path, const owner& whose, uint64_t fresh_token,
                                            const std::vector<std::string>& roles) {
  path_ = path;
  owner_ = whose;
  token_ = fresh_token | 1;
  if (auto problem = write_in_place(files, path_ / incarnation_file, builder<schema::Incarnation>{}.finish().content()))
    return failure_of(problem);
  return seal(files, roles);
}

std::string data_directory::origin_of(disk& files, const fs::path& path) {
  auto found = read_message<schema::Identity>(files, path / identity_file);
  return found ? origin_in((*found)->getAgreement().cStr()) : std::string{}; // What is wrong with it `look` says.
}

std::optional<failure> data_directory::check_identity(disk& files, const std::vector<std::string>& names) {
  if (!has(names, identity_file)) {
    auto other = std::find_if(names.begin(), names.end(), is_foreign);
    if (other == names.end())
      return std::nullopt;
    return wrong_directory("is not empty and not a data directory (it has no file 'identity', but '" + *other + "')");
  }
  auto found = read_message<schema::Identity>(files, path_ / identity_file);
  if (!found)
    return failure_of(found.error());
  auto& known = **found;
  if (known.getFormatVersion() != format_version)
    return wrong_directory("has format version " + std::to_string(known.getFormatVersion()) + ", this program knows "
                           + std::to_string(format_version));
  if (known.getCluster() != owner_.cluster.c_str() || known.getNode() != owner_.node.c_str())
    return wrong_directory(std::string{"belongs to node '"} + known.getNode().cStr() + "' of cluster '"
                           + known.getCluster().cStr() + "', not to node '" + owner_.node + "' of cluster '" + owner_.cluster
                           + "'");
  if (known.getId() != owner_.id) // It has voted under that id, and would again under another.
    return wrong_directory("belongs to the node with id " + std::to_string(known.getId()) + ", and '" + owner_.node + "' has id "
                           + std::to_string(owner_.id) + " in the cluster file");
  std::string begun = known.getAgreement().cStr(), now = owner_.agreement;
  if (owner_.decided) {
    begun = without_members(begun);
    now = without_members(now);
  }
  if (auto differs = change_since(begun, now))
    return wrong_directory(
      "was begun with \"" + differs->first + "\", and the cluster file says \"" + differs->second
      + "\". The file changes neither leases, nor members (synod-ctl does; a node that was away starts with those that "
        "it knew) nor what the state machine comes to");
  is_written_ = known.getAgreement() == owner_.agreement.c_str();
  token_ = known.getToken();
  for (auto each : known.getHolds())
    holds_.emplace(each.cStr());
  return std::nullopt;
}

std::optional<failure> data_directory::check_whole(disk& files, const std::vector<std::string>& names) const {
  std::vector<std::string> missing;
  for (auto& each : holds_) {
    caf::expected<bool> there{has(names, each)};
    if (*there && !is_file(each))
      there = holds_something(files, path_ / each);
    if (!there)
      return failure_of(there.error());
    if (!*there)
      missing.push_back(each);
  }
  if (missing.empty())
    return std::nullopt;
  return wrong_directory(fmt::format("is not whole: it held {} when its node was started last. What the node had promised"
                                     " and accepted would be forgotten, and writes that were acknowledged could be lost: bring"
                                     " back the directory as it was",
                                     fmt::join(missing, ", ")));
}

std::optional<failure> data_directory::write_identity(disk& files) const {
  builder<schema::Identity> identity;
  identity->setFormatVersion(format_version);
  identity->setCluster(owner_.cluster);
  identity->setNode(owner_.node);
  identity->setId(owner_.id);
  identity->setToken(token_);
  identity->setAgreement(owner_.agreement);
  auto list = identity->initHolds(static_cast<unsigned>(holds_.size()));
  unsigned i = 0;
  for (auto& each : holds_)
    list.set(i++, each);
  if (auto problem = write_in_place(files, path_ / identity_file, identity.finish().content()))
    return failure_of(problem);
  return std::nullopt;
}

std::optional<failure> data_directory::count_start(disk& files, const std::vector<std::string>& names) {
  auto file = path_ / incarnation_file;
  if (has(names, incarnation_file)) {
    auto found = read_message<schema::Incarnation>(files, file);
    if (!found)
      return failure_of(found.error());
    incarnation_ = (*found)->getNumber();
  } else if (auto other = std::find_if(names.begin(), names.end(), is_foreign); other != names.end()) {
    // It is written before any role writes. Counting from 1 again would use ballots twice (C1).
    return failure{fault::wrong_directory,
                   file.string() + ": is missing, and there is '" + *other + "': the data directory is damaged"};
  }
  ++incarnation_;
  builder<schema::Incarnation> next;
  next->setNumber(incarnation_);
  if (auto problem = write_in_place(files, file, next.finish().content()))
    return failure_of(problem);
  return std::nullopt;
}

std::optional<failure> data_directory::seal(disk& files, const std::vector<std::string>& roles) {
  auto before = holds_.size(); // With those of a role that the node does not have any more: it may have it again.
  holds_.insert({incarnation_file, known_nodes::file_name});
  auto names = files.list(path_);
  if (!names)
    return failure_of(names.error());
  if (has(*names, membership::file_name))
    holds_.insert(membership::file_name);
  for (auto& each : roles)
    if (has(*names, each)) {
      auto stored = holds_something(files, path_ / each);
      if (!stored)
        return failure_of(stored.error());
      if (*stored)
        holds_.insert(each);
    }
  return holds_.size() == before && is_written_ ? std::nullopt : write_identity(files);
}

// -- lock ---------------------------------------------------------------------

namespace {

/// The path still leads to what was opened there.
bool is_at(int opened, const fs::path& path) {
  struct stat held {};
  struct stat named {};
  return ::fstat(opened, &held) == 0 && ::stat(path.c_str(), &named) == 0 && held.st_dev == named.st_dev
         && held.st_ino == named.st_ino;
}

} // namespace

directory_lock::~directory_lock() {
  if (directory_ >= 0)
    ::close(directory_);
}

std::optional<failure> directory_lock::take(const fs::path& directory) {
  directory_ = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory_ < 0)
    return unusable(directory, std::string{"cannot open: "} + std::strerror(errno));
  if (::flock(directory_, LOCK_EX | LOCK_NB) != 0)
    return unusable(directory, errno == EWOULDBLOCK ? "another process uses this data directory"
                                                    : std::string{"cannot lock: "} + std::strerror(errno));
  if (!is_at(directory_, directory))
    return unusable(directory, "has been replaced by another directory meanwhile");
  return std::nullopt;
}

} // namespace synod
