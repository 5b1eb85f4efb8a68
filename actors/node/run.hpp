// Runs nodes in a process: what an executable's main calls.
#pragma once

#include "synod/actors/role/registry.hpp"

namespace synod {

/// synod-node for the roles and state machines of `known`: reads the options from the
/// command line, runs one node until SIGTERM or SIGINT, returns the exit status.
int run_node(const registry& known, int argc, char** argv);

/// synod-dev for `known`: all nodes of a cluster in this process.
int run_dev(const registry& known, int argc, char** argv);

} // namespace synod
