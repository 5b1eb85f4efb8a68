#include "synod/actors/node/host.hpp"

#include "synod/actors/acceptor/disk.hpp"
#include "synod/actors/gateway/server.hpp"
#include "synod/actors/node/cluster.hpp"
#include "synod/actors/node/command_line.hpp"
#include "synod/actors/node/data_directory.hpp"
#include "synod/actors/node/logging.hpp"
#include "synod/actors/node/node.hpp"
#include "synod/actors/node/system_config.hpp"

#include <CLI/CLI.hpp>
#include <caf/io/all.hpp>

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <random>
#include <thread>

namespace synod {

namespace fs = std::filesystem;

namespace {

constexpr int whole_seconds_to_end = 5;

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
    for (auto& each : options)
      text += "  " + each.name + " = " + each.initial + "  # " + each.help + "\n";
  };
  for (auto& [name, role] : known.roles())
    list(name, role.help, role.options);
  for (auto& [name, machine] : known.machines())
    list("state-machine", "name = \"" + name + "\": " + machine.help, machine.options);
  return text;
}

/// Signals are waited for by `wait_for_signal` alone; called before any thread is started.
sigset_t block_signals() {
  sigset_t waited_for;
  sigemptyset(&waited_for);
  sigaddset(&waited_for, SIGTERM);
  sigaddset(&waited_for, SIGINT);
  pthread_sigmask(SIG_BLOCK, &waited_for, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN); // A file size limit is an error of the write, told like a full disk.
  return waited_for;
}

int64_t wall_clock_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// The edge between the roles and the world: clocks, random seeds, directories, threads.
class host {
public:
  host(const registry& known, std::shared_ptr<const cluster> config, const common_options& options)
    : known_{known}, config_{std::move(config)}, options_{options} {}

  /// Ends all roles in order, and waits until they have ended.
  void end() {
    for (auto& each : nodes_)
      caf::anon_send_exit(each.actor, caf::exit_reason::user_shutdown);
    for (auto& each : nodes_)
      for (auto& role : each.roles)
        caf::anon_send_exit(role.handle, caf::exit_reason::user_shutdown);
    nodes_.clear();
    system_.await_all_actors_done();
    for (auto& each : threads_)
      each.join();
    threads_.clear();
  }

  /// Starts one node's roles. Returns the exit status to end with, or none when it runs.
  std::optional<int> start(uint32_t index, const fs::path& directory, bool connects) {
    auto& self = config_->nodes[index];
    auto log = make_logger(self.name, options_.log_level, options_.log_json);
    auto& started = nodes_.emplace_back();
    started.directory = std::make_unique<data_directory>();
    if (auto wrong = started.directory->open(directory, config_->name, self.name)) {
      std::cerr << "error: " << wrong->text << std::endl;
      return wrong->kind == data_directory::fault::wrong_directory ? exit_status::bad_arguments : exit_status::failed;
    }
    for (auto& name : self.roles) {
      auto spawned = spawn(index, name, *started.directory, log);
      if (!spawned) {
        std::cerr << "error: node " << self.name << ": " << text_of(spawned.error()) << std::endl;
        return exit_status::failed;
      }
      started.roles.push_back({name, *spawned});
      // A log is replayed, and a damaged one known, before the node is ready.
      caf::scoped_actor asker{system_};
      asker->request(*spawned, caf::infinite, status_atom_v)
        .receive([](const message<schema::RoleStatus>&) {}, [](caf::error&) {});
    }
    node::options options;
    options.config = config_;
    options.self = index;
    options.roles = started.roles;
    options.connects = connects;
    options.seed = random_();
    options.log = log;
    started.index = index;
    started.actor = caf::actor_cast<caf::actor>(system_.spawn<node>(options));
    return std::nullopt;
  }

  /// Lets other nodes, and synod-ctl, connect to the node started last.
  std::optional<int> publish() {
    auto& self = config_->nodes[nodes_.back().index];
    auto& where = self.address;
    auto address = where.host == "localhost" ? std::string{"127.0.0.1"} : where.host;
    auto port = system_.middleman().publish(caf::actor_cast<node_actor>(nodes_.back().actor), where.port, address.c_str(), true);
    if (port)
      return std::nullopt;
    std::cerr << "error: node " << self.name << ": cannot listen at " << to_string(where)
              << " for other nodes: is the port taken, or the address not this host's? (" << to_string(port.error()) << ")"
              << std::endl;
    return exit_status::failed;
  }

  /// Gives the nodes of this process each other's roles.
  void introduce() {
    for (auto& to : nodes_)
      for (auto& of : nodes_)
        if (&to != &of)
          for (auto& role : of.roles)
            for (auto& told : to.roles)
              caf::anon_send(told.handle, peer{of.index, role.name, caf::actor_cast<caf::strong_actor_ptr>(role.handle)});
  }

private:
  struct running {
    uint32_t index = 0;
    std::unique_ptr<data_directory> directory;
    std::vector<node::local_role> roles;
    caf::actor actor;
  };

  caf::expected<caf::actor> spawn(uint32_t index, const std::string& name, const data_directory& directory,
                                  const std::shared_ptr<spdlog::logger>& log) {
    auto& role = *known_.role(name);
    auto* machine = known_.machine(config_->state_machine);
    role_context context{
      system_,
      *config_,
      config_->nodes[index],
      index,
      config_->options_of(name),
      directory.path(),
      directory.incarnation(),
      random_(),
      wall_clock_us,
      log,
      [log](const std::string& why) {
        // Nothing more is to be sent or written: what is known to be durable stays as it is.
        log->critical("{}; this process ends", why);
        ::_exit(exit_status::failed);
      },
      files_,
      [this](const endpoint& where) { return listen(where); },
      [this](std::function<void()> run) { threads_.emplace_back(std::move(run)); },
      false,
      [this, machine] { return machine->make(config_->machine_options, random_()); },
    };
    return role.spawn(context);
  }

  caf::expected<std::shared_ptr<sockets>> listen(const endpoint& where) {
    auto clients = std::make_shared<server>(system_);
    if (auto problem = clients->listen(where.host, where.port); !problem.empty())
      return caf::make_error(caf::sec::cannot_open_port, "gateway: " + problem);
    return std::shared_ptr<sockets>{std::move(clients)};
  }

  const registry& known_;
  std::shared_ptr<const cluster> config_;
  common_options options_;
  std::shared_ptr<disk> files_ = local_disk();
  std::random_device device_;
  std::mt19937_64 random_{(uint64_t{device_()} << 32) | device_()};
  system_config system_config_;
  caf::actor_system system_{system_config_};
  std::vector<std::thread> threads_;
  std::vector<running> nodes_;
};

/// Ends the process when all roles have ended. CAF's own end would also wait for the memory of every detached actor,
/// and messages that its middleman still holds for peers keep such memory.
[[noreturn]] void leave(int status) {
  std::cout.flush();
  ::_exit(status);
}

/// Waits for SIGTERM or SIGINT; then an orderly end has a limit.
void wait_for_signal(const sigset_t& waited_for) {
  int received = 0;
  sigwait(&waited_for, &received);
  ::signal(SIGALRM, [](int) { ::_exit(exit_status::failed); });
  ::alarm(whole_seconds_to_end);
}

void say_what_runs(const cluster& config, const std::string& where) {
  std::cout << "Synod " << SYNOD_VERSION << ": " << config.nodes.size() << " nodes in this process, data in " << where << "\n";
  const node_description* first = nullptr;
  for (auto& each : config.nodes)
    if (each.resp && each.has("gateway")) {
      std::cout << "  node " << each.name << ": Redis clients at " << to_string(*each.resp) << "\n";
      first = first ? first : &each;
    }
  if (first)
    std::cout << "Try: redis-cli -p " << first->resp->port << " set greeting hello\n";
  std::cout << "Ctrl-C ends it." << std::endl;
}

} // namespace

int run_node(const registry& known, int argc, char** argv) {
  common_options options;
  std::string name;
  CLI::App app{"Runs one node of a Synod cluster until SIGTERM or SIGINT.", "synod-node"};
  app.add_option("--config-file", options.config_file, "The cluster file")->required();
  app.add_option("--node", name, "This node's name in the cluster file")->required();
  app.add_option("--data-dir", options.data_directory, "Where this node keeps what must survive")->required();
  add_common(app, options);
  app.footer(describe_options(known));
  if (auto status = parse_command_line(app, argc, argv))
    return *status;

  auto config = read_cluster(options.config_file, known);
  if (!config)
    return bad_arguments(text_of(config.error()));
  auto index = config->index_of(name);
  if (!index) {
    std::string names;
    for (auto& each : config->nodes)
      names += (names.empty() ? "" : ", ") + each.name;
    return bad_arguments("unknown node '" + name + "': " + options.config_file + " has " + names);
  }
  auto waited_for = block_signals();
  auto shared = std::make_shared<const cluster>(std::move(*config));
  auto& running = *new host{known, shared, options}; // Lives as long as the process.
  auto failure = running.start(*index, options.data_directory, true);
  if (!failure)
    failure = running.publish();
  if (failure) {
    running.end();
    leave(*failure);
  }
  auto& self = shared->nodes[*index];
  std::cout << "ready node=" << self.name;
  if (self.resp && self.has("gateway"))
    std::cout << " resp=" << to_string(*self.resp);
  std::cout << std::endl;
  wait_for_signal(waited_for);
  running.end();
  leave(exit_status::clean);
}

int run_dev(const registry& known, int argc, char** argv) {
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
  auto temporary = options.data_directory.empty();
  if (temporary) {
    std::string pattern = (fs::temp_directory_path() / "synod-dev-XXXXXX").string();
    if (!::mkdtemp(pattern.data())) {
      std::cerr << "error: cannot make a temporary directory " << pattern << std::endl;
      return exit_status::failed;
    }
    options.data_directory = pattern;
  }
  auto shared = std::make_shared<const cluster>(std::move(*config));
  auto& running = *new host{known, shared, options}; // Lives as long as the process.
  std::optional<int> failure;
  for (uint32_t i = 0; i < shared->nodes.size() && !failure; ++i) {
    failure = running.start(i, fs::path{options.data_directory} / shared->nodes[i].name, false);
    if (!failure && shared->nodes[i].address.port != 0) // Only a cluster file gives one.
      failure = running.publish();
  }
  if (!failure) {
    running.introduce();
    say_what_runs(*shared, options.data_directory + (temporary ? " (deleted at exit)" : ""));
    wait_for_signal(waited_for);
  }
  running.end();
  if (temporary) {
    std::error_code problem;
    fs::remove_all(options.data_directory, problem);
    if (problem)
      std::cerr << "warning: cannot delete " << options.data_directory << ": " << problem.message() << std::endl;
  }
  leave(failure.value_or(exit_status::clean));
}

} // namespace synod
