// The roles and state machines that a program knows by name.
#pragma once

#include "synod/actors/node/options.hpp"
#include "synod/actors/replica/state_machine.hpp"

#include <caf/all.hpp>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace spdlog {
class logger;
}

namespace synod {

struct cluster;
struct endpoint;
struct node_description;
class disk;
class sockets;

/// What a role is told when it is spawned. Valid during the call only; what it keeps it copies. All that lies outside
/// the roles comes from here: clocks, random seeds, files, sockets, threads. So the simulator runs the same roles.
struct role_context {
  caf::actor_system& system;
  const cluster& config;                  ///< the whole cluster file
  const node_description& self;           ///< the node it is on
  uint32_t node;                          ///< that node's index in the file: its id in messages
  const option_values& options;           ///< its own, from the table [role-name] of the file
  std::filesystem::path data_directory;   ///< the node's; a role that stores makes its own folder in it
  uint32_t incarnation;                   ///< how often this node has been started, this time included; durable
  uint64_t seed;                          ///< for its random generator
  std::function<int64_t()> wall_clock_us; ///< microseconds since 1970
  std::shared_ptr<spdlog::logger> log;
  std::function<void(const std::string&)> fatal;                                  ///< says why and ends the process
  std::shared_ptr<disk> files;                                                    ///< where `data_directory` is
  std::function<caf::expected<std::shared_ptr<sockets>>(const endpoint&)> listen; ///< for clients, or why it cannot be
  std::function<void(std::function<void()>)> start_thread;            ///< runs it in a thread that is waited for at the end
  bool one_thread;                                                    ///< a simulation: no role may have a thread of its own
  std::function<std::unique_ptr<state_machine>()> make_state_machine; ///< the cluster's

  /// Spawns an actor that blocks, on a disk for instance: in a thread of its own, but for a simulation.
  template <class Actor, class... Ts>
  auto spawn_blocking(Ts&&... xs) const {
    return one_thread ? system.spawn<Actor>(std::forward<Ts>(xs)...)
                      : system.spawn<Actor, caf::detached>(std::forward<Ts>(xs)...);
  }
};

/// A role: a typed actor that understands at least `role_actor`. It learns of the
/// other roles, its own node's and other nodes', by `peer` messages.
struct role_definition {
  std::string name;
  std::string help;
  std::vector<option_spec> options;
  /// Spawns it; an error is told to the user as the reason why the node does not start. The node goes on when the role
  /// answers `status_atom`: whatever a role does first, in `make_behavior`, is done when the node is ready.
  std::function<caf::expected<caf::actor>(const role_context&)> spawn;
};

struct state_machine_definition {
  std::string name;
  std::string help;
  std::vector<option_spec> options;
  std::function<std::unique_ptr<state_machine>(const option_values&, uint64_t seed)> make;
};

/// Roles and state machines by name; the built-in ones are registered like any other.
class registry {
public:
  /// Replica, leader, acceptor, gateway; the key-value state machine.
  static registry built_in();

  void add(role_definition role) { roles_[role.name] = std::move(role); }
  void add(state_machine_definition machine) { machines_[machine.name] = std::move(machine); }

  /// Lets cluster files name roles, state machines and their options that are not known here: for tools that only look
  /// at a cluster. Such options are not checked.
  registry& accept_unknown() {
    accepts_unknown_ = true;
    return *this;
  }
  bool accepts_unknown() const { return accepts_unknown_; }

  const role_definition* role(const std::string& name) const { return find(roles_, name); }
  const state_machine_definition* machine(const std::string& name) const { return find(machines_, name); }
  const std::map<std::string, role_definition>& roles() const { return roles_; }
  const std::map<std::string, state_machine_definition>& machines() const { return machines_; }

private:
  template <class T>
  static const T* find(const std::map<std::string, T>& map, const std::string& name) {
    auto found = map.find(name);
    return found == map.end() ? nullptr : &found->second;
  }

  std::map<std::string, role_definition> roles_;
  std::map<std::string, state_machine_definition> machines_;
  bool accepts_unknown_ = false;
};

} // namespace synod
