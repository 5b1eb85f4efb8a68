// How a role reaches another role on every node.
#pragma once

#include "synod/actors/role/flow_control.hpp"
#include "synod/messages/roles.hpp"

#include <algorithm>
#include <memory>
#include <vector>

namespace synod {

/// Whoever sends messages with marks. They are returned with `send`, not anonymously: it looks at who returns them.
using sender_of_marks = caf::typed_actor<caf::reacts_to<message<schema::Received>>>;

/// Returns the marks that a role has noted to those who sent them; `node` is its own.
template <class Role>
void return_marks(Role& self, marks& noted, node_id node) {
  for (auto& [sender, mark] : noted.take()) {
    builder<schema::Received> received;
    received->setNode(node);
    received->setMark(mark);
    self.send(caf::actor_cast<sender_of_marks>(sender), received.finish());
  }
}

/// One role of all nodes that have it: its handle as long as it is reached, and what is owed to it. Handles are renewed when a
/// host comes back; nothing is owed to a fresh one. Copies share the flow control of their entries, so a scout or a commander
/// may have one.
template <class Handle>
class peers {
public:
  struct entry {
    node_id node;
    Handle handle;
    std::shared_ptr<flow_control> flow;
  };

  explicit peers(uint64_t limit_bytes) : limit_bytes_{limit_bytes} {}

  /// Takes what a node tells of the role (messages/roles.hpp): reached at this handle, or not any more.
  void renew(const peer& x) {
    std::erase_if(entries_, [&](auto& known) { return known.node == x.node; });
    if (!x.handle)
      return;
    auto place = std::find_if(entries_.begin(), entries_.end(), [&](auto& known) { return known.node > x.node; });
    entries_.insert(place, {x.node, caf::actor_cast<Handle>(x.handle), std::make_shared<flow_control>(limit_bytes_)});
  }

  // In the order of nodes.
  auto begin() const { return entries_.begin(); }
  auto end() const { return entries_.end(); }
  size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }

  /// Null: that node's is not reached.
  const entry* find(node_id node) const {
    auto found = std::find_if(begin(), end(), [&](auto& x) { return x.node == node; });
    return found == end() ? nullptr : &*found;
  }
  Handle handle_of(node_id node) const {
    auto* found = find(node);
    return found ? found->handle : Handle{};
  }
  bool has(const caf::strong_actor_ptr& handle) const {
    return std::any_of(begin(), end(), [&](auto& x) { return caf::actor_cast<caf::strong_actor_ptr>(x.handle) == handle; });
  }

  /// The nodes that are reached.
  node_set nodes() const {
    node_set all;
    for (auto& each : entries_)
      all.insert(each.node);
    return all;
  }

  /// That node's role has everything up to `mark`. True: there is credit again for what was not admitted.
  bool received(node_id node, uint64_t mark) const {
    auto* found = find(node);
    return found && found->flow->received(mark);
  }

  /// To the one with the most on its way.
  uint64_t most_owed_bytes() const {
    uint64_t most = 0;
    for (auto& each : entries_)
      most = std::max(most, each.flow->owed_bytes());
    return most;
  }

  /// Handles that roles hold of each other would keep all of them alive: called when the role ends.
  void clear() { entries_.clear(); }

private:
  uint64_t limit_bytes_;
  std::vector<entry> entries_;
};

} // namespace synod
