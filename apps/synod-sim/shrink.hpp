// A run that fails, made smaller, and the command that repeats it.
#pragma once

#include "processes.hpp"

namespace synod::simulation {

/// Leaves out faults, clients, nodes and time as long as the run still fails.
run_options shrink(const run_options& failing, const outcome& first, const registry& known);

/// The command line that repeats a run.
std::string command_line(const run_options& options);

} // namespace synod::simulation
