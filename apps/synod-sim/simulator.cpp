#include "simulator.hpp"

#include "processes.hpp"
#include "shrink.hpp"

#include "synod/actors/node/command_line.hpp"

#include <CLI/CLI.hpp>

#include <sys/resource.h>

#include <cstring>
#include <filesystem>
#include <iostream>
#include <random>
#include <thread>

namespace synod::simulation {

namespace {

double processor_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_CHILDREN, &used);
  auto seconds = [](timeval x) { return static_cast<double>(x.tv_sec) + static_cast<double>(x.tv_usec) / 1e6; };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

void print_numbers(const run_options& options, const run_numbers& x) {
  auto cpu = processor_seconds();
  auto virtual_seconds = static_cast<double>(x.virtual_ms) / 1000;
  say(stdout, "{} runs, seeds {} to {}: no invariant is broken\n", x.runs, options.seed, options.seed + x.runs - 1);
  say(stdout, "{:.0f} virtual seconds in {:.1f} s of processor time: {:.0f} a second\n", virtual_seconds, cpu,
      virtual_seconds / cpu);
  say(stdout, "{} operations of clients ({} with an unknown outcome), {} slots, {} messages between roles, {} steps of actors\n",
      x.operations, x.unknown, x.slots, x.messages, x.steps);
  say(stdout, "{} faults, {} starts of nodes, {} of which cut off an unfinished write\n", x.fault_events, x.starts, x.cuts);
  if (x.leased_rounds > 0)
    say(stdout, "{} rounds of reads were answered by a lease\n", x.leased_rounds);
  if (x.longest_wait_ms > 0)
    say(stdout, "while there were faults, a majority that nothing happened to answered within {:.1f} s\n",
        static_cast<double>(x.longest_wait_ms) / 1000);
  if (x.undecided > 0)
    say(stdout, "{} histories have too many possible orders to be searched; all other checks held for them\n", x.undecided);
}

int report(const run_options& options, const failure& failed, const registry& known) {
  auto failing = options;
  failing.seed = failed.seed;
  switch (failed.what.what) {
    case outcome::kind::crashed:
      if (failed.what.signal == 0)
        say(stdout, "seed {} ends its process\n", failed.seed);
      else
        say(stdout, "seed {} ends with signal {} ({})\n", failed.seed, failed.what.signal, ::strsignal(failed.what.signal));
      break;
    case outcome::kind::hung:
      say(stdout, "seed {} has not ended after {} minutes\n", failed.seed, longest_run.count());
      say(stdout, "\nTo repeat it: {}\n", command_line(failing));
      return exit_status::failed; // Making it smaller would take as long, many times.
    default:
      say(stdout, "seed {} breaks {}; making it smaller ...\n", failed.seed, failed.what.invariant);
  }
  std::fflush(stdout);
  auto small = shrink(failing, failed.what, known);
  say(stdout, "\n");
  run_apart(small, known, true);
  say(stdout, "\nTo repeat it:     {}\nAs it was found:  {}\n", command_line(small), command_line(failing));
  return exit_status::failed;
}

int trace_one(const run_options& options, const registry& known, const std::string& path) {
  auto* file = path == "-" ? stdout : std::fopen(path.c_str(), "w");
  if (!file) {
    std::perror(("error: cannot write " + path).c_str());
    return exit_status::bad_arguments;
  }
  ::setvbuf(file, nullptr, _IOLBF, 1 << 16); // Whatever becomes of the run, its lines are there.
  auto result = run(options, known, {true, file});
  auto written = std::ferror(file) == 0 && (file == stdout || std::fclose(file) == 0);
  if (!written) {
    std::perror(("error: cannot write " + path).c_str());
    return exit_status::failed;
  }
  if (!result.broken) {
    std::cerr << "seed " << options.seed << ": no invariant is broken" << std::endl;
    return exit_status::clean;
  }
  std::cerr << "seed " << options.seed << " breaks " << result.broken->invariant << ": " << result.broken->text << std::endl;
  return exit_status::failed;
}

int simulate(const registry& known, run_options options, int argc, char** argv) {
  std::string faults = "all", trace_file;
  uint64_t runs = 1;
  unsigned nodes = 0, clients = 0, seconds = 60;
  auto jobs = std::max(1u, std::thread::hardware_concurrency());
  CLI::App app{"Runs the real roles in virtual time, under every fault, and checks the invariants of Paxos all the time.",
               options.program};
  auto* seed = app.add_option("--seed", options.seed, "Decides everything (default: a random one, which is printed)");
  app.add_option("--runs", runs, "How many seeds, from --seed on")
    ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 40))
    ->capture_default_str();
  app.add_option("--nodes", nodes, "Acceptors: 3, 5 or 7 (default: drawn)")->check(CLI::IsMember({3, 5, 7}));
  app.add_option("--clients", clients, "Clients (default: drawn, 1 to 12)")->check(CLI::Range(1, 60));
  app
    .add_option(
      "--faults", faults,
      "all, of which each run has about half; all,-NAME leaves one out; names, joined by commas, of which it has each; none")
    ->capture_default_str();
  app
    .add_option("--virtual-seconds", seconds,
                "How long there are faults and new operations in a run; then all has to come to rest")
    ->check(CLI::Range(1, 86400))
    ->capture_default_str();
  app.add_option("--trace", trace_file, "Writes every event of one run to this file; - is standard output");
  app.add_option("--jobs", jobs, "Runs at a time")->check(CLI::Range(1, 1024))->capture_default_str();
  app.set_version_flag("--version", SYNOD_VERSION);
  std::string footer = "Faults:\n";
  for (auto& each : fault_descriptions())
    footer += fmt::format("  {:12} {}\n", each.name, each.help);
  footer += "\nExit status: 0 all runs passed, 1 one failed (its seed is made smaller and told), 2 bad options.";
  app.footer(footer);
  if (auto status = parse_command_line(app, argc, argv))
    return *status;
  options.draws_faults = faults.starts_with("all") || faults.starts_with('-');
  if (auto problem = parse_faults(faults, options.faults))
    return bad_arguments(*problem + "\nSee " + options.program + " --help.");
  if (!trace_file.empty() && runs > 1)
    return bad_arguments("--trace is for one run");
  if (options.seed + (runs - 1) < options.seed)
    return bad_arguments(fmt::format("there are no {} seeds from --seed={} on", runs, options.seed));
  options.virtual_time = std::chrono::seconds{seconds};
  if (nodes > 0)
    options.nodes = nodes;
  if (clients > 0)
    options.clients = clients;
  if (seed->count() == 0)
    options.seed = std::random_device{}();
  if (!trace_file.empty())
    return trace_one(options, known, trace_file);
  run_numbers numbers;
  if (auto failed = run_all(options, runs, jobs, known, numbers))
    return report(options, *failed, known);
  print_numbers(options, numbers);
  return std::fflush(stdout) == 0 ? exit_status::clean : exit_status::failed;
}

} // namespace

int run_simulator(const registry& known, int argc, char** argv) {
  return simulate(known, {}, argc, argv);
}

int run_simulator(const registry& known, const workload& of_user, int argc, char** argv) {
  run_options options;
  options.program = std::filesystem::path{argv[0]}.filename();
  options.of_user = &of_user;
  std::string problem;
  if (auto* machine = known.machine(of_user.machine); !machine)
    problem = "the registry has no state machine '" + of_user.machine + "'";
  else if (!of_user.next)
    problem = "the workload draws no commands";
  for (auto& role : of_user.roles)
    if (!known.role(role))
      problem = "the registry has no role '" + role + "'";
  if (!problem.empty())
    return bad_arguments(problem);
  return simulate(known, options, argc, argv);
}

} // namespace synod::simulation
