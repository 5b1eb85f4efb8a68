// Reads the cluster file.
#pragma once

#include "synod/actors/role/registry.hpp"

#include <filesystem>
#include <string>
#include <string_view>

namespace synod {

/// Reads a cluster file (TOML). An error's text names file, line, key, what was found and what was expected.
caf::expected<cluster> read_cluster(const std::filesystem::path& file, const registry& known);
/// The same from text; `name` stands for the file in errors.
caf::expected<cluster> parse_cluster(std::string_view text, const std::string& name, const registry& known);

/// A cluster of `count` nodes with all roles each, RESP ports from `first_port` on, for one process.
cluster local_cluster(size_t count, uint16_t first_port, const registry& known);

} // namespace synod
