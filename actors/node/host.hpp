// Runs nodes in a process: what an executable's main calls.
#pragma once

#include "synod/actors/node/registry.hpp"

namespace synod {

/// Exit status of every executable.
namespace exit_status {
constexpr int clean = 0;
constexpr int failed = 1;        ///< failure while running
constexpr int bad_arguments = 2; ///< bad configuration or options
} // namespace exit_status

/// synod-node for the roles and state machines of `known`: reads the options from the
/// command line, runs one node until SIGTERM or SIGINT, returns the exit status.
int run_node(const registry& known, int argc, char** argv);

/// synod-dev for `known`: all nodes of a cluster in this process.
int run_dev(const registry& known, int argc, char** argv);

} // namespace synod
