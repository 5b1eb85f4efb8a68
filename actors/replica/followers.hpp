// Who follows a replica's decisions.
#pragma once

#include "synod/actors/replica/clients.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace synod {

/// Each follower is sent the decisions in the order in which the replica performs them, with marks, as long as not more than it
/// asked for is on the way to it, replies to what else it asks for included (`clients` counts both); what it has no room for it
/// misses, and sees that slots are missing. A mark that is lost costs nothing: the next one stands for all before it. (To follow
/// is a role's word; leaders are watched.)
///
/// Bounds: `most` followers, others are not sent anything; what `clients` allows on the way to each, or less if it asked for
/// less, and a probe a second beyond that.
class followers {
public:
  using follower = clients::client;
  using time_point = clients::time_point;

  static constexpr size_t most = 64;

  explicit followers(clients& counted) : clients_{counted} {}

  /// It wants decisions, `window_bytes` on the way at most. True: it is a new one, which `forget` is to be called for when it
  /// ends.
  bool follow(const follower& whom, uint64_t window_bytes) {
    auto known = std::find_if(all_.begin(), all_.end(), [&](auto& each) { return each.whom == whom; });
    auto fresh = known == all_.end();
    if (fresh && all_.size() == most)
      return false;
    if (fresh)
      all_.push_back({whom, window_bytes});
    else
      known->window_bytes = window_bytes;
    return fresh;
  }

  bool has(const follower& whom) const {
    return std::any_of(all_.begin(), all_.end(), [&](auto& each) { return each.whom == whom; });
  }

  void forget(const caf::actor_addr& ended) {
    std::erase_if(all_, [&](auto& each) { return each.whom->address() == ended; });
  }

  /// Calls `send` with each that has room for a decision of so many bytes, and the mark that goes with it.
  template <class Send>
  void next(uint64_t bytes, time_point now, Send send) {
    for (auto& each : all_)
      if (clients_.has_room_for(each.whom, bytes, each.window_bytes, now))
        send(each.whom, clients_.sent(each.whom, bytes, now).mark);
  }

  size_t size() const { return all_.size(); }
  void clear() { all_.clear(); }

private:
  struct entry {
    follower whom;
    uint64_t window_bytes;
  };

  clients& clients_;
  std::vector<entry> all_;
};

} // namespace synod
