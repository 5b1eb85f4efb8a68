// synod-ctl backup and restore.
#pragma once

#include "synod/actors/role/cluster.hpp"

#include <filesystem>
#include <string>

namespace synod::ctl {

/// Writes the state of a running cluster, as every slot below one has led to it, to a file that is not there yet: all that was
/// acknowledged before is in it. A replica is asked, better one that is not beside the active leader; `only`: that node's.
/// Prints what the file holds; gives the exit status.
int backup(const cluster& file, const std::string& only, const std::filesystem::path& to, bool json);

/// Makes the data directory of the node `only` of a cluster that begins with that backup; where that is empty, of each node, by
/// its name in that directory. Gives the exit status.
int restore(const cluster& file, const std::string& only, const std::filesystem::path& from,
            const std::filesystem::path& directory, bool json);

/// Reads a backup, and prints what it holds, or what is wrong with it. Gives the exit status.
int verify_backup(const std::filesystem::path& file, bool json);

} // namespace synod::ctl
