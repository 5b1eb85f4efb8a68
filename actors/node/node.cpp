#include "synod/actors/node/node.hpp"

#include "synod/actors/node/agreement.hpp"
#include "synod/actors/node/connector.hpp"
#include "synod/actors/role/robust.hpp"

#include <spdlog/spdlog.h>

namespace synod {

namespace {

constexpr uint32_t protocol_version = 3;
constexpr std::chrono::seconds hello_limit{5};
constexpr std::chrono::seconds status_limit{2};

} // namespace

node::node(caf::actor_config& config, options opts)
  : node_actor::base{config},
    options_{std::move(opts)},
    agreement_{agreement_of(*options_.config)},
    random_{static_cast<std::minstd_rand::result_type>(options_.seed | 1)} {}

node::behavior_type node::make_behavior() {
  robust(*this, options_.fatal);
  set_down_handler([this](const caf::down_msg& down) {
    for (auto& [other, link] : links_)
      if (link.other && link.other->address() == down.source)
        return link_down(other);
    for (auto& role : options_.roles)
      if (role.handle.address() == down.source && down.reason != caf::exit_reason::user_shutdown)
        options_.fatal("role " + role.name + " has ended: " + to_string(down.reason)); // Half a node is worse than none.
  });
  for (auto& role : options_.roles) {
    monitor(role.handle);
    tell_roles({options_.self, role.name, caf::actor_cast<caf::strong_actor_ptr>(role.handle)});
  }
  for (auto& each : options_.config->nodes) {
    auto other = each.id;
    if (!options_.connects || other == options_.self)
      continue;
    auto& link = links_[other];
    link.pauses.reset();
    if (other > options_.self) {
      link.connector = spawn_connector(system());
      connect(other);
    }
  }
  return {
    [this](const message<schema::Hello>& hello, const handles& roles) { return on_hello(hello, roles); },
    [this](tick_atom, node_id other) { connect(other); },
    [this](const done_aside& x) { on_remembered(x); },
    [this](status_atom) {
      auto promise = make_response_promise<message<schema::NodeStatus>>();
      on_status(promise);
      return promise;
    },
  };
}

void node::on_exit() {
  for (auto& [other, link] : links_)
    if (link.connector)
      send_exit(link.connector, caf::exit_reason::user_shutdown);
  links_.clear();
  when_remembered_.clear();
  options_.roles.clear();
}

void node::tell_roles(const peer& x) {
  for (auto& role : options_.roles)
    caf::anon_send(role.handle, x);
}

// -- links --------------------------------------------------------------------

void node::connect(node_id other) {
  auto& link = links_[other];
  if (link.other || std::exchange(link.trying, true))
    return;
  auto& where = options_.config->find(other)->address;
  request(link.connector, caf::infinite, caf::connect_atom::value, where.host, where.port)
    .then(
      [this, other](const caf::node_id&, const caf::strong_actor_ptr& actor, const std::set<std::string>&) {
        if (actor)
          say_hello(other, caf::actor_cast<node_actor>(actor));
        else
          connect_later(other);
      },
      [this, other](const caf::error&) { connect_later(other); });
}

void node::connect_later(node_id other) {
  auto& link = links_[other];
  link.trying = false;
  auto pause = link.pauses.pause();
  auto jitter = std::uniform_int_distribution<int64_t>{0, pause.count() / 2}(random_);
  delayed_send(this, pause + std::chrono::milliseconds{jitter}, tick_atom_v, other);
  link.pauses.tried(clock().now());
}

void node::say_hello(node_id other, const node_actor& to) {
  request(to, hello_limit, hello(), role_handles())
    .then(
      [this, other, to](const message<schema::Hello>& answer, const handles& roles) {
        auto why = refusal_of(*answer);
        if (why.empty() && name_of(other) != answer->getNode().cStr())
          why = std::string{"it is node '"} + answer->getNode().cStr() + "'";
        auto told = told_by(*answer, other);
        if (why.empty())
          why = refusal_of_directories(told, other);
        if (why.empty() && answer->getRefusal().size() > 0)
          why = std::string{"it says: "} + answer->getRefusal().cStr();
        if (!why.empty()) {
          refuse(other, why);
          return connect_later(other);
        }
        meet(told, [this, other, to, answer, roles] {
          links_[other].trying = false;
          link_up(other, caf::actor_cast<caf::strong_actor_ptr>(to), *answer, roles);
        });
      },
      [this, other](const caf::error&) { connect_later(other); });
}

caf::result<message<schema::Hello>, node::handles> node::on_hello(const message<schema::Hello>& hello_of_other,
                                                                  const handles& roles) {
  auto* known = options_.config->find(std::string{hello_of_other->getNode().cStr()});
  auto why = refusal_of(*hello_of_other);
  if (!known || known->id == options_.self) {
    options_.log->warn("a node is not taken: {}", why);
    return {hello(why), handles{}};
  }
  auto other = known->id;
  auto told = told_by(*hello_of_other, other);
  if (why.empty())
    why = refusal_of_directories(told, other);
  if (!why.empty()) {
    refuse(other, why);
    return {hello(why), handles{}};
  }
  auto from = current_sender(); // The promise takes it.
  auto promise = make_response_promise<message<schema::Hello>, handles>();
  meet(told, [this, other, promise, hello_of_other, roles, from]() mutable {
    link_up(other, from, *hello_of_other, roles);
    promise.deliver(hello(), role_handles());
  });
  return promise;
}

void node::refuse(node_id other, const std::string& why) {
  auto& link = links_[other];
  if (std::exchange(link.problem, why) != why) // Once, not at each try.
    options_.log->error("node {} at {} is not taken: {}", name_of(other), to_string(options_.config->find(other)->address), why);
}

/// Goes on when these data directories are known, durably.
void node::meet(const known_nodes::tokens& told, std::function<void()> then) {
  if (options_.known->has(told))
    return then();
  auto number = ++works_;
  when_remembered_[number] = [this, told, then = std::move(then)] {
    options_.known->remembered(told);
    then();
  };
  options_.files->aside(disk::lane::background, options_.known->remember(*options_.files, told),
                        caf::actor_cast<caf::actor>(this), number);
}

void node::on_remembered(const done_aside& x) {
  if (x.failure)
    return options_.fatal("node: " + to_string(x.failure));
  if (auto then = when_remembered_.extract(x.number))
    then.mapped()();
}

std::string node::refusal_of(const schema::Hello::Reader& x) const {
  if (x.getVersion() != protocol_version)
    return "protocol version " + std::to_string(x.getVersion()) + ", expected " + std::to_string(protocol_version);
  if (x.getCluster() != options_.config->name.c_str())
    return std::string{"cluster '"} + x.getCluster().cStr() + "', expected '" + options_.config->name + "'";
  auto* known = options_.config->find(std::string{x.getNode().cStr()});
  if (!known || known->id == options_.self)
    return std::string{"node '"} + x.getNode().cStr() + "' is not another node of the cluster file";
  if (auto differs = disagreement(agreement_, x.getAgreement().cStr()))
    return "the cluster files differ: here it is \"" + differs->first + "\", there \"" + differs->second + "\"";
  return {};
}

/// The data directories that a greeting shows, the sender's among them.
known_nodes::tokens node::told_by(const schema::Hello::Reader& hello, node_id other) const {
  known_nodes::tokens told;
  for (auto& [node, token] : tokens_of(hello.getKnown()))
    if (node != options_.self && options_.config->find(node))
      told[node] = token;
  told[other] = hello.getToken();
  return told;
}

std::string node::refusal_of_directories(const known_nodes::tokens& told, node_id other) const {
  if (auto wrong = options_.known->differs({{other, told.at(other)}}))
    return another_directory(name_of(other), *wrong);
  auto wrong = options_.known->differs(told);
  return wrong ? "it knows node '" + name_of(wrong->node) + "' otherwise: " + another_directory(name_of(wrong->node), *wrong)
               : std::string{};
}

void node::link_up(node_id other, caf::strong_actor_ptr actor, const schema::Hello::Reader& hello_of_other,
                   const handles& roles) {
  auto& link = links_[other];
  if (link.other) {
    demonitor(link.other->address());
    link_down(other);
  }
  link.other = std::move(actor);
  link.pauses.reset();
  link.problem.clear();
  monitor(link.other);
  options_.log->info("connected with node {}", name_of(other));
  auto names = hello_of_other.getRoles();
  for (unsigned i = 0; i < names.size() && i < roles.size(); ++i) {
    link.roles.emplace_back(names[i].cStr());
    tell_roles({other, link.roles.back(), roles[i]});
  }
}

void node::link_down(node_id other) {
  auto& link = links_[other];
  options_.log->info("node {} is not connected any more", name_of(other));
  link.other = nullptr;
  for (auto& role : std::exchange(link.roles, {}))
    tell_roles({other, role, nullptr});
  if (link.connector)
    connect_later(other);
}

message<schema::Hello> node::hello(const std::string& refusal) const {
  builder<schema::Hello> built;
  built->setVersion(protocol_version);
  built->setCluster(options_.config->name);
  built->setNode(name_of(options_.self));
  built->setToken(options_.token);
  built->setAgreement(agreement_);
  options_.known->write(built->initKnown());
  auto names = built->initRoles(static_cast<unsigned>(options_.roles.size()));
  for (unsigned i = 0; i < names.size(); ++i)
    names.set(i, options_.roles[i].name.c_str());
  if (!refusal.empty())
    built->setRefusal(refusal);
  return built.finish();
}

node::handles node::role_handles() const {
  handles all;
  for (auto& role : options_.roles)
    all.push_back(caf::actor_cast<caf::strong_actor_ptr>(role.handle));
  return all;
}

// -- status -------------------------------------------------------------------

/// Asks every role; one that does not answer in time is left out.
void node::on_status(caf::typed_response_promise<message<schema::NodeStatus>> promise) {
  struct gathering {
    std::vector<message<schema::RoleStatus>> answers;
    size_t missing;
  };
  auto all = std::make_shared<gathering>(gathering{{}, options_.roles.size()});
  auto one_less = [this, all, promise]() mutable {
    if (--all->missing == 0)
      promise.deliver(write_status(all->answers));
  };
  for (auto& role : options_.roles)
    request(role.handle, status_limit, status_atom_v)
      .then(
        [all, one_less](const message<schema::RoleStatus>& answer) mutable {
          all->answers.push_back(answer);
          one_less();
        },
        [one_less](const caf::error&) mutable { one_less(); });
}

message<schema::NodeStatus> node::write_status(const std::vector<message<schema::RoleStatus>>& roles) const {
  builder<schema::NodeStatus> built{8192};
  built->setNode(name_of(options_.self));
  built->setVersion(SYNOD_VERSION);
  auto list = built->initRoles(static_cast<unsigned>(roles.size()));
  for (unsigned i = 0; i < list.size(); ++i)
    list.setWithCaveats(i, *roles[i]);
  auto connections = built->initConnections(static_cast<unsigned>(links_.size()));
  unsigned i = 0;
  for (auto& [other, link] : links_) {
    connections[i].setNode(name_of(other));
    connections[i].setProblem(link.problem);
    connections[i++].setUp(link.other != nullptr);
  }
  return built.finish();
}

} // namespace synod
