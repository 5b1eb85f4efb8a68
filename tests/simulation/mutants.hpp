// Wrong variants of the roles: proof that the simulator's checks can fail.
#pragma once

#include "synod/actors/role/registry.hpp"

#include <functional>
#include <vector>

namespace synod::test {

struct mutant {
  const char* name;
  const char* what;                      ///< is wrong with it
  std::function<role_definition()> role; ///< takes the place of the built-in one of that name
  const char* faults = nullptr;          ///< that show it soonest, where hardly any others do; null: any
};

const std::vector<mutant>& mutants();

// Of each role, in a file of its own (mutants/).
std::vector<mutant> wrong_acceptors();
std::vector<mutant> wrong_leaders();
std::vector<mutant> wrong_replicas();
std::vector<mutant> wrong_gateways();

/// The built-in roles, one of them wrong.
registry registry_with(const mutant& wrong);

} // namespace synod::test
