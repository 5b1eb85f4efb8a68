#include "processes.hpp"

#include "synod/actors/node/command_line.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

namespace synod::simulation {

namespace {

using clock = std::chrono::steady_clock;

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

namespace {

/// Runs seeds in several processes, each its share of them.
class pool {
public:
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
                          options.seed + job, (runs - job + jobs - 1) / jobs, clock::now()});
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
    uint64_t left; // runs
    clock::time_point since;
  };

  std::optional<failure> take(size_t index) {
    auto& from = workers_[index];
    auto line = from.process->next();
    if (!line) {
      auto signal = from.process->end(false);
      auto seed = from.seed;
      auto left = from.left;
      workers_.erase(workers_.begin() + static_cast<long>(index));
      if (left == 0)
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
    --from.left;
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

} // namespace

std::optional<failure> run_all(const run_options& options, uint64_t runs, unsigned jobs, const registry& known,
                               run_numbers& numbers) {
  pool all{options, runs, jobs, known};
  auto failed = all.wait();
  numbers = all.numbers();
  return failed;
}

} // namespace synod::simulation
