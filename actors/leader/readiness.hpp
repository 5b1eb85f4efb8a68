// Whether the replica beside a leader is far enough to propose.
#pragma once

#include "synod/messages/configuration.hpp"

#include <caf/actor_clock.hpp>

#include <chrono>
#include <map>
#include <optional>

namespace synod {

/// Who leads can propose: a replica proposes no slot that is WINDOW or more ahead of its slot_out (R5), so beside one that is as
/// far behind the decided slots nothing is proposed until it has caught up. Its leader then hands over to one that is level.
/// Slots are counted as "performed below".
class readiness {
public:
  using time_point = caf::actor_clock::time_point;

  /// For so long a replica may be behind, and propose nothing: it may be about to catch up.
  static constexpr std::chrono::milliseconds patience{500};

  readiness(uint64_t window, std::chrono::milliseconds ping_interval) : window_{window}, fresh_{5 * ping_interval} {}

  /// The replica beside this leader tells.
  void told(slot_number below) { own_ = below; }
  slot_number own() const { return own_; } ///< 0: there is none, or it has not told
  /// So does that one; 0: there is none.
  void told_by(node_id other, slot_number below, time_point now) { others_[other] = {below, now}; }
  void lost(node_id other) { others_.erase(other); }

  /// This leader begins to lead, or something was proposed to it.
  void proposes(time_point now) { since_ = now; }
  /// Who should lead instead, of those that are reached; none: this one is well, or nobody is better.
  std::optional<node_id> better(slot_number decided_below, const node_set& reached, time_point now) {
    if (own_ == 0 || is_level(own_, decided_below))
      since_ = now;
    if (now - since_ < patience)
      return std::nullopt;
    std::optional<node_id> best;
    slot_number performed_below = own_;
    for (auto& [node, x] : others_)
      if (reached.contains(node) && now - x.when <= fresh_ && is_level(x.below, decided_below) && x.below > performed_below) {
        best = node;
        performed_below = x.below;
      }
    return best;
  }

private:
  struct told_slot {
    slot_number below;
    time_point when;
  };

  bool is_level(slot_number performed_below, slot_number decided_below) const {
    return decided_below < performed_below + window_;
  }

  uint64_t window_;
  std::chrono::milliseconds fresh_; // what was told is taken for true so long
  slot_number own_ = 0;
  std::map<node_id, told_slot> others_;
  time_point since_{}; // this leader was last seen to be able to lead
};

} // namespace synod
