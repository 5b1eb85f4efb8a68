#include "synod/actors/node/verify.hpp"

#include "synod/actors/node/agreement.hpp"
#include "synod/actors/node/data_directory.hpp"
#include "synod/actors/node/known_nodes.hpp"
#include "synod/actors/role/durable_message.hpp"
#include "synod/actors/role/error_text.hpp"
#include "synod/messages/log.capnp.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

namespace synod {

namespace fs = std::filesystem;

namespace {

/// Whose it is, and whether all is there that it held; false: there is nothing more to be looked at.
bool verify_identity(disk& files, const fs::path& directory, const message<schema::Identity>& found,
                     const std::function<void(const finding&)>& tell) {
  data_directory looked_at;
  auto wrong = looked_at.look(
    files, directory, {found->getCluster().cStr(), found->getNode().cStr(), found->getId(), found->getAgreement().cStr()});
  if (wrong) {
    tell({"identity", wrong->text, true});
    return found->getFormatVersion() == data_directory::format_version;
  }
  auto origin = origin_in(found->getAgreement().cStr());
  tell({"identity",
        fmt::format("of node '{}' (id {}) of cluster '{}', data directory {:016x}{}", found->getNode().cStr(), found->getId(),
                    found->getCluster().cStr(), found->getToken(), origin.empty() ? "" : "; restored from " + origin)});
  return true;
}

void verify_rest(disk& files, const fs::path& directory, const std::function<void(const finding&)>& tell) {
  constexpr auto incarnation = data_directory::incarnation_file;
  auto names = files.list(directory);
  if (!names)
    return tell({"identity", text_of(names.error()), true});
  auto has = [&](const char* name) { return std::find(names->begin(), names->end(), name) != names->end(); };
  if (has(incarnation)) {
    auto found = read_message<schema::Incarnation>(files, directory / incarnation);
    tell(found ? finding{incarnation, fmt::format("started {} times", (*found)->getNumber())}
               : finding{incarnation, text_of(found.error()), true});
  }
  if (has(known_nodes::file_name)) {
    auto found = read_message<schema::KnownNodes>(files, directory / known_nodes::file_name);
    tell(found ? finding{known_nodes::file_name, fmt::format("{} other nodes are known", (*found)->getNodes().size())}
               : finding{known_nodes::file_name, text_of(found.error()), true});
  }
}

} // namespace

bool verify_data_directory(const registry& known, disk& files, const fs::path& directory,
                           const std::function<void(const finding&)>& tell,
                           const std::function<progress(const std::string& what)>& reading) {
  auto good = true;
  const std::function<void(const finding&)> told = [&](const finding& x) {
    good &= !x.is_problem;
    tell(x);
  };
  std::error_code missing;
  if (!fs::is_directory(directory, missing)) {
    told({"identity", directory.string() + ": is no directory", true});
    return good;
  }
  directory_lock lock;
  if (auto wrong = lock.take(directory)) {
    told({"identity", wrong->text, true});
    return good;
  }
  auto identity = read_message<schema::Identity>(files, directory / data_directory::identity_file);
  if (!identity) {
    told({"identity", text_of(identity.error()), true});
    return good;
  }
  if (!verify_identity(files, directory, *identity, told))
    return good;
  verify_rest(files, directory, told);
  std::string cluster = (*identity)->getCluster().cStr(), node = (*identity)->getNode().cStr();
  std::error_code none;
  for (auto& [name, role] : known.roles())
    if (role.verify && fs::is_directory(directory / name, none))
      role.verify({files, directory, cluster, node, told, reading});
  return good;
}

} // namespace synod
