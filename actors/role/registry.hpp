// The roles and state machines that a program knows by name.
#pragma once

#include "synod/actors/role/definition.hpp"

#include <map>
#include <string>

namespace synod {

/// Roles and state machines by name; the built-in ones (actors/node/built_in.hpp) are registered like any other.
class registry {
public:
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
