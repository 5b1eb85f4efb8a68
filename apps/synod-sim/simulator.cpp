#include "simulator.hpp"

#include "synod/actors/node/command_line.hpp"

#include <CLI/CLI.hpp>
#include <spdlog/fmt/fmt.h>

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <iostream>
#include <random>
#include <thread>

namespace synod::simulation {

namespace {

using clock = std::chrono::steady_clock;

constexpr std::chrono::minutes longest_run{10}; // of real time; then it hangs

template <class... Ts>
void say(std::FILE* to, fmt::format_string<Ts...> text, Ts&&... xs) {
  std::fputs(fmt::format(text, std::forward<Ts>(xs)...).c_str(), to);
}

/// What a child tells its parent through a pipe: at most PIPE_BUF bytes, so that it comes in one piece.
struct report_line {
  uint64_t seed = 0;
  bool begins = false; // a run begins; otherwise it has ended
  outcome result;
};

report_line line_of(uint64_t seed, const run_result& x) {
  report_line line;
  line.seed = seed;
  line.result.what = x.broken ? outcome::kind::broken : outcome::kind::passed;
  line.result.numbers = x.numbers;
  if (x.broken)
    std::strncpy(line.result.invariant, x.broken->invariant.c_str(), sizeof line.result.invariant - 1);
  line.result.faults = x.faults.to_ulong();
  line.result.clients = x.clients;
  line.result.acceptors = x.acceptors;
  return line;
}

void tell(int pipe, const report_line& line) {
  if (::write(pipe, &line, sizeof line) != sizeof line)
    ::_exit(1); // Nobody listens any more.
}

void print_failure(const run_options& options, const run_result& x) {
  say(stdout, "seed {} breaks {}: {}\n\nThe last events:\n", options.seed, x.broken->invariant, x.broken->text);
  for (auto& each : x.last)
    say(stdout, "{}\n", each);
  std::fflush(stdout);
}

/// A child process that tells its parent what it does.
class child {
public:
  template <class Do>
  explicit child(Do work) {
    int ends[2];
    std::cout.flush();
    std::fflush(stdout);
    if (::pipe(ends) != 0 || (process_ = ::fork()) < 0) {
      std::perror("error: cannot start a process");
      std::exit(exit_status::failed);
    }
    if (process_ == 0) {
      ::close(ends[0]);
      work(ends[1]);
      std::fflush(stdout);
      ::_exit(0);
    }
    ::close(ends[1]);
    pipe_ = ends[0];
  }
  ~child() {
    end();
    ::close(pipe_);
  }
  child(const child&) = delete;
  child& operator=(const child&) = delete;

  int pipe() const { return pipe_; }

  /// The next thing it tells; none: it has ended.
  std::optional<report_line> next() {
    report_line line;
    for (;;) {
      auto size = ::read(pipe_, &line, sizeof line);
      if (size < 0 && errno == EINTR)
        continue;
      if (size != sizeof line)
        return std::nullopt;
      return line;
    }
  }

  /// Ends it if it still runs, and tells by which signal it ended, if any.
  int end(bool kill = true) {
    if (process_ <= 0)
      return 0;
    if (kill)
      ::kill(process_, SIGKILL);
    int status = 0;
    while (::waitpid(process_, &status, 0) < 0 && errno == EINTR) {
    }
    process_ = 0;
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  }

private:
  pid_t process_ = 0;
  int pipe_ = -1;
};

} // namespace

outcome run_apart(const run_options& options, const registry& known, bool report) {
  child runs{[&](int pipe) {
    auto result = run(options, known, {report, nullptr});
    if (report && result.broken)
      print_failure(options, result);
    tell(pipe, line_of(options.seed, result));
  }};
  pollfd wait{runs.pipe(), POLLIN, 0};
  outcome result;
  if (::poll(&wait, 1, static_cast<int>(std::chrono::milliseconds{longest_run}.count())) == 0) {
    result.what = outcome::kind::hung;
    return result;
  }
  if (auto line = runs.next())
    return line->result;
  result.what = outcome::kind::crashed;
  result.signal = runs.end(false);
  return result;
}

run_options shrink(const run_options& failing, const outcome& first, const registry& known) {
  auto best = failing;
  auto fails = [&](const run_options& candidate) { return run_apart(candidate, known).what != outcome::kind::passed; };
  auto try_with = [&](auto change) {
    auto candidate = best;
    change(candidate);
    if (fails(candidate))
      best = candidate;
  };
  if (first.what == outcome::kind::broken) {
    // Nothing that the run did not have, and no more time than until it broke.
    try_with([&](auto& x) {
      x.faults = fault_set{first.faults};
      x.clients = first.clients;
    });
    auto seconds = std::chrono::seconds{first.numbers.virtual_ms / 1000 + 1};
    if (seconds < best.virtual_time)
      try_with([&](auto& x) { x.virtual_time = seconds; });
    if (first.acceptors > 3)
      try_with([&](auto& x) { x.nodes = 3; });
  }
  for (size_t i = 0; i < fault_count; ++i)
    if (best.faults.test(i))
      try_with([&](auto& x) { x.faults.reset(i); });
  for (unsigned clients : {1u, 2u, 3u, 5u, 8u})
    if (clients < best.clients.value_or(13))
      try_with([&](auto& x) { x.clients = clients; });
  return best;
}

std::string command_line(const run_options& options) {
  auto text = fmt::format("synod-sim --seed={} --faults={} --virtual-seconds={}", options.seed, to_string(options.faults),
                          options.virtual_time.count());
  if (options.clients)
    text += fmt::format(" --clients={}", *options.clients);
  if (options.nodes)
    text += fmt::format(" --nodes={}", *options.nodes);
  return text;
}

namespace {

/// Runs seeds in several processes, each its share of them.
class pool {
public:
  struct failure {
    uint64_t seed;
    outcome what;
  };

  pool(const run_options& options, uint64_t runs, unsigned jobs, const registry& known)
    : first_seed_{options.seed}, runs_{runs}, begun_{clock::now()} {
    jobs = static_cast<unsigned>(std::min<uint64_t>(jobs, runs));
    for (unsigned job = 0; job < jobs; ++job)
      workers_.push_back({std::make_unique<child>([=, &known](int pipe) {
                            auto mine = options;
                            for (auto i = uint64_t{job}; i < runs; i += jobs) {
                              mine.seed = options.seed + i;
                              report_line begins;
                              begins.seed = mine.seed;
                              begins.begins = true;
                              tell(pipe, begins);
                              tell(pipe, line_of(mine.seed, run(mine, known)));
                            }
                          }),
                          options.seed + job, clock::now()});
  }

  /// Until all have passed, or one fails.
  std::optional<failure> wait() {
    while (!workers_.empty()) {
      std::vector<pollfd> waits;
      for (auto& each : workers_)
        waits.push_back({each.process->pipe(), POLLIN, 0});
      ::poll(waits.data(), waits.size(), 1000);
      for (size_t i = workers_.size(); i-- > 0;) {
        if (waits[i].revents != 0) {
          if (auto failed = take(i))
            return failed;
        } else if (clock::now() - workers_[i].since > longest_run) {
          outcome hangs;
          hangs.what = outcome::kind::hung;
          return failure{workers_[i].seed, hangs};
        }
      }
      show_progress(false);
    }
    show_progress(true);
    return std::nullopt;
  }

  const run_numbers& numbers() const { return numbers_; }

private:
  struct worker {
    std::unique_ptr<child> process;
    uint64_t seed; // that it runs
    clock::time_point since;
  };

  std::optional<failure> take(size_t index) {
    auto& from = workers_[index];
    auto line = from.process->next();
    if (!line) {
      auto signal = from.process->end(false);
      auto seed = from.seed;
      workers_.erase(workers_.begin() + static_cast<long>(index));
      if (signal == 0)
        return std::nullopt; // It has done its share.
      outcome crash;
      crash.what = outcome::kind::crashed;
      crash.signal = signal;
      return failure{seed, crash};
    }
    from.seed = line->seed;
    from.since = clock::now();
    if (line->begins)
      return std::nullopt;
    numbers_.add(line->result.numbers);
    if (line->result.what != outcome::kind::passed)
      return failure{line->seed, line->result};
    return std::nullopt;
  }

  void show_progress(bool last) {
    auto terminal = ::isatty(STDERR_FILENO) == 1;
    auto now = clock::now();
    if (!last && now - shown_ < (terminal ? std::chrono::seconds{1} : std::chrono::seconds{30}))
      return;
    shown_ = now;
    auto seconds = std::chrono::duration<double>(now - begun_).count();
    if (!last || terminal)
      say(stderr, "{}{} of {} runs passed, seeds from {}, {:.0f} virtual seconds in {:.0f} s{}", terminal ? "\r" : "",
          numbers_.runs, runs_, first_seed_, static_cast<double>(numbers_.virtual_ms) / 1000, seconds,
          terminal && !last ? "" : "\n");
    std::fflush(stderr);
  }

  uint64_t first_seed_;
  uint64_t runs_;
  clock::time_point begun_;
  clock::time_point shown_ = clock::now();
  std::vector<worker> workers_;
  run_numbers numbers_;
};

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
  say(stdout, "{} faults, {} starts of nodes\n", x.fault_events, x.starts);
  if (x.undecided > 0)
    say(stdout, "{} histories have too many possible orders to be searched; all other checks held for them\n", x.undecided);
}

int report(const run_options& options, const pool::failure& failed, const registry& known) {
  auto failing = options;
  failing.seed = failed.seed;
  switch (failed.what.what) {
    case outcome::kind::crashed:
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

} // namespace

int run_simulator(const registry& known, int argc, char** argv) {
  run_options options;
  std::string faults = "all", trace_file;
  uint64_t runs = 1;
  unsigned nodes = 0, clients = 0, seconds = 60;
  auto jobs = std::max(1u, std::thread::hardware_concurrency());
  CLI::App app{"Runs the real roles in virtual time, under every fault, and checks the invariants of Paxos all the time.",
               "synod-sim"};
  auto* seed = app.add_option("--seed", options.seed, "Decides everything (default: a random one, which is printed)");
  app.add_option("--runs", runs, "How many seeds, from --seed on")
    ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 40))
    ->capture_default_str();
  app.add_option("--nodes", nodes, "Acceptors: 3, 5 or 7 (default: drawn)")->check(CLI::IsMember({3, 5, 7}));
  app.add_option("--clients", clients, "Clients (default: drawn, 1 to 12)")->check(CLI::Range(1, 60));
  app.add_option("--faults", faults, "all, none, or names joined by commas; -NAME leaves one out of all")->capture_default_str();
  app
    .add_option("--virtual-seconds", seconds,
                "How long there are faults and new operations in a run; then all has to come to rest")
    ->check(CLI::Range(1, 86400))
    ->capture_default_str();
  app.add_option("--trace", trace_file, "Writes every event of one run to this file; - is standard output");
  app.add_option("--jobs", jobs, "Runs at a time")->check(CLI::Range(1, 1024))->capture_default_str();
  app.set_version_flag("--version", SYNOD_VERSION);
  std::string footer = "Faults; each run has about half of those that are not left out:\n";
  for (auto& each : fault_descriptions())
    footer += fmt::format("  {:12} {}\n", each.name, each.help);
  footer += "\nExit status: 0 all runs passed, 1 one failed (its seed is made smaller and told), 2 bad options.";
  app.footer(footer);
  if (auto status = parse_command_line(app, argc, argv))
    return *status;
  if (auto problem = parse_faults(faults, options.faults))
    return bad_arguments(*problem + "\nSee synod-sim --help.");
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
  pool all{options, runs, jobs, known};
  if (auto failed = all.wait())
    return report(options, *failed, known);
  print_numbers(options, all.numbers());
  return std::fflush(stdout) == 0 ? exit_status::clean : exit_status::failed;
}

} // namespace synod::simulation
