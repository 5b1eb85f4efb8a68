// What a leader knows of the wall clocks of its cluster.
#pragma once

#include "synod/messages/configuration.hpp"

#include <caf/actor_clock.hpp>

#include <chrono>
#include <map>
#include <optional>

namespace synod {

/// The time of day that the nodes with acceptors agree on: the median of what their wall clocks show, so that one that steps or
/// drifts moves nothing. What a node's clock showed is carried on by this node's steady clock, which does not step.
class cluster_clock {
public:
  using time_point = caf::actor_clock::time_point;

  /// Hears only of the members' acceptors: one number for each.
  cluster_clock(node_id self, configuration members, std::chrono::milliseconds limit)
    : self_{self}, members_{std::move(members)}, limit_{limit} {}

  /// What is older than this does not count: the clock may have been set right meanwhile.
  static constexpr std::chrono::seconds most_age{10};

  /// What another node's wall clock showed when its message was sent, milliseconds since 1970.
  void note(node_id node, int64_t shown, time_point now);

  /// The median, the lower one of two in the middle, with this node's own clock as it is now; none: fewer were heard than promise
  /// a ballot.
  std::optional<int64_t> time(int64_t own, time_point now) const;

  /// This node's own clock is further from the median than the limit; none: as it was when this was asked last.
  std::optional<bool> is_wrong_now(int64_t own, time_point now);

private:
  node_id self_;
  configuration members_;
  std::chrono::milliseconds limit_;
  struct reading {
    int64_t offset = 0; // against this node's steady clock, ms
    time_point when;
  };
  std::map<node_id, reading> readings_; // of other nodes
  bool wrong_ = false;
};

} // namespace synod
