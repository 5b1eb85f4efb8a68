// Which acceptors have no room, and what a leader makes of it.
#pragma once

#include "synod/actors/role/backoff.hpp"
#include "synod/messages/configuration.hpp"

#include <map>

namespace synod {

/// Acceptors that have said that their disk is full. Each is believed for a while only, and says it again as long as it is so: a
/// message that is lost, or a host that goes, leaves nothing behind.
///
/// Where there is a quorum without them, they get nothing new: the cluster goes on without what room they have left. Where there
/// is none, but would be with them, nothing new is begun at all. What was begun is still decided, with them: reads wait for what
/// one acceptor has accepted, and its reserve has room for that.
class full_acceptors {
public:
  using time_point = backoff::time_point;

  static constexpr std::chrono::seconds believed_for{5};

  /// True: that is new.
  bool told(node_id acceptor, bool full, time_point now) {
    if (!full)
      return believed_until_.erase(acceptor) > 0;
    return believed_until_.insert_or_assign(acceptor, now + believed_for).second;
  }

  struct outlook {
    node_set spared;   ///< better they get nothing
    node_set blocking; ///< for want of room there nothing new can be accepted

    bool operator==(const outlook&) const = default;
  };

  /// Of those that are reached. `stalled`: the others do not answer as they should, so nobody is spared.
  outlook look(const node_set& reached, const quorum& accept, bool stalled, time_point now) {
    std::erase_if(believed_until_, [&](auto& x) { return x.second <= now; });
    outlook found;
    if (believed_until_.empty())
      return found;
    node_set full, others;
    for (auto each : reached)
      (believed_until_.contains(each) ? full : others).insert(each);
    if (!accept.satisfied_by(others))
      found.blocking = accept.satisfied_by(reached) ? full : node_set{};
    else if (!stalled)
      found.spared = full;
    return found;
  }

  /// Another leader may reach a quorum with room.
  bool others_may_have_room(const node_set& all, const quorum& accept) const {
    node_set rest;
    for (auto each : all)
      if (!believed_until_.contains(each))
        rest.insert(each);
    return accept.satisfied_by(rest);
  }

private:
  std::map<node_id, time_point> believed_until_;
};

} // namespace synod
