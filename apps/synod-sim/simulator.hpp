// Many runs: what synod-sim's main calls.
#pragma once

#include "processes.hpp"

namespace synod::simulation {

/// Leaves out faults, clients, nodes and time as long as the run still fails.
run_options shrink(const run_options& failing, const outcome& first, const registry& known);

/// The command line that repeats a run.
std::string command_line(const run_options& options);

/// synod-sim for the roles and state machines of `known`: reads the options from the command line, runs seeds until all
/// have passed or one fails, and returns the exit status: 0, 1 when an invariant broke, 2 for bad options.
int run_simulator(const registry& known, int argc, char** argv);

} // namespace synod::simulation
