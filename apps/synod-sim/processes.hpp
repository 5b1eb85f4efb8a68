// Runs in processes of their own: a crash is a result like any other, and every processor is used.
#pragma once

#include "run.hpp"

#include <spdlog/fmt/fmt.h>

#include <chrono>

namespace synod::simulation {

constexpr std::chrono::minutes longest_run{10}; ///< of real time; then it hangs

/// What became of a run.
struct outcome {
  enum class kind : uint8_t { passed, broken, crashed, hung };
  kind what = kind::passed;
  int signal = 0;       ///< of one that crashed; 0: its process ended without a word
  char invariant[32]{}; ///< of one that is broken
  run_numbers numbers{};
  // what it had
  unsigned long faults = 0;
  unsigned clients = 0;
  unsigned acceptors = 0;
};

/// Runs one seed. When `report` is set, it is told on standard output what is broken, with the last events that led to it.
outcome run_apart(const run_options& options, const registry& known, bool report = false);

struct failure {
  uint64_t seed;
  outcome what;
};

/// Runs `runs` seeds from the given one on, `jobs` at a time, until all have passed or one fails. Tells of its progress on
/// standard error, and adds up the numbers.
std::optional<failure> run_all(const run_options& options, uint64_t runs, unsigned jobs, const registry& known,
                               run_numbers& numbers);

/// Writes to a stream, whose owner may look for errors; fmt's own functions throw them.
template <class... Ts>
void say(std::FILE* to, fmt::format_string<Ts...> text, Ts&&... xs) {
  std::fputs(fmt::format(text, std::forward<Ts>(xs)...).c_str(), to);
}

} // namespace synod::simulation
