#include "synod/actors/node/node.hpp"

#include "synod/actors/node/connector.hpp"
#include "synod/actors/role/error_text.hpp"
#include "synod/actors/role/robust.hpp"

#include <spdlog/spdlog.h>

namespace synod {

namespace {

constexpr std::chrono::seconds hello_limit{5};
constexpr std::chrono::seconds status_limit{2};

constexpr std::chrono::seconds look_interval{1};
constexpr std::chrono::seconds missed_after{5};

} // namespace

node::node(caf::actor_config& config, options opts)
  : node_actor::base{config},
    options_{std::move(opts)},
    greeting_{options_.config, options_.self, options_.token, options_.known},
    random_{static_cast<std::minstd_rand::result_type>(options_.seed | 1)} {
  // Here, in the thread that starts the node: each connector has a thread, and where none can be made the node does not start.
  if (options_.connects)
    for (auto& each : options_.config->nodes)
      if (each.name > name_of(options_.self))
        links_[each.id].connector = spawn_connector(system(), key_of(*options_.config), name_of(options_.self));
}

node::behavior_type node::make_behavior() {
  robust(*this, options_.fatal);
  set_down_handler([this](const caf::down_msg& down) {
    for (auto& [other, link] : links_)
      if (link.other && link.other->address() == down.source) {
        link.problem.clear(); // Of somebody else who came as that node.
        return link_down(other, text_of(down.reason));
      }
    if (options_.refused && connection_broker(system()).address() == down.source)
      options_.fatal("what connects this node with others has ended: " + text_of(down.reason));
    for (auto& role : options_.roles)
      if (role.handle.address() == down.source && down.reason != caf::exit_reason::user_shutdown)
        options_.fatal("role " + role.name + " has ended: " + text_of(down.reason)); // Half a node is worse than none.
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
    link.lost = clock().now();
    link.pauses.reset();
    if (link.connector)
      connect(other);
  }
  if (options_.refused) {
    monitor(connection_broker(system()));
    watch_connection_broker(system(), options_.fatal);
  }
  if (options_.connects)
    delayed_send(this, look_interval, tick_atom_v, options_.self);
  return {
    [this](const message<schema::Hello>& hello, const handles& roles) { return on_hello(hello, roles); },
    [this](tick_atom, node_id other) { other == options_.self ? look_at_links() : connect(other); },
    [this](const done_aside& x) { on_remembered(x); },
    [](const message<schema::Performed>&) {},
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
          greet(other, caf::actor_cast<node_actor>(actor));
        else
          connect_later(other);
      },
      [this, other](const caf::error& why) {
        if (why == caf::sec::invalid_argument) // There is somebody.
          refuse(other, text_of(why));
        connect_later(other);
      });
}

void node::connect_later(node_id other) {
  auto& link = links_[other];
  link.trying = false;
  auto pause = link.pauses.pause();
  auto jitter = std::uniform_int_distribution<int64_t>{0, pause.count() / 2}(random_);
  delayed_send(this, pause + std::chrono::milliseconds{jitter}, tick_atom_v, other);
  link.pauses.tried(clock().now());
}

void node::give_up(node_id other) {
  if (links_[other].trying)
    connect_later(other);
}

std::string node::refusal_of(node_id other, const schema::Hello::Reader& answer) const {
  auto* sender = greeting_.sender_of(answer);
  if (sender && sender->id != other)
    return "it is node '" + sender->name + "'";
  return greeting_.refusal_of(answer);
}

/// It is that node, and has not refused by itself. (Another one, reached in its place, may be connected in its own.)
bool node::does_not_know(node_id other, const schema::Hello::Reader& answer) const {
  auto* sender = greeting_.sender_of(answer);
  return sender && sender->id == other && answer.getRefusal().size() == 0;
}

/// Goes on with the answer of one that is taken, and takes this node.
void node::show(node_id other, const node_actor& to, const message<schema::Hello>& hello, const handles& roles,
                std::function<void(const message<schema::Hello>&, const handles&)> then) {
  request(to, hello_limit, hello, roles)
    .then(
      [this, other, to, then = std::move(then)](const message<schema::Hello>& answer, const handles& brought) {
        if (auto why = refusal_of(other, *answer); !why.empty())
          return part(other, to, why, does_not_know(other, *answer));
        then(answer, brought);
      },
      [this, other](const caf::error&) { give_up(other); });
}

/// Asks for the other's greeting. Between nodes that are connected that is all.
void node::greet(node_id other, const node_actor& to) {
  show(other, to, greeting_.asking(), {}, [this, other, to](const message<schema::Hello>& answer, const handles&) {
    meet(greeting_.told_by(*answer), [this, other, to] { take(other, to); });
  });
}

void node::take(node_id other, const node_actor& to) {
  if (!links_[other].trying)
    return;
  show(other, to, taking(), role_handles(), [this, other, to](const message<schema::Hello>& answer, const handles& roles) {
    links_[other].trying = false;
    link_up(other, caf::actor_cast<caf::strong_actor_ptr>(to), *answer, roles);
  });
}

/// It is not taken (any more). `tell`: it does not know that.
void node::part(node_id other, const node_actor& from, const std::string& why, bool tell) {
  refuse(other, why);
  if (tell)
    tell_refusal(from, why);
  if (links_[other].other)
    link_down(other, why);
  else
    give_up(other);
}

void node::tell_refusal(const node_actor& to, const std::string& why) {
  request(to, hello_limit, greeting_.refusing(why), handles{})
    .then([](const message<schema::Hello>&, const handles&) {}, [](const caf::error&) {});
}

caf::result<message<schema::Hello>, node::handles> node::on_hello(const message<schema::Hello>& hello, const handles& roles) {
  auto why = greeting_.refusal_of(*hello);
  auto* sender = greeting_.sender_of(*hello);
  if (!sender) {
    tell_of_stranger(hello->getNode().cStr(), why);
    return {greeting_.refusing(why), handles{}};
  }
  auto other = sender->id;
  auto from = current_sender(); // The promise takes it.
  if (!why.empty()) {
    refuse(other, why);
    if (links_[other].other && links_[other].other == from)
      link_down(other, why);
    return {greeting_.refusing(why), handles{}};
  }
  auto promise = make_response_promise<message<schema::Hello>, handles>();
  meet(greeting_.told_by(*hello), [this, other, promise, hello, roles, from]() mutable {
    if (hello->getTakes()) {
      link_up(other, from, *hello, roles);
      promise.deliver(taking(), role_handles());
    } else {
      promise.deliver(greeting_.asking(), handles{});
    }
  });
  return promise;
}

/// Once, not at each try.
void node::tell_of_stranger(const std::string& name, const std::string& why) {
  if (strangers_.size() >= most_strangers)
    strangers_.clear();
  if (strangers_.insert(name).second)
    options_.log->warn("a node is not taken: {}", why);
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
    return options_.fatal("node: " + text_of(x.failure));
  if (auto then = when_remembered_.extract(x.number))
    then.mapped()();
  for (auto& [other, link] : links_) // What they do not know they take from whoever shows it.
    if (link.other)
      greet(other, caf::actor_cast<node_actor>(link.other));
}

void node::link_up(node_id other, caf::strong_actor_ptr actor, const schema::Hello::Reader& hello_of_other,
                   const handles& roles) {
  auto& link = links_[other];
  if (link.other && link.other != actor) { // If that one is still there, it would take itself for connected.
    tell_refusal(caf::actor_cast<node_actor>(link.other), "another process has connected as this node");
    link_down(other, "another process has connected as that node");
  } else if (link.other) {
    link_down(other, "it has connected once more");
  }
  link.other = std::move(actor);
  link.pauses.reset();
  link.problem.clear();
  link.missed = false;
  monitor(link.other);
  options_.log->info("connected with node {}", name_of(other));
  auto names = hello_of_other.getRoles();
  for (unsigned i = 0; i < names.size() && i < roles.size(); ++i) {
    link.roles.emplace_back(names[i].cStr());
    tell_roles({other, link.roles.back(), roles[i]});
  }
}

void node::link_down(node_id other, const std::string& why) {
  auto& link = links_[other];
  options_.log->info("node {} is not connected any more: {}", name_of(other), why);
  demonitor(link.other->address());
  link.other = nullptr;
  link.lost = clock().now();
  for (auto& role : std::exchange(link.roles, {}))
    tell_roles({other, role, nullptr});
  if (link.connector)
    connect_later(other);
}

message<schema::Hello> node::taking() const {
  std::vector<std::string> names;
  for (auto& role : options_.roles)
    names.push_back(role.name);
  return greeting_.taking(names);
}

node::handles node::role_handles() const {
  handles all;
  for (auto& role : options_.roles)
    all.push_back(caf::actor_cast<caf::strong_actor_ptr>(role.handle));
  return all;
}

// -- what the log says --------------------------------------------------------

/// A node that is not there for long may have another address than the file says, here or there.
void node::look_at_links() {
  delayed_send(this, look_interval, tick_atom_v, options_.self);
  for (auto& [other, link] : links_) {
    if (link.other || link.missed || !link.problem.empty() || clock().now() - link.lost < missed_after)
      continue;
    link.missed = true;
    if (link.connector)
      options_.log->warn("node {} is not reached at {}", name_of(other), to_string(options_.config->find(other)->address));
    else
      options_.log->warn("node {} has not connected, to {}", name_of(other),
                         to_string(options_.config->find(options_.self)->address));
  }
  look_at_majority();
}

void node::look_at_majority() {
  node_set reached;
  auto members = options_.config->members().ruling(1);
  for (auto& each : members.acceptors())
    if (auto found = links_.find(each); each == options_.self || (found != links_.end() && found->second.other))
      reached.insert(each);
  if (std::exchange(has_majority_, members.quorum(phase::accept).satisfied_by(reached)) == has_majority_)
    return;
  if (has_majority_)
    options_.log->info("a majority is reached");
  else
    options_.log->error("no majority: {} of {} nodes with acceptors are reached; commands are not performed", reached.size(),
                        members.acceptors().size());
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

/// Why that node is not connected, if it has come so far that anybody knows.
std::string node::problem_of(node_id other) const {
  auto& link = links_.at(other);
  return link.problem.empty() && options_.refused ? options_.refused->why(name_of(other), clock().now()) : link.problem;
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
    if (!link.other)
      connections[i].setProblem(problem_of(other));
    connections[i++].setUp(link.other != nullptr);
  }
  return built.finish();
}

} // namespace synod
