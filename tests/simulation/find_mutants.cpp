// Runs the simulator with each wrong role until a check fails, and tells after how many runs.
// Usage: find-mutants [NAME ...]
//        find-mutants --table                   writes mutants.md
//        find-mutants --run NAME [OPTION ...]   is synod-sim with that wrong role
#include "simulation/mutants.hpp"

#include "processes.hpp"
#include "simulator.hpp"

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

constexpr uint64_t most_runs = 600;

constexpr const char* table_head =
  R"(What the simulator finds: each row is a role made wrong on purpose (`mutants.cpp`), the check that noticed, and how many
runs that took, with seeds 1, 2, 3, ... The test `mutants` fails if one is not found within 600 runs. The last column
changes with the roles and the simulator. `reads-earlier-round` shows where messages are delayed, doubled and overtake each
other, and has runs with these faults alone; the others have any. To write this table again:
`build/release/bin/find-mutants --table > tests/simulation/mutants.md`.

| mutant | what is wrong | found by | runs |
|---|---|---|---|
)";

/// The seeds are 1, 2, 3, ...; prints one row. True: a check failed in time.
bool find(const mutant& wrong, bool as_table) {
  auto known = registry_with(wrong);
  simulation::run_options options;
  if (wrong.faults) {
    options.draws_faults = false;
    static_cast<void>(simulation::parse_faults(wrong.faults, options.faults));
  }
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

int unknown(std::string_view name) {
  fmt::print(stderr, "error: there is no mutant '{}'\n", name);
  return 2;
}

const mutant* mutant_of(std::string_view name) {
  auto found = std::find_if(mutants().begin(), mutants().end(), [&](auto& x) { return x.name == name; });
  return found == mutants().end() ? nullptr : &*found;
}

} // namespace

int main(int argc, char** argv) {
  std::vector<std::string_view> names(argv + 1, argv + argc);
  if (names.size() > 1 && names[0] == "--run") {
    auto* wrong = mutant_of(names[1]);
    return wrong ? simulation::run_simulator(registry_with(*wrong), argc - 2, argv + 2) : unknown(names[1]);
  }
  auto as_table = std::erase(names, "--table") > 0;
  for (auto name : names)
    if (!mutant_of(name))
      return unknown(name);
  if (as_table)
    fmt::print("{}", table_head);
  const auto jobs = as_table ? 1u : std::max(1u, std::thread::hardware_concurrency());
  auto free = jobs;
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
    std::fflush(stdout); // Or the child prints it, too.
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
  while (free < jobs)
    wait_for_one();
  return all_found ? 0 : 1;
}
