// What a role tells of a slot, to look at.
#pragma once

#include "harness.hpp"

#include <string>

namespace synod::test {

/// "role: name value, name value".
inline std::string as_text(const message<schema::RoleStatus>& told) {
  std::string all = told->getRole().cStr();
  const char* separator = ": ";
  for (auto each : told->getEntries()) {
    all += separator + std::string{each.getName().cStr()} + " "
           + (each.isNumber() ? std::to_string(each.getNumber()) : std::string{each.getText().cStr()});
    separator = ", ";
  }
  return all;
}

/// What it tells of that slot now.
template <class Role>
std::string explained(actor_world& in, const Role& role, slot_number slot) {
  probe asker{in};
  asker.send(role, explain_atom_v, slot);
  in.run();
  return as_text(std::get<0>(asker->take<message<schema::RoleStatus>>()));
}

} // namespace synod::test
