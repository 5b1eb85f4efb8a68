// A node, and which nodes there are.
#include "synod/actors/node/node.hpp"

#include <spdlog/fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <algorithm>

namespace synod {

namespace {

/// Where no replica tells.
constexpr std::chrono::minutes believed_to_rule_after{1};

} // namespace

// -- what is decided ----------------------------------------------------------

/// A later configuration counts from now on; false: it is no later one.
bool node::learn(const configurations& told) {
  if (!options_.members.learn(told))
    return false;
  learned_ = clock().now();
  std::vector<std::string> names;
  for (auto& each : told.latest().nodes())
    names.push_back(each.name);
  options_.log->info("configuration {}: {}", told.latest().number(), fmt::join(names, ", "));
  config_ = std::make_shared<const cluster>(options_.members.now(*options_.file, options_.self));
  greeting_ = greeting{config_, options_.self, options_.token, options_.known};
  if (auto* own = told.latest().find(options_.self); own && own->token != 0 && own->token != options_.token)
    options_.fatal("node: " + another_directory({own->name, own->token, options_.token}));
  store_members();
  look_at_members();
  return true;
}

/// Others greet this node again then, and learn it, too. On a full disk it waits for room: until then the node would learn it
/// again.
void node::store_members() {
  auto number = ++works_;
  storing_ = number;
  when_remembered_[number] = [this] {
    storing_ = 0;
    if (options_.members.has_left())
      options_.leave();
  };
  options_.files->aside(disk::lane::background, options_.members.remember(*options_.files, options_.directory),
                        caf::actor_cast<caf::actor>(this), number);
}

/// A link with every member, from the side that connects.
void node::look_at_members() {
  if (!options_.connects)
    return;
  for (auto& each : options_.members.all().latest().nodes()) {
    if (each.id == options_.self)
      continue;
    auto& link = links_[each.id];
    auto fresh = std::exchange(link.name, each.name).empty();
    link.address = config_->find(each.id)->address;
    link.guest.reset();
    if (fresh)
      link.lost = clock().now();
    auto connects = !link.connector && !link.other && connects_to(each);
    if (connects)
      link.connector = spawn_connector(system(), key_of(*config_), self().name);
    if (link.other && is_remembered(*config_->find(each.id)))
      meet({{each.name, link.token}}, [] {});
    if (connects && has_begun_)
      connect(each.id);
  }
}

bool node::connects_to(const member& other) const {
  auto* own = options_.members.all().latest().find(options_.self);
  if (!own)
    return true;
  return own->since != other.since ? own->since > other.since : own->name < other.name;
}

/// Acceptors of a configuration are asked as long as the next one does not rule.
bool node::is_needed(node_id other) const {
  auto& members = options_.members;
  auto performed = performed_.find(options_.self);
  auto rules = performed != performed_.end() ? performed->second >= members.all().latest_from()
                                             : clock().now() - learned_ > believed_to_rule_after; // No replica is here.
  return members.is_member(other) || (!rules && members.was_removed(other));
}

void node::forget_links() {
  std::erase_if(links_, [this](auto& each) {
    auto& [other, link] = each;
    if (link.other || is_needed(other))
      return false;
    if (link.connector)
      send_exit(link.connector, caf::exit_reason::user_shutdown);
    return true;
  });
}

/// What a node that is no member may be added with.
void node::note_greeting(node_id other, const schema::Hello::Reader& hello) {
  auto& link = links_.at(other);
  link.token = hello.getToken();
  link.guest.reset();
  if (options_.members.is_member(other))
    return;
  link.name = hello.getNode().cStr();
  link.guest = member{other, link.name, hello.getHost().cStr(), hello.getPort(), {}, 0, link.token};
  for (auto role : hello.getRoles())
    link.guest->roles.emplace_back(role.cStr());
  std::sort(link.guest->roles.begin(), link.guest->roles.end());
}

node_set node::reached() const {
  node_set found{options_.self};
  for (auto& [other, link] : links_)
    if (link.other)
      found.insert(other);
  return found;
}

// -- what replicas tell -------------------------------------------------------

// Performed: of this node's replica, which knows of what is decided; or of one that joins.
void node::on_performed(const message<schema::Performed>& told) {
  auto from = told->getNode();
  if (!is_of_own_replica()) {
    if (from != options_.self && links_.contains(from))
      performed_[from] = told->getBelow();
    return;
  }
  performed_[options_.self] = told->getBelow();
  told_ = told;
  learn(configurations_of(told->getConfigurations()));
  if (options_.members.is_member(options_.self))
    return;
  for (auto& [other, link] : links_)
    if (link.other)
      send(caf::actor_cast<node_actor>(link.other), told);
}

bool node::is_of_own_replica() {
  auto own = role("replica");
  return own && current_sender() && own.address() == current_sender()->address();
}

// Durable: of this node's replica, for nodes that were removed; of a member's, if this one was.
void node::on_durable(const message<schema::Durable>& told) {
  auto& members = options_.members;
  if (is_of_own_replica()) {
    for (auto& [other, link] : links_)
      if (link.other && members.was_removed(other))
        send(caf::actor_cast<node_actor>(link.other), told);
    return;
  }
  members.told_durable(told->getNode(), told->getLatest());
  leave_if_not_needed();
}

void node::leave_if_not_needed() {
  auto& members = options_.members;
  if (leaves_ || !members.may_leave(options_.self))
    return;
  leaves_ = true;
  options_.log->warn("this node was removed from the cluster by configuration {}, and is not needed any more: it ends",
                     members.number());
  members.leave();
  store_members();
}

} // namespace synod
