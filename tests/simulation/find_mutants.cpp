// Runs the simulator with each wrong role until a check fails, and tells after how many runs.
// Usage: find-mutants [--table] [NAME ...]
#include "mutants.hpp"

#include "run.hpp"

#include <spdlog/fmt/fmt.h>

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <thread>

using namespace synod;
using namespace synod::test;

namespace {

constexpr uint64_t most_runs = 300;

/// The seeds are 1, 2, 3, ...; prints one row. True: a check failed in time.
bool find(const mutant& wrong, bool as_table) {
  auto known = registry_with(wrong);
  simulation::run_options options;
  for (options.seed = 1; options.seed <= most_runs; ++options.seed) {
    auto result = simulation::run(options, known);
    if (!result.broken)
      continue;
    if (as_table)
      fmt::print("| `{}` | {} | {} | {} |\n", wrong.name, wrong.what, result.broken->invariant, options.seed);
    else
      fmt::print("{}: {} after {} run{}: {}\n", wrong.name, result.broken->invariant, options.seed, options.seed == 1 ? "" : "s",
                 result.broken->text.substr(0, result.broken->text.find('\n')));
    return true;
  }
  fmt::print("{}: NOT FOUND within {} runs: {}\n", wrong.name, most_runs, wrong.what);
  return false;
}

} // namespace

int main(int argc, char** argv) {
  std::vector<std::string_view> names(argv + 1, argv + argc);
  auto as_table = std::erase(names, "--table") > 0;
  auto free = std::max(1u, std::thread::hardware_concurrency());
  auto all_found = true;
  auto wait_for_one = [&] {
    int status = 0;
    if (::wait(&status) > 0)
      all_found &= WIFEXITED(status) && WEXITSTATUS(status) == 0;
    ++free;
  };
  for (auto& each : mutants()) {
    if (!names.empty() && std::find(names.begin(), names.end(), each.name) == names.end())
      continue;
    if (free == 0)
      wait_for_one();
    --free;
    auto process = ::fork();
    if (process < 0) {
      std::perror("fork");
      return 1;
    }
    if (process == 0) {
      auto found = find(each, as_table);
      std::fflush(stdout);
      ::_exit(found ? 0 : 1);
    }
  }
  while (free < std::max(1u, std::thread::hardware_concurrency()))
    wait_for_one();
  return all_found ? 0 : 1;
}
