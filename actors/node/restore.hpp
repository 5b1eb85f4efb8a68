// Data directories of a new cluster that begins with a backup.
#pragma once

#include "synod/actors/replica/snapshot_file.hpp"
#include "synod/actors/role/registry.hpp"

#include <filesystem>
#include <functional>
#include <string>

namespace synod {

/// What all nodes of a cluster that begins with this backup have to agree on (`cluster::origin`).
std::string origin_of(const snapshot_description& backup);

/// Refuses a directory in which there is something. (A file system's own folder may be there.) Blocks.
caf::error check_empty(disk& files, const std::filesystem::path& directory);

/// Makes the data directory of a node, before it is started for the first time: whose roles store what they begin with
/// (`role_definition::restore`). Another cluster's than the backup's: with members, a token and ballots of its own, and the same
/// for all of its nodes only if all were made of the same backup. The directory is empty, and used by nobody else; after a
/// failure, or a crash, it is no data directory, and has to be emptied. `config` says the backup's origin. Gives what is wrong,
/// or nothing. Blocks.
caf::error restore_data_directory(const registry& known, disk& files, const std::filesystem::path& directory,
                                  const cluster& config, const node_description& self, const std::filesystem::path& backup,
                                  const snapshot_description& what, const std::function<uint64_t()>& random,
                                  const std::function<progress(const std::string& what)>& writing);

} // namespace synod
