#include "synod/actors/node/change.hpp"

#include "synod/actors/node/tcp.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

namespace synod {

namespace {

/// The nodes of the next configuration, as they are made of the present ones.
class draft {
public:
  explicit draft(const configuration& now) : number_{now.number() + 1}, nodes_{now.nodes()}, removed_{now.removed()} {}

  std::string add(const std::string& name, const guest_finder& guests) {
    if (find(name) != nodes_.end())
      return fmt::format("node '{}' is a member already", name);
    auto* joined = guests(name);
    lacks_guest_ = !joined;
    if (!joined)
      return fmt::format(
        "node '{}' has not joined: start it with --join, and the address of this node or of another member in its "
        "cluster file",
        name);
    auto added = *joined;
    added.since = number_;
    auto same_id = std::find_if(nodes_.begin(), nodes_.end(), [&](auto& x) { return x.id == added.id; });
    if (same_id != nodes_.end())
      return fmt::format("node '{}' has id {}, like node '{}': ids are given once", name, added.id, same_id->name);
    if (auto wrong = wrong_address(added.name, added.host, added.port); !wrong.empty())
      return wrong;
    nodes_.push_back(std::move(added));
    return {};
  }

  std::string remove(const std::string& name) {
    auto found = find(name);
    if (found == nodes_.end())
      return unknown(name);
    removed_.insert(found->id);
    nodes_.erase(found);
    return {};
  }

  std::string move(const std::string& name, const std::string& host, uint16_t port) {
    auto found = find(name);
    if (found == nodes_.end())
      return unknown(name);
    if (found->host == host && found->port == port)
      return fmt::format("node '{}' is at {}:{} already", name, host, port);
    if (auto wrong = wrong_address(name, host, port); !wrong.empty())
      return wrong;
    found->host = host;
    found->port = port;
    return {};
  }

  bool lacks_guest() const { return lacks_guest_; }

  configuration finish() {
    std::sort(nodes_.begin(), nodes_.end(), [](auto& a, auto& b) { return a.id < b.id; });
    return {number_, std::move(nodes_), std::move(removed_)};
  }

private:
  std::string wrong_address(const std::string& name, const std::string& host, uint16_t port) const {
    if (host.empty() || port == 0 || is_any_address(host))
      return fmt::format("expected an address where other nodes find node '{}', HOST:PORT, found {}:{}", name, host, port);
    for (auto& each : nodes_)
      if (each.name != name && each.host == host && each.port == port)
        return fmt::format("node '{}' is at {}:{}", each.name, host, port);
    return {};
  }

  std::vector<member>::iterator find(const std::string& name) {
    return std::find_if(nodes_.begin(), nodes_.end(), [&](auto& x) { return x.name == name; });
  }

  std::string unknown(const std::string& name) const {
    std::string names;
    for (auto& each : nodes_)
      names += (names.empty() ? "" : ", ") + each.name;
    return fmt::format("unknown node '{}'; members are: {}", name, names);
  }

  uint64_t number_;
  std::vector<member> nodes_;
  node_set removed_;
  bool lacks_guest_ = false;
};

} // namespace

changed_configuration change(const configuration& now, schema::Change::Reader asked, const guest_finder& guests) {
  draft next{now};
  std::string wrong;
  switch (asked.which()) {
    case schema::Change::ADD_NODE:
      wrong = next.add(asked.getAddNode().cStr(), guests);
      break;
    case schema::Change::REMOVE_NODE:
      wrong = next.remove(asked.getRemoveNode().cStr());
      break;
    case schema::Change::REPLACE_NODE:
      wrong = next.remove(asked.getReplaceNode().getNode().cStr());
      if (wrong.empty())
        wrong = next.add(asked.getReplaceNode().getBy().cStr(), guests);
      break;
    case schema::Change::SET_ADDRESS: {
      auto x = asked.getSetAddress();
      wrong = next.move(x.getNode().cStr(), x.getHost().cStr(), x.getPort());
      break;
    }
    default:
      wrong = "this is no change of the configuration";
  }
  if (!wrong.empty())
    return {{}, std::move(wrong), next.lacks_guest()};
  auto made = next.finish();
  auto refusal = refusal_of(made, now);
  return {std::move(made), std::move(refusal), false};
}

std::string too_few(const configuration& next, const node_set& reached) {
  auto among = [&](const node_set& members) {
    return static_cast<size_t>(std::count_if(members.begin(), members.end(), [&](auto each) { return reached.contains(each); }));
  };
  auto needed = next.quorum(phase::accept).needed();
  if (auto alive = among(next.acceptors()); alive < needed)
    return fmt::format("of its {} acceptors {} are reached, and {} are needed", next.acceptors().size(), alive, needed);
  if (among(next.leaders()) == 0)
    return "none of its leaders is reached";
  if (among(next.replicas()) == 0)
    return "none of its replicas is reached";
  return {};
}

} // namespace synod
