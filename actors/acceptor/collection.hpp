// What acceptors may forget.
#pragma once

#include "synod/messages/configuration.hpp"

#include <caf/actor_clock.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <vector>

namespace synod {

/// Knows how far replicas hold durably what decided slots led to, and from that the first slot that has to be kept (PMMC section
/// 4.2): every slot below is held by f+1 of them, so one is left that knows.
///
/// A replica that fetches a snapshot needs what comes behind it: it says so, and those slots are kept a while longer.
class collection {
public:
  using time_point = caf::actor_clock::time_point;

  /// What a replica is about to need is kept for so long since it said so.
  static constexpr std::chrono::seconds keeping_time{10};

  explicit collection(configuration members) : members_{std::move(members)} {}

  /// A replica tells: what it holds, and what it is about to need (0: nothing in particular). A later word of it counts, also a
  /// lower one: it may have lost a file. Others than members are not heard.
  void told(node_id replica, slot_number below, slot_number keep_from, time_point now) {
    if (members_.replicas().contains(replica))
      told_[replica] = {below, keep_from, now};
  }

  const configuration& members() const { return members_; }
  /// Other replicas have to hold it from now on. (Those of the one before may go when these do, and not sooner.)
  void reconfigure(configuration latest) {
    members_ = std::move(latest);
    std::erase_if(told_, [this](auto& x) { return !members_.replicas().contains(x.first); });
  }

  /// The first slot to be kept. `spares`: what replicas are about to need is kept.
  slot_number first_kept(bool spares, time_point now) const {
    std::vector<slot_number> held;
    auto limit = UINT64_MAX;
    for (auto& [node, x] : told_) {
      held.push_back(x.below);
      if (spares && x.keep_from != 0 && now - x.when < keeping_time)
        limit = std::min(limit, x.keep_from);
    }
    auto needed = members_.durable_needed();
    if (needed == 0 || held.size() < needed)
      return 1;
    std::sort(held.begin(), held.end(), std::greater<>{});
    return std::max<slot_number>(1, std::min(held[needed - 1], limit));
  }

private:
  struct held {
    slot_number below;
    slot_number keep_from;
    time_point when;
  };

  configuration members_; // the latest that is known
  std::map<node_id, held> told_;
};

} // namespace synod
