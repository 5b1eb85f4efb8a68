#include "synod/actors/node/restore.hpp"

#include "synod/actors/node/agreement.hpp"
#include "synod/actors/node/data_directory.hpp"
#include "synod/actors/node/known_nodes.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

namespace synod {

namespace fs = std::filesystem;

namespace {

caf::error refused(const fs::path& path, const std::string& what) {
  return caf::make_error(caf::sec::invalid_argument, path.string() + ": " + what);
}

} // namespace

caf::error check_empty(disk& files, const fs::path& directory) {
  auto names = files.list(directory);
  if (!names)
    return names.error();
  auto other = std::find_if(names->begin(), names->end(), [](auto& name) { return name != "lost+found"; });
  if (other != names->end())
    return refused(directory, "is not empty, there is '" + *other + "': a node is restored to a directory of its own");
  return caf::none;
}

std::string origin_of(const snapshot_description& backup) {
  return fmt::format("backup {:016x} of cluster '{}', every slot below {}", backup.what.token, backup.whose.cluster,
                     backup.what.slot_out);
}

caf::error restore_data_directory(const registry& known, disk& files, const fs::path& directory, const cluster& config,
                                  const node_description& self, const fs::path& backup, const snapshot_description& what,
                                  const std::function<uint64_t()>& random,
                                  const std::function<progress(const std::string& what)>& writing) {
  if (what.whose.machine != config.state_machine)
    return refused(
      backup, fmt::format("is of state machine '{}', and the cluster file says '{}'", what.whose.machine, config.state_machine));
  if (auto failure = check_empty(files, directory))
    return failure;
  for (auto& name : self.roles)
    if (auto* role = known.role(name); role && role->restore) // A user's role begins with nothing.
      if (auto failure = role->restore({files, directory, config, self.name, backup, what.what.slot_out, random, writing}))
        return failure;
  if (auto failure = known_nodes{}.open(files, directory))
    return failure;
  data_directory made;
  if (auto wrong = made.make(files, directory, {config.name, self.name, self.id, agreement_of(config)}, random(), self.roles))
    return caf::make_error(caf::sec::runtime_error, wrong->text);
  return caf::none;
}

} // namespace synod
