// Flow control towards the replicas that learn from an acceptor.
#pragma once

#include "synod/actors/role/flow_control.hpp"

#include <caf/actor_addr.hpp>

#include <algorithm>
#include <list>

namespace synod {

/// What is owed to each replica that asks an acceptor. Bounds: `limit_bytes` to each, and a probe a second beyond it;
/// `most_learners` of them are known, then the one that asked least recently is forgotten. (A replica that comes back has another
/// handle: nothing is owed to that.)
class learners {
public:
  static constexpr size_t most_learners = 64;

  explicit learners(uint64_t limit_bytes) : limit_bytes_{limit_bytes} {}

  /// This one asks, and has everything up to `mark`.
  void asks(const caf::actor_addr& who, uint64_t mark) {
    auto found = std::find_if(known_.begin(), known_.end(), [&](auto& x) { return x.who == who; });
    if (found == known_.end()) {
      if (known_.size() >= most_learners)
        known_.pop_back();
      known_.emplace_front(who, limit_bytes_);
    } else {
      known_.splice(known_.begin(), known_, found);
    }
    known_.front().flow.received(mark);
  }

  /// True if so much may be sent to the one that asked last; sets the mark that goes with it.
  bool admit(uint64_t bytes, flow_control::time_point now, uint64_t& mark) { return known_.front().flow.admit(bytes, now, mark); }

  size_t size() const { return known_.size(); }

  /// To the one with the most on its way.
  uint64_t most_owed_bytes() const {
    uint64_t most = 0;
    for (auto& each : known_)
      most = std::max(most, each.flow.owed_bytes());
    return most;
  }

private:
  struct learner {
    learner(caf::actor_addr whose, uint64_t limit_bytes) : who{std::move(whose)}, flow{limit_bytes} {}
    caf::actor_addr who;
    flow_control flow;
  };

  uint64_t limit_bytes_;
  std::list<learner> known_; // the one that asked last in front
};

} // namespace synod
