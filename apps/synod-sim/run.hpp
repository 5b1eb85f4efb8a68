// One run of the simulation.
#pragma once

#include "invariants.hpp"
#include "plan.hpp"

#include <cstdio>
#include <deque>
#include <string>

namespace synod::simulation {

/// What is promised once faults have stopped and every node runs: that much virtual time later nothing is pending.
constexpr std::chrono::seconds liveness_limit{30};

/// What happened in a run, or in many.
struct run_numbers {
  uint64_t runs = 0;
  uint64_t virtual_ms = 0;
  uint64_t steps = 0;    ///< of actors
  uint64_t messages = 0; ///< between roles
  uint64_t operations = 0;
  uint64_t unknown = 0; ///< operations whose outcome no client learned
  uint64_t slots = 0;   ///< chosen
  uint64_t fault_events = 0;
  uint64_t starts = 0; ///< of nodes
  uint64_t cuts = 0;   ///< starts that found an unfinished write in the log, and cut it off
  /// For an answer, while there were faults, at a majority that nothing happened to.
  uint64_t longest_wait_ms = 0;
  uint64_t undecided = 0;     ///< histories whose check was given up: too many orders are possible
  uint64_t leased_rounds = 0; ///< of reads, that a lease answered

  void add(const run_numbers& other);
};

struct run_result {
  std::optional<violation> broken;
  std::deque<std::string> last; ///< the last lines of the trace, if it was traced
  fault_set faults;             ///< the kinds that this run had
  unsigned clients = 0;
  unsigned acceptors = 0;
  run_numbers numbers;
};

struct tracing {
  bool on = false;
  std::FILE* file = nullptr; ///< may be null: only the last lines are kept
};

/// Runs one seed to its end. `known` has the roles, the real ones or wrong ones.
run_result run(const run_options& options, const registry& known, tracing traced = {});

} // namespace synod::simulation
