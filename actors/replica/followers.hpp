// Who follows a replica's decisions.
#pragma once

#include "synod/actors/role/flow_control.hpp"

#include <caf/all.hpp>

#include <algorithm>
#include <cstdint>
#include <list>

namespace synod {

/// Each follower is sent the decisions in the order in which the replica performs them, with marks, as long as not more than it
/// asked for is on the way; what it has no room for it misses, and sees that slots are missing. A mark that is lost costs
/// nothing: the next one stands for all before it. (To follow is a role's word; leaders are watched.)
///
/// Bounds: `most` followers, others are not sent anything; `limit_bytes` on the way to each, or less if it asked for less, and a
/// probe a second beyond that.
class followers {
public:
  using follower = caf::strong_actor_ptr; ///< only kept
  using time_point = flow_control::time_point;

  static constexpr size_t most = 64;

  explicit followers(uint64_t limit_bytes) : limit_bytes_{limit_bytes} {}

  /// It wants decisions, `window_bytes` on the way at most; one that follows already begins anew. True: it is a new one, which
  /// `forget` is to be called for when it ends.
  bool follow(const follower& whom, uint64_t window_bytes) {
    auto fresh = std::erase_if(all_, [&](auto& each) { return each.whom == whom; }) == 0;
    if (fresh && all_.size() == most)
      return false;
    all_.emplace_back(whom, std::min(window_bytes, limit_bytes_));
    return fresh;
  }

  bool has(const follower& whom) const { return find(whom) != all_.end(); }

  /// It has everything up to `mark`. False: it is none of these.
  bool received(const follower& whom, uint64_t mark) {
    auto known = find(whom);
    if (known != all_.end())
      known->flow.received(mark);
    return known != all_.end();
  }

  void forget(const caf::actor_addr& ended) {
    std::erase_if(all_, [&](auto& each) { return each.whom->address() == ended; });
  }

  /// Calls `send` with each that has room for a decision of so many bytes, and the mark that goes with it.
  template <class Send>
  void next(uint64_t bytes, time_point now, Send send) {
    uint64_t mark = 0;
    for (auto& each : all_)
      if (each.flow.admit(bytes, now, mark))
        send(each.whom, mark);
  }

  size_t size() const { return all_.size(); }
  void clear() { all_.clear(); }

private:
  struct entry {
    entry(follower whose, uint64_t limit_bytes) : whom{std::move(whose)}, flow{limit_bytes} {}
    follower whom;
    flow_control flow;
  };

  std::list<entry>::iterator find(const follower& whom) {
    return std::find_if(all_.begin(), all_.end(), [&](auto& each) { return each.whom == whom; });
  }
  std::list<entry>::const_iterator find(const follower& whom) const {
    return std::find_if(all_.begin(), all_.end(), [&](auto& each) { return each.whom == whom; });
  }

  uint64_t limit_bytes_;
  std::list<entry> all_;
};

} // namespace synod
