#include "synod/actors/node/node.hpp"

#include "synod/actors/node/remote_link.hpp"
#include "synod/actors/role/error_text.hpp"
#include "synod/actors/role/robust.hpp"

#include <spdlog/spdlog.h>

namespace synod {

namespace {

constexpr std::chrono::seconds hello_limit{5};
constexpr std::chrono::seconds status_limit{2};

constexpr std::chrono::seconds look_interval{1};
constexpr std::chrono::seconds missed_after{5};
constexpr std::chrono::seconds refused_for{20}; // Who is refused comes again before.

} // namespace

node::node(caf::actor_config& config, options opts)
  : node_actor::base{config},
    options_{std::move(opts)},
    config_{std::make_shared<const cluster>(options_.members.now(*options_.file, options_.self))},
    greeting_{config_, options_.self, options_.token, options_.known},
    random_{static_cast<std::minstd_rand::result_type>(options_.seed | 1)} {
  // Here, in the thread that starts the node: each connector has a thread, and where none can be made the node does not start.
  if (options_.connects)
    look_at_members();
}

node::behavior_type node::make_behavior() {
  robust(*this, options_.fatal);
  started_ = clock().now();
  set_down_handler([this](const caf::down_msg& down) {
    for (auto& [other, link] : links_)
      if (link.other && link.other->address() == down.source) {
        link.problem.clear(); // Of somebody else who came as that node.
        return link_down(other, text_of(down.reason));
      }
    for (auto& role : options_.roles)
      if (role.handle.address() == down.source && down.reason != caf::exit_reason::user_shutdown)
        options_.fatal("role " + role.name + " has ended: " + text_of(down.reason)); // Half a node is worse than none.
  });
  for (auto& role : options_.roles) {
    monitor(role.handle);
    tell_roles({options_.self, role.name, caf::actor_cast<caf::strong_actor_ptr>(role.handle)});
  }
  tell_roles({options_.self, "node", caf::strong_actor_ptr{ctrl()}});
  has_begun_ = true;
  for (auto& [other, link] : links_) {
    link.lost = clock().now();
    link.pauses.reset();
    if (link.connector)
      connect(other);
  }
  if (options_.connects)
    delayed_send(this, look_interval, tick_atom_v, options_.self);
  return {
    [this](const message<schema::Hello>& hello, const handles& roles) { return on_hello(hello, roles); },
    [this](tick_atom, node_id other) { other == options_.self ? look_at_links() : connect(other); },
    [this](const done_aside& x) { on_remembered(x); },
    [this](const message<schema::Performed>& told) { on_performed(told); },
    [this](const message<schema::Durable>& told) { on_durable(told); },
    [this](const message<schema::Change>& asked) { return on_change(asked); },
    [this](const message<schema::Query>& x) { hand_to_replica(caf::make_message(x)); },
    [this](const message<schema::AskSnapshot>& x) { hand_to_replica(caf::make_message(x)); },
    [this](caf::get_atom) { return greeting_.asking(); },
    [this](status_atom) { return ask_roles([](auto&) { return true; }, status_atom_v); },
    [this](explain_atom, uint64_t slot) { return ask_roles([](auto& x) { return x.explains; }, explain_atom_v, slot); },
  };
}

void node::on_exit() {
  for (auto& [other, link] : links_)
    if (link.connector)
      send_exit(link.connector, caf::exit_reason::user_shutdown);
  links_.clear();
  when_remembered_.clear();
  options_.roles.clear();
  change_.reset();
}

/// As it came: the replica answers whoever has sent it.
void node::hand_to_replica(caf::message x) {
  if (auto to = role("replica"))
    caf::actor_cast<caf::strong_actor_ptr>(to)->enqueue(current_sender(), caf::make_message_id(), std::move(x), context());
}

void node::tell_roles(const peer& x) {
  for (auto& role : options_.roles)
    caf::anon_send(role.handle, x);
}

// -- links --------------------------------------------------------------------

void node::connect(node_id other) {
  auto found = links_.find(other);
  if (found == links_.end() || !found->second.connector || found->second.other || std::exchange(found->second.trying, true))
    return;
  auto& where = found->second.address;
  request(found->second.connector, caf::infinite, caf::connect_atom::value, where.host, where.port)
    .then(
      [this, other](const caf::strong_actor_ptr& actor) {
        if (links_.contains(other))
          greet(other, caf::actor_cast<node_actor>(actor));
        else
          remote_link::close_of(actor); // It was removed meanwhile.
      },
      [this, other](const caf::error& why) {
        if (why == caf::sec::invalid_argument && links_.contains(other)) // There is somebody.
          refuse(other, text_of(why));
        connect_later(other);
      });
}

/// The other one does not connect, as it should: this node may have been removed meanwhile, and not know it.
void node::connect_instead(node_id other) {
  auto& link = links_.at(other);
  options_.log->warn("node {} has not connected, to {}: this node tries it, at {}", link.name, to_string(self().address),
                     to_string(link.address));
  if (!options_.connects)
    return; // There is no network.
  link.connector = spawn_connector(system(), key_of(*config_), self().name);
  connect(other);
}

void node::connect_later(node_id other) {
  auto found = links_.find(other);
  if (found == links_.end())
    return; // It was removed.
  auto& link = found->second;
  link.trying = false;
  auto pause = link.pauses.pause();
  auto jitter = std::uniform_int_distribution<int64_t>{0, pause.count() / 2}(random_);
  delayed_send(this, pause + std::chrono::milliseconds{jitter}, tick_atom_v, other);
  link.pauses.tried(clock().now());
}

void node::give_up(node_id other) {
  if (auto found = links_.find(other); found != links_.end() && found->second.trying)
    connect_later(other);
}

std::string node::refusal_of(node_id other, const schema::Hello::Reader& answer) const {
  if (auto* sender = greeting_.sender_of(answer); sender && sender->id != other)
    return "it is node '" + sender->name + "'";
  if (auto why = greeting_.refusal_of(answer); !why.empty())
    return why;
  return answer.getId() == other ? std::string{} : std::string{"it is node '"} + answer.getNode().cStr() + "'";
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
        if (!links_.contains(other))
          return remote_link::close_of(caf::actor_cast<caf::strong_actor_ptr>(to)); // It was removed meanwhile.
        auto why = refusal_of(other, *answer);
        if (why.empty() && learn(configurations_of(answer->getConfigurations())))
          why = refusal_of(other, *answer);
        if (!why.empty())
          return part(other, to, why, does_not_know(other, *answer));
        then(answer, brought);
      },
      [this, other, to](const caf::error&) {
        auto by = caf::actor_cast<caf::strong_actor_ptr>(to);
        if (auto found = links_.find(other); found == links_.end() || found->second.other != by)
          remote_link::close_of(by); // One that is connected may only be slow, at its disk.
        give_up(other);
      });
}

/// Asks for the other's greeting. Between nodes that are connected that is all.
void node::greet(node_id other, const node_actor& to) {
  show(other, to, greeting_.asking(), {}, [this, other, to](const message<schema::Hello>& answer, const handles&) {
    meet(greeting_.told_by(*answer), [this, other, to] { take(other, to); });
  });
}

void node::take(node_id other, const node_actor& to) {
  auto found = links_.find(other);
  if (found == links_.end() || !found->second.trying)
    return;
  show(other, to, taking(), role_handles(), [this, other, to](const message<schema::Hello>& answer, const handles& roles) {
    links_.at(other).trying = false;
    link_up(other, caf::actor_cast<caf::strong_actor_ptr>(to), true, *answer, roles);
  });
}

/// It is not taken (any more). `tell`: it does not know that.
void node::part(node_id other, const node_actor& from, const std::string& why, bool tell) {
  refuse(other, why);
  if (tell)
    tell_refusal(from, why);
  else
    remote_link::close_of(caf::actor_cast<caf::strong_actor_ptr>(from));
  if (auto by = caf::actor_cast<caf::strong_actor_ptr>(from); by && links_.at(other).other == by)
    link_down(other, why);
  else
    give_up(other);
}

/// The last that it hears by this link.
void node::tell_refusal(const node_actor& to, const std::string& why) {
  auto close = [link = caf::actor_cast<caf::strong_actor_ptr>(to)] { remote_link::close_of(link); };
  request(to, hello_limit, greeting_.refusing(why), handles{})
    .then([close](const message<schema::Hello>&, const handles&) { close(); }, [close](const caf::error&) { close(); });
}

caf::result<message<schema::Hello>, node::handles> node::on_hello(const message<schema::Hello>& hello, const handles& roles) {
  auto why = greeting_.refusal_of(*hello);
  if (why.empty() && learn(configurations_of(hello->getConfigurations())))
    why = greeting_.refusal_of(*hello);
  auto other = hello->getId();
  if (why.empty() && !make_room_for(other, *hello))
    why = "there are too many that want to join";
  auto* sender = greeting_.sender_of(*hello);
  if (!sender && !why.empty()) {
    tell_of_stranger(hello->getNode().cStr(), why);
    return {greeting_.refusing(why), handles{}};
  }
  auto from = current_sender(); // The promise takes it.
  if (!why.empty()) {
    other = sender->id;
    refuse(other, why);
    if (auto link = links_.find(other); link != links_.end() && link->second.other && link->second.other == from)
      link_down(other, why);
    return {greeting_.refusing(why), handles{}};
  }
  auto promise = make_response_promise<message<schema::Hello>, handles>();
  meet(greeting_.told_by(*hello), [this, other, promise, hello, roles, from]() mutable {
    if (hello->getTakes()) {
      if (link_up(other, from, false, *hello, roles)) // Otherwise its link ends, which is the answer.
        promise.deliver(taking(), role_handles());
    } else {
      promise.deliver(greeting_.asking(), handles{});
    }
  });
  return promise;
}

/// Who is no member has a link as long as it is connected.
bool node::make_room_for(node_id other, const schema::Hello::Reader& hello) {
  if (links_.contains(other))
    return true;
  if (links_.size() >= config_->nodes.size() + most_guests)
    return false;
  auto& link = links_[other];
  link.name = hello.getNode().cStr();
  link.address = {hello.getHost().cStr(), hello.getPort()};
  return true;
}

/// Once, not at each try.
void node::tell_of_stranger(const std::string& name, const std::string& why) {
  if (strangers_.size() >= most_strangers)
    strangers_.clear();
  if (strangers_.insert(name).second)
    options_.log->warn("a node is not taken: {}", why);
}

void node::refuse(node_id other, const std::string& why) {
  if (!links_.contains(other))
    return tell_of_stranger(config_->find(other)->name, why); // All others are in this process.
  auto& link = links_.at(other);
  link.refused = clock().now();
  if (std::exchange(link.problem, why) != why) // Once, not at each try.
    options_.log->error("node {} at {} is not taken: {}", link.name, to_string(link.address), why);
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
  if (x.number == storing_ && is_want_of_room(x.failure)) {
    stores_again_ = true;
    when_remembered_.erase(x.number);
    return;
  }
  if (x.failure)
    return options_.fatal("node: " + text_of(x.failure));
  if (auto then = when_remembered_.extract(x.number))
    then.mapped()();
  for (auto& [other, link] : links_) // What they do not know they take from whoever shows it.
    if (link.other)
      greet(other, caf::actor_cast<node_actor>(link.other));
}

/// Each of the two has connected, at about the same time: the link of the one that is to connect stays.
bool node::is_second_link(node_id other, const caf::strong_actor_ptr& actor, bool is_own) const {
  auto& link = links_.at(other);
  auto* known = options_.members.all().latest().find(other);
  auto is_to_connect = known && connects_to(*known);
  return link.other != actor && remote_link::same_process(link.other, actor) && link.is_own != is_own && is_own != is_to_connect;
}

/// `is_own`: this node has connected. False: the other one is not taken by this link, which ends.
bool node::link_up(node_id other, caf::strong_actor_ptr actor, bool is_own, const schema::Hello::Reader& hello_of_other,
                   const handles& roles) {
  if (remote_link::is_gone(actor) || !make_room_for(other, hello_of_other) || is_second_link(other, actor, is_own)) {
    remote_link::close_of(actor);
    return false;
  }
  auto& link = links_.at(other);
  if (link.other != actor && remote_link::same_process(link.other, actor)) {
    remote_link::close_of(link.other);
    link_down(other, "it has connected once more");
  } else if (link.other && link.other != actor) { // If that one is still there, it would take itself for connected.
    tell_refusal(caf::actor_cast<node_actor>(link.other), "another process has connected as this node");
    link_down(other, "another process has connected as that node");
  } else if (link.other) {
    link_down(other, "it has connected once more");
  }
  link.other = std::move(actor);
  link.is_own = is_own;
  link.pauses.reset();
  link.problem.clear();
  link.missed = false;
  auto* known = options_.members.all().latest().find(other);
  if (link.connector && known && !connects_to(*known)) // It was the other one's to connect.
    send_exit(std::exchange(link.connector, nullptr), caf::exit_reason::user_shutdown);
  monitor(link.other);
  note_greeting(other, hello_of_other);
  options_.log->info("connected with node {}{}", link.name, link.guest ? ", which is no member" : "");
  auto names = hello_of_other.getRoles();
  if (told_ && !options_.members.is_member(options_.self))
    send(caf::actor_cast<node_actor>(link.other), told_);
  for (unsigned i = 0; i < names.size() && i < roles.size(); ++i) {
    link.roles.emplace_back(names[i].cStr());
    tell_roles({other, link.roles.back(), roles[i]});
  }
  return true;
}

void node::link_down(node_id other, const std::string& why) {
  auto& link = links_.at(other);
  options_.log->info("node {} is not connected any more: {}", link.name, why);
  performed_.erase(other);
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

/// A node that is not there for long may have another address than the file says, here or there. One that was refused may have
/// been mended since, and be wrong about the address of this one.
void node::look_at_links() {
  delayed_send(this, look_interval, tick_atom_v, options_.self);
  forget_links();
  if (std::exchange(stores_again_, false))
    store_members();
  for (auto& [other, link] : links_) {
    if (!link.problem.empty() && clock().now() - link.refused >= refused_for)
      link.problem.clear();
    if (link.other || link.missed || !link.problem.empty() || clock().now() - link.lost < missed_after)
      continue;
    link.missed = true;
    if (!link.connector)
      connect_instead(other);
    else
      options_.log->warn("node {} is not reached at {}", link.name, to_string(link.address));
  }
  look_at_majority();
  leave_if_not_needed();
}

void node::look_at_majority() {
  auto& members = options_.members.all().latest();
  node_set acceptors;
  for (auto each : reached())
    if (members.acceptors().contains(each))
      acceptors.insert(each);
  if (std::exchange(has_majority_, members.quorum(phase::accept).satisfied_by(acceptors)) == has_majority_)
    return;
  if (has_majority_)
    options_.log->info("a majority is reached");
  else
    options_.log->error("no majority: {} of {} nodes with acceptors are reached; commands are not performed", acceptors.size(),
                        members.acceptors().size());
}

// -- status -------------------------------------------------------------------

/// Asks those roles; one that does not answer in time is left out.
template <class... Question>
node::status_promise node::ask_roles(const std::function<bool(const local_role&)>& which, const Question&... xs) {
  struct gathering {
    std::vector<message<schema::RoleStatus>> answers;
    size_t missing = 1; // this call itself
  };
  auto promise = make_response_promise<message<schema::NodeStatus>>();
  auto all = std::make_shared<gathering>();
  auto one_less = [this, all, promise]() mutable {
    if (--all->missing == 0)
      promise.deliver(write_status(all->answers));
  };
  for (auto& role : options_.roles) {
    if (!which(role))
      continue;
    ++all->missing;
    request(role.handle, status_limit, xs...)
      .then(
        [all, one_less](const message<schema::RoleStatus>& answer) mutable {
          all->answers.push_back(answer);
          one_less();
        },
        [one_less](const caf::error&) mutable { one_less(); });
  }
  one_less();
  return promise;
}

/// Why that node is not connected, if it has come so far that anybody knows.
std::string node::problem_of(node_id other) const {
  auto& link = links_.at(other);
  return link.problem.empty() && options_.refused ? options_.refused->why(name_of(other), clock().now()) : link.problem;
}

message<schema::NodeStatus> node::write_status(const std::vector<message<schema::RoleStatus>>& roles) const {
  builder<schema::NodeStatus> built{8192};
  built->setNode(self().name);
  built->setVersion(SYNOD_VERSION);
  built->setUptimeMs(
    static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(clock().now() - started_).count()));
  if (options_.resident_bytes)
    built->setResidentBytes(options_.resident_bytes());
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
