#include "synod/messages/configuration.hpp"

#include <set>

namespace synod {

configuration::configuration(uint64_t number, std::vector<member> nodes, node_set removed)
  : number_{number},
    nodes_{std::move(nodes)},
    removed_{std::move(removed)},
    replicas_{with("replica")},
    leaders_{with("leader")},
    acceptors_{with("acceptor")},
    promises_needed_{acceptors_.size() / 2 + 1},
    accepts_needed_{promises_needed_} {}

node_set configuration::with(std::string_view role) const {
  node_set found;
  for (auto& each : nodes_)
    if (each.has(role))
      found.insert(each.id);
  return found;
}

const member* configuration::find(node_id id) const {
  auto found = std::find_if(nodes_.begin(), nodes_.end(), [&](auto& x) { return x.id == id; });
  return found == nodes_.end() ? nullptr : &*found;
}

const member* configuration::find(const std::string& name) const {
  auto found = std::find_if(nodes_.begin(), nodes_.end(), [&](auto& x) { return x.name == name; });
  return found == nodes_.end() ? nullptr : &*found;
}

std::string refusal_of(const configuration& next, const configuration& now) {
  if (next.number() != now.number() + 1)
    return "configuration " + std::to_string(now.number()) + " is followed by number " + std::to_string(now.number() + 1)
           + ", not " + std::to_string(next.number());
  if (next.nodes().size() > configuration::most_nodes)
    return "there may be " + std::to_string(configuration::most_nodes) + " nodes";
  if (next.removed().size() > configuration::most_removed)
    return "no more than " + std::to_string(configuration::most_removed) + " nodes can be removed from a cluster in its life";
  std::set<node_id> ids;
  std::set<std::string> names;
  for (auto& each : next.nodes()) {
    if (each.name.empty() || each.host.empty() || each.port == 0 || each.roles.empty())
      return "node '" + each.name + "' has no name, address or role";
    if (!ids.insert(each.id).second || !names.insert(each.name).second)
      return "node '" + each.name + "' is named twice, or has the id of another one";
    if (next.removed().contains(each.id))
      return "node '" + each.name + "' has id " + std::to_string(each.id) + " of a node that was removed: an id is given once";
  }
  for (auto* members : {&next.replicas(), &next.leaders(), &next.acceptors()})
    if (members->empty())
      return "a replica, a leader and an acceptor must be left";
  return {};
}

configuration configuration_of(schema::Configuration::Reader x) {
  std::vector<member> nodes;
  for (auto each : x.getNodes()) {
    member node{each.getId(), each.getName().cStr(), each.getHost().cStr(), each.getPort(), {}, each.getSince(), each.getToken()};
    for (auto role : each.getRoles())
      node.roles.emplace_back(role.cStr());
    nodes.push_back(std::move(node));
  }
  node_set removed;
  for (auto each : x.getRemoved())
    removed.insert(each);
  return {x.getNumber(), std::move(nodes), std::move(removed)};
}

void write(const configuration& x, schema::Configuration::Builder to) {
  to.setNumber(x.number());
  auto list = to.initNodes(static_cast<unsigned>(x.nodes().size()));
  for (unsigned i = 0; i < list.size(); ++i) {
    auto& node = x.nodes()[i];
    list[i].setId(node.id);
    list[i].setName(node.name);
    list[i].setHost(node.host);
    list[i].setPort(node.port);
    auto roles = list[i].initRoles(static_cast<unsigned>(node.roles.size()));
    for (unsigned j = 0; j < roles.size(); ++j)
      roles.set(j, node.roles[j]);
    list[i].setSince(node.since);
    list[i].setToken(node.token);
  }
  auto removed = to.initRemoved(static_cast<unsigned>(x.removed().size()));
  unsigned i = 0;
  for (auto each : x.removed())
    removed.set(i++, each);
}

const configuration& configurations::ruling(slot_number slot) const {
  auto later = std::find_if(all_.rbegin(), all_.rend(), [slot](auto& x) { return x.from <= slot; });
  return later == all_.rend() ? all_.front().what : later->what;
}

bool configurations::promised(slot_number first, slot_number end, const node_set& answered) const {
  return first >= first_slot() && !any(first, end, [&](auto& x) { return !x.quorum(phase::promise).satisfied_by(answered); });
}

bool configurations::promises_need_one_of(const node_set& some, slot_number first) const {
  return first >= first_slot() && !any(first, no_end, [&](auto& x) { return !x.quorum(phase::promise).needs_one_of(some); });
}

node_set configurations::acceptors(slot_number first, slot_number end) const {
  node_set found;
  any(first, end, [&](auto& x) {
    for (auto each : x.acceptors())
      found.insert(each);
    return false;
  });
  return found;
}

void configurations::add(configuration next, slot_number from) {
  all_.push_back({from, std::move(next)});
  if (all_.size() > most)
    all_.erase(all_.begin());
}

configurations configurations_of(schema::Configurations::Reader x) {
  configurations found;
  for (auto each : x.getList()) {
    auto told = each.getConfiguration();
    if (told.getNodes().size() > configuration::most_nodes || told.getRemoved().size() > configuration::most_removed)
      return {};
    auto what = configuration_of(told);
    auto follows = found.empty() || (what.number() == found.latest().number() + 1 && each.getFirstSlot() > found.latest_from());
    if (!follows)
      return {};
    found.add(std::move(what), each.getFirstSlot());
  }
  return found;
}

void write(const configurations& x, schema::Configurations::Builder to) {
  auto list = to.initList(static_cast<unsigned>(x.all_.size()));
  for (unsigned i = 0; i < list.size(); ++i) {
    list[i].setFirstSlot(x.all_[i].from);
    write(x.all_[i].what, list[i].initConfiguration());
  }
}

} // namespace synod
