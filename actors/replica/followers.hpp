// Who follows a replica's decisions.
#pragma once

#include <caf/all.hpp>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace synod {

/// Each follower grants so many further decisions, and is sent no more. (To follow is a role's word for getting the decisions
/// in the order in which a replica performs them; leaders are watched.)
///
/// Bounds: `most` followers, others are not sent anything; `most_credit` decisions granted to each, more do not count.
class followers {
public:
  using follower = caf::strong_actor_ptr; ///< only kept

  static constexpr size_t most = 64;
  static constexpr uint64_t most_credit = 65536;

  /// True: it is a new one, which `forget` is to be called for when it ends.
  bool grant(const follower& whom, uint64_t more) {
    auto known = std::find_if(all_.begin(), all_.end(), [&](auto& each) { return each.whom == whom; });
    auto fresh = known == all_.end();
    if (fresh && all_.size() == most)
      return false;
    if (fresh)
      known = all_.insert(known, {whom, 0});
    known->credit = std::min(known->credit + std::min(more, most_credit), most_credit);
    return fresh;
  }

  bool has(const follower& whom) const {
    return std::any_of(all_.begin(), all_.end(), [&](auto& each) { return each.whom == whom; });
  }

  void forget(const caf::actor_addr& ended) {
    std::erase_if(all_, [&](auto& each) { return each.whom->address() == ended; });
  }

  /// Calls `send` with each that has credit for a decision, and takes that off.
  template <class Send>
  void next(Send send) {
    for (auto& each : all_)
      if (each.credit > 0) {
        --each.credit;
        send(each.whom);
      }
  }

  size_t size() const { return all_.size(); }
  void clear() { all_.clear(); }

private:
  struct entry {
    follower whom;
    uint64_t credit;
  };
  std::vector<entry> all_;
};

} // namespace synod
