#include "synod/actors/node/process.hpp"

#include "synod/actors/node/agreement.hpp"
#include "synod/actors/node/command_line.hpp"
#include "synod/actors/node/data_directory.hpp"
#include "synod/actors/node/local_disk.hpp"
#include "synod/actors/node/logging.hpp"
#include "synod/actors/node/remote_link.hpp"
#include "synod/actors/node/socket_server.hpp"
#include "synod/actors/node/tcp.hpp"
#include "synod/actors/role/error_text.hpp"

#include <caf/all.hpp>

#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <iostream>
#include <system_error>

namespace synod {

namespace {

uint64_t most_open_files() {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : RLIM_INFINITY;
}

/// Where the node is to listen for other nodes.
endpoint door_of(const node_description& node) {
  return {plain_host(node.address.host), node.address.port};
}

std::string cannot_listen_for_nodes(const node_description& node, const std::string& why) {
  return fmt::format("node {}: cannot listen at {} for other nodes: is the port taken, or the address not this host's? ({})",
                     node.name, to_string(node.address), why);
}

/// Why the node cannot listen at its ports now; empty: it can. Port 0 is whatever is free.
std::string cannot_listen(const node_description& node) {
  if (auto why = node.address.port == 0 ? "" : listening_problem(door_of(node)); !why.empty())
    return cannot_listen_for_nodes(node, why);
  if (auto why = node.has("gateway") && node.resp->port != 0 ? listening_problem(*node.resp) : ""; !why.empty())
    return fmt::format("node {}: cannot listen at {} for clients: {}", node.name, to_string(*node.resp), why);
  return {};
}

/// Of this process; 0: not known.
uint64_t resident_bytes() {
  uint64_t all = 0, resident = 0;
  std::ifstream{"/proc/self/statm"} >> all >> resident;
  return resident * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

} // namespace

/// What one node's roles see of this machine.
class process::local_environment : public environment {
public:
  local_environment(process& in, const node_description& self)
    : process_{in}, log_{make_logger(self.name, in.options_.log_level, in.options_.log_json)} {}

  std::optional<data_directory::failure> open(const std::filesystem::path& path, const node_description& self,
                                              const membership& members) {
    data_directory::owner whose{process_.config_->name, self.name, self.id, agreement_of(*process_.config_),
                                members.is_beyond_the_file()};
    if (auto wrong = synod::data_directory{}.look(files_, path, whose))
      return wrong;
    if (auto locked = lock_.take(path))
      return locked;
    if (auto problem = cannot_listen(self);
        !problem.empty()) // Before anything there is changed: it may be another process's yet.
      return synod::data_directory::failure{synod::data_directory::fault::unusable, problem};
    if (auto wrong = directory_.open(files_, path, whose, random()))
      return wrong;
    if (auto problem = known->open(files_, path))
      return synod::data_directory::failure_of(problem);
    if (auto problem = members.is_to_be_kept() ? members.remember(files_, path)() : caf::error{})
      return synod::data_directory::failure_of(problem);
    return std::nullopt;
  }
  std::optional<data_directory::failure> seal(const std::vector<std::string>& roles) { return directory_.seal(files_, roles); }
  uint32_t incarnation() const { return directory_.incarnation(); }
  uint64_t token() const { return directory_.token(); }
  bool has_stored(const std::string& role) const { return directory_.has_stored(role); }

  caf::actor_system& system() override { return process_.system_; }

  int64_t wall_clock_us() const override {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  }

  std::chrono::nanoseconds boot_clock() const override {
    timespec now{};
    if (::clock_gettime(CLOCK_BOOTTIME, &now) != 0) // A clock that stands still would have a lease last for ever.
      throw std::system_error{errno, std::generic_category(), "the clock that leases need (CLOCK_BOOTTIME) cannot be read"};
    return std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec};
  }

  uint64_t random() override { return process_.random(); }
  disk& files() override { return files_; }
  const std::filesystem::path& data_directory() const override { return directory_.path(); }

  caf::expected<std::shared_ptr<sockets>> listen(const endpoint& where) override {
    auto clients = socket_server::make(process_.system_, log_);
    if (auto problem = clients->listen(where.host, where.port); !problem.empty())
      return caf::make_error(caf::sec::cannot_open_port, "gateway: " + problem);
    clients_at = {where.host, clients->port()};
    return std::shared_ptr<sockets>{std::move(clients)};
  }

  std::unique_ptr<state_machine> make_state_machine() override {
    return process_.known_.machine(process_.config_->state_machine)->make(process_.config_->machine_options, random());
  }

  spdlog::logger& log() override { return *log_; }
  std::shared_ptr<spdlog::logger> shared_log() const { return log_; }
  /// The roles have ended: what they asked of the disk is done.
  void finish() { files_.finish(); }

  void fatal(const std::string& why) override {
    // Nothing more is to be sent or written: what is known to be durable stays as it is.
    log_->critical("{}; this process ends", why);
    if (process_.options_.before_exit)
      process_.options_.before_exit();
    ::_exit(exit_status::failed);
  }

  const std::shared_ptr<known_nodes> known = std::make_shared<known_nodes>();
  std::optional<endpoint> clients_at;

private:
  process& process_;
  std::shared_ptr<spdlog::logger> log_;
  directory_lock lock_;
  synod::data_directory directory_;
  local_disk files_;
};

process::process(const registry& known, std::shared_ptr<const cluster> config, options opts)
  : known_{known}, config_{std::move(config)}, options_{std::move(opts)}, random_{(uint64_t{device_()} << 32) | device_()} {}

process::~process() = default;

/// From any thread.
uint64_t process::random() {
  std::lock_guard guard{random_mutex_};
  return random_();
}

std::optional<int> process::start(const node_description& self, const std::filesystem::path& directory, bool connects,
                                  const membership& known_members, const std::shared_ptr<const cluster>& file) {
  auto members = known_members;
  if (members.empty())
    members.begin(*config_);
  auto& started = nodes_.emplace_back();
  started.self = &self;
  started.environment = std::make_shared<local_environment>(*this, self);
  auto& loop = loop_scheduler::of(system_);
  loop.post(loop_task{[&loop, log = started.environment->shared_log()] {
    loop.on_warning([log](const std::string& what) { log->warn("{}", what); });
  }});
  auto refuse = [](const data_directory::failure& wrong) {
    std::cerr << "error: " << wrong.text << std::endl;
    return wrong.kind == data_directory::fault::wrong_directory ? exit_status::bad_arguments : exit_status::failed;
  };
  if (auto wrong = started.environment->open(directory, self, members))
    return refuse(*wrong);
  identity who{config_, self.id, started.environment->incarnation()};
  for (auto& name : self.roles) {
    auto problem = start_role(started, name, who);
    if (!problem)
      continue;
    std::cerr << "error: node " << self.name << ": role " << name << " does not start: " << text_of(problem) << std::endl;
    return problem == caf::sec::invalid_argument ? exit_status::bad_arguments : exit_status::failed;
  }
  if (auto wrong = started.environment->seal(self.roles))
    return refuse(*wrong);
  started.environment->log().info("Synod {}, node {} (id {}) of cluster '{}', started for the {}. time; {}; data in {}",
                                  SYNOD_VERSION, self.name, self.id, config_->name, started.environment->incarnation(),
                                  fmt::join(self.roles, ", "), directory.string());
  if (auto differs = members.contradiction(file ? *file : *config_); !differs.empty())
    started.environment->log().warn("{}; what was decided counts", differs);
  node::options options;
  options.file = file ? file : config_;
  options.members = members;
  options.directory = directory;
  options.leave = options_.leave;
  options.self = self.id;
  options.roles = started.roles;
  options.connects = connects;
  options.token = started.environment->token();
  options.known = started.environment->known;
  options.files = &started.environment->files();
  options.refused = started.refused = std::make_shared<turned_away>(config_);
  options.seed = random();
  options.log = started.environment->shared_log();
  options.resident_bytes = resident_bytes;
  options.fatal = [environment = started.environment.get()](const std::string& why) { environment->fatal(why); };
  started.actor = caf::actor_cast<caf::actor>(system_.spawn<node>(options));
  return std::nullopt;
}

/// Goes on when it answers: half a node is worse than none.
caf::error process::start_role(running& of, const std::string& name, const identity& who) {
  caf::expected<caf::actor> spawned{caf::sec::runtime_error};
  try {
    spawned = known_.role(name)->spawn({who, config_->options_of(name), of.environment, of.environment->has_stored(name)});
  } catch (...) {
    return caf::make_error(caf::sec::runtime_error, text_of(std::current_exception()));
  }
  if (!spawned)
    return spawned.error();
  of.roles.push_back({name, *spawned, known_.role(name)->explains});
  caf::scoped_actor asker{system_};
  asker->monitor(*spawned);
  caf::error problem;
  asker->request(*spawned, caf::infinite, status_atom_v)
    .receive([](const message<schema::RoleStatus>&) {}, [&](caf::error& why) { problem = std::move(why); });
  if (problem == caf::sec::request_receiver_down)
    asker->receive([&](caf::down_msg& down) { problem = std::move(down.reason); });
  if (problem)
    problem = caf::make_error(caf::sec::runtime_error, "it has ended, or does not answer: " + text_of(problem));
  return problem;
}

std::optional<int> process::publish() {
  for (auto& each : nodes_) {
    auto& where = each.self->address;
    if (where.port == 0) // Of a cluster without a file.
      continue;
    if (!is_loopback(where.host) && config_->secret.empty())
      each.environment->log().warn("the cluster file names no secret-file: whoever knows the cluster's name can connect to {}",
                                   to_string(where));
    auto let_in = [this, actor = caf::actor_cast<caf::strong_actor_ptr>(each.actor)](int socket) {
      remote_link::open(system_, socket, actor, nullptr);
    };
    each.door =
      std::make_unique<door>(door::options{key_of(*config_), each.self->name, each.refused, each.environment->shared_log(),
                                           std::move(let_in), door::room(most_open_files() / nodes_.size())});
    auto problem = each.door->open(door_of(*each.self));
    if (problem.empty())
      continue;
    std::cerr << "error: " << cannot_listen_for_nodes(*each.self, problem) << std::endl;
    return exit_status::failed;
  }
  return std::nullopt;
}

std::optional<int> process::introduce() {
  for (auto& to : nodes_)
    for (auto& of : nodes_)
      if (&to != &of)
        if (auto problem = meet(to, of))
          return problem;
  for (auto& to : nodes_)
    for (auto& of : nodes_)
      if (&to != &of)
        for (auto& role : of.roles)
          for (auto& told : to.roles)
            caf::anon_send(told.handle, peer{of.self->id, role.name, caf::actor_cast<caf::strong_actor_ptr>(role.handle)});
  return std::nullopt;
}

/// As node actors do it among processes.
std::optional<int> process::meet(running& one, const running& other) {
  auto& known = *one.environment->known;
  if (!is_remembered(*other.self))
    return std::nullopt;
  known_nodes::tokens told{{other.self->name, other.environment->token()}};
  if (auto wrong = known.differs(told)) {
    std::cerr << "error: " << another_directory(*wrong) << std::endl;
    return exit_status::bad_arguments;
  }
  if (auto problem = known.remember_now(one.environment->files(), told)) {
    std::cerr << "error: " << text_of(problem) << std::endl;
    return exit_status::failed;
  }
  return std::nullopt;
}

std::optional<endpoint> process::clients_at(const node_description& node) const {
  for (auto& each : nodes_)
    if (each.self == &node)
      return each.environment->clients_at;
  return std::nullopt;
}

void process::end() {
  for (auto& each : nodes_)
    if (each.actor)
      each.environment->log().info("ends");
  for (auto& each : nodes_)
    each.door = nullptr;
  for (auto& each : nodes_)
    caf::anon_send_exit(each.actor, caf::exit_reason::user_shutdown);
  for (auto& each : nodes_)
    for (auto& role : each.roles)
      caf::anon_send_exit(role.handle, caf::exit_reason::user_shutdown);
  for (auto& each : nodes_) {
    each.roles.clear();
    each.actor = nullptr;
  }
  system_.await_all_actors_done();
  for (auto& each : nodes_)
    each.environment->finish();
  nodes_.clear(); // The directories' locks go last: nobody writes there any more.
}

} // namespace synod
