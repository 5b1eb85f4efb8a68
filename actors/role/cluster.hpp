// The cluster file's model: nodes, their ids, addresses and roles, the options of roles.
#pragma once

#include "synod/actors/role/options.hpp"
#include "synod/messages/configuration.hpp"

#include <map>
#include <optional>
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

/// True for 127.0.0.0/8, ::1, the former as IPv6, and localhost; of any other name it is not known where it leads.
bool is_loopback(const std::string& host);

bool is_ip_address(const std::string& host);

struct node_description {
  std::string name;
  node_id id = 0;
  endpoint address;             ///< where other nodes find it
  std::optional<endpoint> resp; ///< where clients find its gateway, an IP address; set when it has one
  std::vector<std::string> roles;

  bool has(const std::string& role) const;
};

/// The id of a node whose cluster file gives it none: made of its name, so that it does not depend on the other nodes.
node_id id_of_name(const std::string& name);

/// A cluster file that was found to be sound (node/cluster_file.hpp reads it). Names and ids are unique; the order of nodes
/// means nothing.
struct cluster {
  std::string name;
  std::vector<node_description> nodes;
  std::string state_machine = "key-value";
  bool allow_plain_traffic = false;
  std::string secret; ///< what whoever connects to a node must know; empty: the file names none

  /// What the cluster was restored from, in words (synod-ctl restore); empty: it began with nothing.
  std::string origin;
  /// What was decided, as far as is known when the node starts; empty: nothing yet, what the file says counts.
  configurations decided;
  /// With which the cluster began, where something was decided since; empty: the node was not there, its state comes from others.
  configurations begun;

  std::map<std::string, option_values> role_options;
  option_values machine_options;

  node_set nodes_with(const std::string& role) const;
  /// Null: there is none.
  const node_description* find(node_id id) const;
  const node_description* find(const std::string& node) const;
  const option_values& options_of(const std::string& role) const { return role_options.at(role); }

  /// The last configurations that are known.
  configurations members() const;
  /// The one that a state on which nothing was performed begins with; empty: it is not known.
  configurations beginning() const { return decided.empty() ? members() : begun; }
};

} // namespace synod
