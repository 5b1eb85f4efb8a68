// Whether the cluster takes something new, as a replica knows it.
#pragma once

#include "synod/messages/roles.hpp"

#include <chrono>
#include <string>

namespace synod {

/// What the active leader has told last of acceptors without room: as long as there are some, requests are refused. It is
/// believed for a while only: where no leader is heard of any more, want of room is not what is wrong.
class full_disks {
public:
  using time_point = caf::actor_clock::time_point;

  static constexpr std::chrono::seconds believed_for{5};

  void told(capnp::List<uint32_t>::Reader nodes, time_point now) {
    nodes_.clear();
    for (auto each : nodes)
      nodes_.insert(each);
    until_ = now + believed_for;
  }

  bool refuse(time_point now) const { return !nodes_.empty() && now < until_; }

  /// For the client that is refused. `name_of` a node.
  template <class NameOf>
  std::string why(NameOf name_of) const {
    std::string names;
    for (auto each : nodes_)
      names += (names.empty() ? "" : ", ") + name_of(each);
    return "the disks of too many nodes are full (" + names + "): writes are refused until there is room, reads go on";
  }

private:
  node_set nodes_;
  time_point until_{};
};

} // namespace synod
