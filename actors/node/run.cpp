#include "synod/actors/node/run.hpp"

#include "synod/actors/node/cluster_file.hpp"
#include "synod/actors/node/command_line.hpp"
#include "synod/actors/node/data_directory.hpp"
#include "synod/actors/node/door.hpp"
#include "synod/actors/node/join.hpp"
#include "synod/actors/node/local_disk.hpp"
#include "synod/actors/node/membership.hpp"
#include "synod/actors/node/process.hpp"
#include "synod/actors/role/error_text.hpp"

#include <CLI/CLI.hpp>
#include <spdlog/fmt/fmt.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <filesystem>
#include <iostream>
#include <mutex>
#include <thread>

namespace synod {

namespace fs = std::filesystem;

namespace {

constexpr std::chrono::seconds limit_to_end{5};
constexpr int removal_tries = 5;

// Of the process, set before there is a second thread.
std::string told_as;             // "node NAME: " before an error that nobody catches
std::string temporary_directory; // of synod-dev; empty: there is none

struct common_options {
  std::string config_file;
  std::string data_directory;
  std::string log_level = "info";
  bool log_json = false;
};

void add_common(CLI::App& app, common_options& options) {
  app.add_option("--log-level", options.log_level, "What is logged to standard error")
    ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}))
    ->capture_default_str();
  app.add_flag("--log-json", options.log_json, "Log one JSON object per line");
  app.set_version_flag("--version", std::string{SYNOD_VERSION});
}

std::string describe_options(const registry& known) {
  std::string text = "Options of the cluster file, with their defaults:\n";
  auto list = [&](const std::string& name, const std::string& help, const std::vector<option_spec>& options) {
    text += "[" + name + "]  # " + help + "\n";
    for (auto& each : options) {
      auto quote = each.type == option_spec::kind::number || each.type == option_spec::kind::flag ? "" : "\"";
      text += "  " + each.name + " = " + quote + each.initial + quote + "  # " + each.help + "\n";
    }
  };
  for (auto& [name, role] : known.roles())
    list(name, role.help, role.options);
  for (auto& [name, machine] : known.machines())
    list("state-machine", "name = \"" + name + "\": " + machine.help, machine.options);
  return text;
}

/// A process may be started without standard descriptors: the next files that are opened would be taken for them.
void hold_standard_descriptors() {
  for (auto each : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(each, F_GETFD) < 0 && errno == EBADF)
      static_cast<void>(::open("/dev/null", each == STDIN_FILENO ? O_RDONLY : O_WRONLY)); // Gets the lowest free number.
}

/// Roles may still write there, when a failure or a signal ends the process.
void remove_temporary_directory() try {
  if (temporary_directory.empty())
    return;
  std::error_code problem;
  for (int i = 0; i < removal_tries; ++i)
    if (fs::remove_all(temporary_directory, problem); !problem)
      return;
  std::cerr << "warning: cannot delete " << temporary_directory << ": " << problem.message() << std::endl;
} catch (...) { // There is no memory left: the process ends for some reason, and tells that one.
}

/// As by a crash; from any thread, and whatever another one is held up by.
[[noreturn]] void end_at_once(int status) {
  remove_temporary_directory();
  ::_exit(status);
}

/// Ends the process when all roles have ended, or where they have not started. CAF's own end would also wait for the memory of
/// every detached actor, and messages that are still on their way keep such memory.
[[noreturn]] void leave(int status) {
  std::cout.flush();
  end_at_once(status);
}

/// What nobody catches, in whatever thread, ends the process with its reason.
void tell_what_nobody_catches() {
  std::set_terminate([] {
    auto thrown = std::current_exception();
    std::cerr << "error: " << told_as << (thrown ? text_of(thrown) : "a thread was still running at the end") << std::endl;
    end_at_once(exit_status::failed);
  });
}

/// Signals are waited for by `end_signal` alone; called before any thread is started.
sigset_t block_signals() {
  sigset_t waited_for;
  sigemptyset(&waited_for);
  sigaddset(&waited_for, SIGTERM);
  sigaddset(&waited_for, SIGINT);
  struct sigaction hangup {};
  ::sigaction(SIGHUP, nullptr, &hangup);
  if (hangup.sa_handler != SIG_IGN) // The terminal is closed; but not where nohup has it ignored.
    sigaddset(&waited_for, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &waited_for, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN); // A file size limit is an error of the write, told like a full disk.
  return waited_for;
}

/// Each client takes one. What a process is given at first is often far less than it may have. With fewer than a node needs to
/// start, what finds none might end the process without a word: it is refused here. `nodes`, `gateways`: in this process.
void raise_descriptor_limit(cluster& config, size_t nodes, size_t gateways) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return;
  if (auto most = rlimit{limit.rlim_max, limit.rlim_max}; ::setrlimit(RLIMIT_NOFILE, &most) == 0)
    limit = most;
  // Logs, segments, snapshots, links; and who knocks. Clients get none of those.
  constexpr rlim_t least_clients = 2;
  auto own = 24 + 8 * nodes + 2 * config.nodes.size();
  auto least = own + nodes * door::room(0) + gateways * least_clients;
  if (limit.rlim_cur < least) {
    std::cerr << "error: " << told_as << "too many open files would be needed: this process may have " << limit.rlim_cur
              << " (ulimit -n), expected " << least << " at least" << std::endl;
    leave(exit_status::failed);
  }
  auto found = config.role_options.find("gateway");
  if (limit.rlim_cur == RLIM_INFINITY || gateways == 0 || found == config.role_options.end())
    return;
  auto reserved = std::max<rlim_t>(own + nodes * door::room(limit.rlim_cur / nodes), std::min<rlim_t>(256, limit.rlim_cur / 4));
  auto for_clients = std::max(least_clients, (limit.rlim_cur - std::min(limit.rlim_cur, reserved)) / gateways);
  auto wanted = found->second.number("most-clients");
  if (for_clients >= static_cast<rlim_t>(wanted))
    return;
  std::cerr << "warning: this process may have " << limit.rlim_cur << " open files (ulimit -n): most-clients is " << for_clients
            << ", not " << wanted << std::endl;
  found->second.set("most-clients", static_cast<int64_t>(for_clients));
}

/// Waits for SIGTERM, SIGINT or SIGHUP, in a thread of its own: while nodes start, which may take as long as reading their logs,
/// it ends the process at once, as by a crash, which data directories bear at any time. Behind that it is for `wait`, and an
/// orderly end has a limit. Lives as long as the process.
class end_signal {
public:
  explicit end_signal(const sigset_t& waited_for) : waited_for_{waited_for} {
    std::thread{[this] { run(); }}.detach();
  }

  /// All nodes have started.
  void nodes_run() {
    std::lock_guard guard{mutex_};
    nodes_run_ = true;
  }

  void wait() {
    std::unique_lock guard{mutex_};
    came_.wait(guard, [this] { return has_come_; });
  }

private:
  [[noreturn]] void run() {
    int received = 0;
    sigwait(&waited_for_, &received);
    {
      std::lock_guard guard{mutex_};
      if (!nodes_run_)
        end_at_once(exit_status::clean);
      has_come_ = true;
      came_.notify_one();
    }
    std::this_thread::sleep_for(limit_to_end);
    end_at_once(exit_status::failed);
  }

  sigset_t waited_for_;
  std::mutex mutex_;
  std::condition_variable came_;
  bool nodes_run_ = false;
  bool has_come_ = false;
};

void say_what_runs(const process& running, const cluster& config, const std::string& where) {
  std::cout << "Synod " << SYNOD_VERSION << ": " << config.nodes.size() << " nodes in this process, data in " << where << "\n";
  std::optional<endpoint> first;
  for (auto& each : config.nodes)
    if (auto clients = running.clients_at(each)) {
      std::cout << "  node " << each.name << ": Redis clients at " << to_string(*clients) << "\n";
      first = first ? first : clients;
    }
  if (first)
    std::cout << "Try: redis-cli -h " << first->host << " -p " << first->port
              << (config.state_machine == "key-value" ? " set greeting hello\n" : " command list\n");
  std::cout << "Ctrl-C ends it." << std::endl;
}

/// Roles have stored something there. (What else there is a start may have left that came to nothing.)
bool has_run(const fs::path& directory) {
  std::error_code missing;
  fs::directory_iterator all{directory, missing};
  return !missing && std::any_of(begin(all), end(all), [](auto& each) {
    std::error_code gone;
    return each.is_directory(gone) && each.path().filename() != "lost+found";
  });
}

/// What the nodes of one process were restored from, which the file's model gets to know. Of those that do not say the same none
/// is started: gives why, or nothing.
std::string find_origin(cluster& config, const fs::path& all) {
  local_disk files;
  const node_description* first = nullptr;
  for (auto& each : config.nodes) {
    auto origin = data_directory::origin_of(files, all / each.name);
    if (first && origin != config.origin)
      return fmt::format("{}: node '{}' was restored from {}, node '{}' from {}: all nodes of a cluster begin with the same",
                         all.string(), first->name, config.origin.empty() ? "nothing" : config.origin, each.name,
                         origin.empty() ? "nothing" : origin);
    first = &each;
    config.origin = origin;
  }
  return {};
}

/// What is known of decided configurations before a node starts: what it has kept, or what a member tells one that joins. The
/// same of what the cluster was restored from, which the file's model gets to know.
caf::expected<membership> known_members(cluster& file, const std::string& name, const fs::path& directory, bool joins) {
  local_disk files;
  file.origin = data_directory::origin_of(files, directory);
  membership members;
  if (auto problem = members.read(files, directory))
    return problem;
  if (members.has_left())
    return caf::make_error(caf::sec::invalid_argument,
                           directory.string() + ": node '" + name
                             + "' was removed from the cluster, and has left. To come back it "
                               "joins as a new node: with another name, an empty data directory, and --join");
  if (auto differs = members.other_roles(file, file.find(name)->id); !differs.empty())
    return caf::make_error(caf::sec::invalid_argument, differs);
  if (!members.empty())
    return members;
  if (!joins) {
    members.begin(file);
    return members;
  }
  if (has_run(directory))
    return caf::make_error(caf::sec::invalid_argument,
                           directory.string()
                             + ": is the data directory of a node that was there when the cluster began: expected "
                               "an empty one with --join");
  auto told = ask_members(file, name);
  if (!told)
    return told.error();
  file.origin = told->origin;
  members.join(std::move(told->all));
  return members;
}

} // namespace

int run_node(const registry& known, int argc, char** argv) {
  hold_standard_descriptors();
  tell_what_nobody_catches();
  common_options options;
  std::string name;
  CLI::App app{"Runs one node of a Synod cluster until SIGTERM, SIGINT or SIGHUP.", "synod-node"};
  app.add_option("--config-file", options.config_file, "The cluster file")->required();
  app.add_option("--node", name, "This node's name in the cluster file")->required();
  app.add_option("--data-dir", options.data_directory, "Where this node keeps what must survive")->required();
  bool joins = false;
  app.add_flag("--join", joins,
               "It is a new node of a cluster that runs: of the others the cluster file has to name one that is there. It counts "
               "when synod-ctl has added it");
  add_common(app, options);
  app.footer(describe_options(known));
  if (auto status = parse_command_line(app, argc, argv))
    return *status;

  auto config = read_cluster(options.config_file, known);
  if (!config)
    return bad_arguments(text_of(config.error()));
  if (!config->find(name)) {
    std::string names;
    for (auto& each : config->nodes)
      names += (names.empty() ? "" : ", ") + each.name;
    return bad_arguments("unknown node '" + name + "': " + options.config_file + " has " + names);
  }
  told_as = "node " + name + ": ";
  auto& signal = *new end_signal{block_signals()}; // Lives as long as the process, like the next one.
  raise_descriptor_limit(*config, 1, config->find(name)->has("gateway"));
  auto members = known_members(*config, name, options.data_directory, joins);
  if (!members)
    return bad_arguments(text_of(members.error()));
  auto file = std::make_shared<const cluster>(std::move(*config));
  auto shared = std::make_shared<const cluster>(members->now(*file, file->find(name)->id));
  auto& running = *new process{known, shared, {options.log_level, options.log_json, {}, [] { ::kill(::getpid(), SIGTERM); }}};
  auto failure = running.start(*shared->find(name), options.data_directory, true, *members, file);
  if (!failure)
    failure = running.publish();
  if (failure)
    leave(*failure); // As by a crash: a role that failed while it started may have left actors that nobody knows to end.
  signal.nodes_run();
  auto& self = *shared->find(name);
  std::cout << "ready node=" << self.name;
  if (auto clients = running.clients_at(self))
    std::cout << " resp=" << to_string(*clients);
  std::cout << std::endl;
  signal.wait();
  running.end();
  leave(exit_status::clean);
}

int run_dev(const registry& known, int argc, char** argv) {
  hold_standard_descriptors();
  tell_what_nobody_catches();
  common_options options;
  size_t count = 3;
  uint16_t first_port = 7101;
  CLI::App app{"Runs a whole Synod cluster in one process, to develop with and to look at.", "synod-dev"};
  app.add_option("--nodes", count, "How many nodes")->check(CLI::Range(1, 9))->capture_default_str();
  app.add_option("--data-dir", options.data_directory,
                 "Where the nodes keep their data (default: a temporary directory, deleted at exit)");
  app.add_option("--resp-port", first_port, "Port for Redis clients of the first node; the others follow")
    ->check(CLI::Range(1, 65527))
    ->capture_default_str();
  app.add_option("--config-file", options.config_file, "A cluster file, instead of nodes with all roles each");
  add_common(app, options);
  if (auto status = parse_command_line(app, argc, argv))
    return *status;

  auto config = options.config_file.empty() ? local_cluster(count, first_port, known) : read_cluster(options.config_file, known);
  if (!config)
    return bad_arguments(text_of(config.error()));
  auto waited_for = block_signals();
  raise_descriptor_limit(*config, config->nodes.size(), config->nodes_with("gateway").size());
  if (options.data_directory.empty()) {
    std::error_code missing;
    std::string pattern = (fs::temp_directory_path(missing) / "synod-dev-XXXXXX").string();
    if (missing || !::mkdtemp(pattern.data())) {
      std::cerr << "error: cannot make a temporary directory " << pattern << std::endl;
      return exit_status::failed;
    }
    options.data_directory = temporary_directory = pattern;
  }
  auto& signal = *new end_signal{waited_for}; // Lives as long as the process, like the next one.
  if (auto wrong = find_origin(*config, options.data_directory); !wrong.empty())
    return bad_arguments(wrong);
  auto shared = std::make_shared<const cluster>(std::move(*config));
  auto& running = *new process{known, shared, {options.log_level, options.log_json, remove_temporary_directory}};
  std::optional<int> failure;
  for (uint32_t i = 0; i < shared->nodes.size() && !failure; ++i)
    failure = running.start(shared->nodes[i], fs::path{options.data_directory} / shared->nodes[i].name, false);
  if (!failure)
    failure = running.introduce();
  if (!failure)
    failure = running.publish();
  if (failure)
    leave(*failure); // What does not start together is left as by a crash, like a single node.
  signal.nodes_run();
  say_what_runs(running, *shared, options.data_directory + (temporary_directory.empty() ? "" : " (deleted at exit)"));
  signal.wait();
  running.end();
  leave(exit_status::clean);
}

} // namespace synod
