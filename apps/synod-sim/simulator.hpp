// The simulator as a program: what main() calls.
#pragma once

#include "synod/simulation/workload.hpp"

#include "synod/actors/role/registry.hpp"

namespace synod::simulation {

/// synod-sim for the roles of `known` and the key-value state machine: reads the options from the command line, runs seeds
/// until all have passed or one fails, and returns the exit status: 0, 1 when an invariant broke, 2 for bad options.
int run_simulator(const registry& known, int argc, char** argv);

/// The same for a user's state machine and roles.
int run_simulator(const registry& known, const workload& of_user, int argc, char** argv);

} // namespace synod::simulation
