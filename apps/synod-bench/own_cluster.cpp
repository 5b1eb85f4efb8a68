#include "own_cluster.hpp"

#include "synod/actors/acceptor/acceptor_role.hpp"
#include "synod/actors/gateway/gateway_role.hpp"
#include "synod/actors/leader/leader_role.hpp"
#include "synod/actors/node/built_in.hpp"
#include "synod/actors/node/cluster_file.hpp"
#include "synod/actors/node/command_line.hpp"
#include "synod/actors/replica/replica_role.hpp"
#include "synod/actors/role/robust.hpp"
#include "synod/messages/status.hpp"

#include <iostream>
#include <utility>

namespace synod::bench {

namespace fs = std::filesystem;

namespace {

constexpr const char* clients_name = "load"; // the role that has the clients

/// Lets the clients know of replicas, and ends them.
class client_keeper : public role_actor::base {
public:
  client_keeper(caf::actor_config& config, std::vector<session_actor> clients)
    : role_actor::base{config}, clients_{std::move(clients)} {}

  behavior_type make_behavior() override {
    return {
      [this](const peer& x) {
        for (auto& each : clients_)
          send(each, x);
      },
      [this](status_atom) {
        return role_status(clients_name, {{"clients", static_cast<int64_t>(clients_.size())}});
      },
    };
  }
  void on_exit() override {
    for (auto& each : clients_)
      anon_send_exit(each, caf::exit_reason::user_shutdown);
    clients_.clear();
  }

private:
  std::vector<session_actor> clients_;
};

/// Tells when a gateway's clients have sent something, and when they are sent something.
class watched_sockets : public sockets, private socket_events {
public:
  watched_sockets(std::shared_ptr<sockets> real, stages& of) : real_{std::move(real)}, of_{of} {}

  uint16_t port() const override { return real_->port(); }
  void events(socket_events* events) override {
    events_ = events;
    real_->events(events ? this : nullptr);
  }
  void start() override { real_->start(); }
  void stop() override { real_->stop(); }
  void send(uint64_t id, std::string& bytes) override {
    real_->send(id, bytes);
    of_.gateway_answers();
  }
  size_t unsent_bytes(uint64_t id) const override { return real_->unsent_bytes(id); }
  void read(uint64_t id, bool on) override { real_->read(id, on); }
  void close(uint64_t id) override { real_->close(id); }

private:
  bool on_connect(uint64_t id, std::string remote, std::string local, std::string& refusal) override {
    return events_->on_connect(id, std::move(remote), std::move(local), refusal);
  }
  void on_bytes(uint64_t id, std::string_view bytes) override {
    has_bytes_ = true;
    of_.to_gateways_sockets();
    events_->on_bytes(id, bytes);
  }
  void on_end(uint64_t id) override { events_->on_end(id); }
  void on_sent(uint64_t id) override { events_->on_sent(id); }
  void on_close(uint64_t id) override { events_->on_close(id); }
  void on_turn_end() override {
    events_->on_turn_end();
    if (std::exchange(has_bytes_, false)) // Other nodes' gateways have turns, too.
      of_.gateways_turn_ends();
  }

  std::shared_ptr<sockets> real_;
  stages& of_;
  socket_events* events_ = nullptr;
  bool has_bytes_ = false; // in this turn
};

/// A spawned role, as definitions want it.
template <class Role, class Tell, class... Ts>
caf::expected<caf::actor> spawn_told(const role_context& context, stages& of, Tell tell, Ts&&... xs) {
  return caf::actor_cast<caf::actor>(
    context.environment->system().spawn<told_of<Role, Tell>>(of, std::move(tell), std::forward<Ts>(xs)...));
}

} // namespace

/// The roles of the first node tell what they get; of the others, the acceptors.
void own_cluster::watch_roles(registry& known) {
  auto& of = *watch_;
  auto change = [&](const std::string& name, auto spawn) {
    auto role = *known.role(name);
    role.spawn = spawn;
    known.add(std::move(role));
  };
  change("replica", [&of](const role_context& context) -> caf::expected<caf::actor> {
    auto options = replica_options(context);
    auto before = restored_state(context, options);
    if (!before)
      return before.error();
    auto tell = [node = context.self.node](stages& x, const caf::message& what, caf::actor_id, caf::actor_id from) {
      x.to_replica(node, what, from);
    };
    return spawn_told<replica>(context, of, tell, context.environment,
                               replica::memory{std::make_unique<execution>(std::move(before->state)), std::move(before->found)},
                               options);
  });
  change("leader", [&of](const role_context& context) {
    auto tell = [](stages& x, const caf::message& what, caf::actor_id, caf::actor_id) { x.to_leader(what); };
    return spawn_told<leader>(context, of, tell, context.environment, leader_options(context));
  });
  change("acceptor", [&of](const role_context& context) -> caf::expected<caf::actor> {
    auto before = acceptor_memory(context);
    if (!before)
      return before.error();
    auto tell = [node = context.self.node](stages& x, const caf::message& what, caf::actor_id, caf::actor_id) {
      x.to_acceptor(node, what);
    };
    return spawn_told<acceptor>(context, of, tell, std::move(*before), acceptor_options(context), context.environment);
  });
  if (options_.clients > 0)
    return;
  change("gateway", [&of](const role_context& context) -> caf::expected<caf::actor> {
    auto clients = context.environment->listen(*context.self.self().resp);
    if (!clients)
      return clients.error();
    auto watched = std::make_shared<watched_sockets>(*clients, of);
    auto tell = [](stages& x, const caf::message& what, caf::actor_id, caf::actor_id) { x.to_gateway(what); };
    auto spawned =
      spawn_told<synod::gateway>(context, of, tell, context.environment, watched, gateway_options(context, watched->port()));
    watched->start();
    return spawned;
  });
}

/// The first node's has all clients.
role_definition own_cluster::clients_role() {
  return {clients_name,
          "the clients that put load on the cluster",
          {},
          [this](const role_context& context) -> caf::expected<caf::actor> {
            auto& system = context.environment->system();
            system_ = &system;
            std::vector<session_actor> clients;
            client::options options;
            options.beside = context.self.node;
            options.session.lifetime = context.self.config->options_of("replica").duration("session-lifetime");
            options.session.most_under_way = most_operations;
            for (size_t i = 0; context.self.node == config_->nodes.front().id && i < options_.clients; ++i) {
              auto tell = [](stages& x, const caf::message& what, caf::actor_id self, caf::actor_id) { x.to_client(self, what); };
              clients.push_back(
                watch_ ? session_actor{system.spawn<told_of<client, decltype(tell)>>(*watch_, tell, context.environment, options)}
                       : session_actor{system.spawn<client>(context.environment, options)});
            }
            clients_.insert(clients_.end(), clients.begin(), clients.end());
            return spawn_role<client_keeper>(context, std::move(clients));
          }};
}

std::optional<int> own_cluster::start() {
  known_ = built_in();
  known_.add(clients_role());
  auto config = local_cluster(options_.nodes, 0, known_);
  std::vector<node_id> nodes;
  for (auto& each : config.nodes) {
    each.resp->port = 0;
    each.roles.push_back(clients_name);
    nodes.push_back(each.id);
  }
  if (options_.staged) {
    watch_.emplace(options_.clients > 0 ? "client" : "gateway", nodes, nodes.size() / 2 + 1, nodes.front());
    watch_roles(known_);
  }
  config_ = std::make_shared<const cluster>(std::move(config));
  auto where = options_.data_directory;
  if (where.empty()) {
    std::error_code missing;
    auto pattern = (fs::temp_directory_path(missing) / "synod-bench-XXXXXX").string();
    if (missing || !::mkdtemp(pattern.data())) {
      std::cerr << "error: cannot make a temporary directory " << pattern << std::endl;
      return exit_status::failed;
    }
    where = temporary_ = pattern;
  }
  running_ = new process{known_, config_, {"warn", false, [this] { delete_temporary(); }}};
  std::optional<int> failure;
  for (auto& each : config_->nodes)
    if (!failure)
      failure = running_->start(each, fs::path{where} / each.name, false);
  if (!failure)
    failure = running_->introduce();
  if (!failure)
    failure = running_->publish();
  if (failure)
    delete_temporary();
  return failure;
}

endpoint own_cluster::gateway_at() const {
  return *running_->clients_at(config_->nodes.front());
}

void own_cluster::end() {
  clients_.clear();
  running_->end();
  delete_temporary();
}

void own_cluster::delete_temporary() {
  std::error_code ignored;
  if (!temporary_.empty())
    fs::remove_all(temporary_, ignored);
}

} // namespace synod::bench
