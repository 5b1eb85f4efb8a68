// A look at a data directory that no node uses.
#pragma once

#include "synod/actors/role/registry.hpp"

#include <filesystem>
#include <functional>

namespace synod {

/// Looks at everything in a data directory: whose it is, whether it is whole, and what its roles have stored (as far as `known`
/// has them, `role_definition::verify`). Changes nothing, and lets no node use it meanwhile. Tells each finding as soon as it is
/// there; true: none is a problem. Blocks, for as long as there is much to read; `reading` makes what is told how far the reading
/// of a large part is.
bool verify_data_directory(
  const registry& known, disk& files, const std::filesystem::path& directory, const std::function<void(const finding&)>& tell,
  const std::function<progress(const std::string& what)>& reading = [](const std::string&) { return progress{}; });

} // namespace synod
