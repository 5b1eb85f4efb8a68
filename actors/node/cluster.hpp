// The cluster file: nodes, their addresses, their roles, the options of roles.
#pragma once

#include "synod/actors/node/registry.hpp"

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace synod {

struct endpoint {
  std::string host;
  uint16_t port = 0;
};

std::string to_string(const endpoint& x);

/// "HOST:PORT", "[IPV6]:PORT"; with `default_host` also a bare "PORT".
std::optional<endpoint> parse_endpoint(const std::string& text, const char* default_host = nullptr);

/// True for 127.0.0.0/8, ::1 and localhost.
bool is_loopback(const std::string& host);

struct node_description {
  std::string name;
  endpoint address;             ///< where other nodes find it
  std::optional<endpoint> resp; ///< where clients find its gateway; set when it has one
  std::vector<std::string> roles;

  bool has(const std::string& role) const;
};

/// A cluster file that was found to be sound. Nodes have their index in the file as id.
struct cluster {
  std::string name;
  std::vector<node_description> nodes;
  std::string state_machine = "key-value";
  bool allow_plain_traffic = false;

  std::map<std::string, option_values> role_options;
  option_values machine_options;

  std::set<uint32_t> nodes_with(const std::string& role) const;
  std::optional<uint32_t> index_of(const std::string& node) const;
  const option_values& options_of(const std::string& role) const { return role_options.at(role); }
};

/// Reads a cluster file (TOML). An error's text names file, line, key, what was found and what was expected.
caf::expected<cluster> read_cluster(const std::filesystem::path& file, const registry& known);
/// The same from text; `name` stands for the file in errors.
caf::expected<cluster> parse_cluster(std::string_view text, const std::string& name, const registry& known);

/// A cluster of `count` nodes with all roles each, RESP ports from `first_port` on, for one process.
cluster local_cluster(size_t count, uint16_t first_port, const registry& known);

} // namespace synod
