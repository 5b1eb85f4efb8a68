// Many runs: what synod-sim's main calls.
#pragma once

#include "run.hpp"

namespace synod::simulation {

/// What became of a run in a process of its own.
struct outcome {
  enum class kind : uint8_t { passed, broken, crashed, hung };
  kind what = kind::passed;
  int signal = 0;       ///< of one that crashed
  char invariant[32]{}; ///< of one that is broken
  run_numbers numbers{};
  // what it had
  unsigned long faults = 0;
  unsigned clients = 0;
  unsigned acceptors = 0;
};

/// Runs one seed in a child process, so that a crash is a result like any other. When `report` is set, the child prints
/// what is broken and the last events that led to it.
outcome run_apart(const run_options& options, const registry& known, bool report = false);

/// Leaves out faults, clients, nodes and time as long as the run still fails.
run_options shrink(const run_options& failing, const outcome& first, const registry& known);

/// The command line that repeats a run.
std::string command_line(const run_options& options);

/// synod-sim for the roles and state machines of `known`: reads the options from the command line, runs seeds until all
/// have passed or one fails, and returns the exit status: 0, 1 when an invariant broke, 2 for bad options.
int run_simulator(const registry& known, int argc, char** argv);

} // namespace synod::simulation
