// What a leader knows of the wall clocks of its cluster.
#pragma once

#include "synod/messages/configuration.hpp"
#include "synod/messages/leadership.capnp.h"

#include <caf/actor_clock.hpp>

#include <chrono>
#include <map>
#include <optional>

namespace synod {

/// The time of day that the nodes with acceptors agree on: the median of what their wall clocks show, so that one that steps or
/// drifts moves nothing. What a node's clock showed is carried on by this node's steady clock, which does not step; so is the
/// median, where too few are heard. The active leader finds it, and tells the others.
///
/// Times of day are milliseconds since 1970.
class cluster_clock {
public:
  using time_point = caf::actor_clock::time_point;

  /// Hears only of the members' acceptors: one number for each.
  cluster_clock(node_id self, configuration members, std::chrono::milliseconds limit)
    : self_{self}, members_{std::move(members)}, limit_{limit} {}

  /// What is older than this does not count: the clock may have been set right meanwhile.
  static constexpr std::chrono::seconds most_age{10};
  /// Of what a node showed in this time the latest counts that was not late on its way: the highest.
  static constexpr std::chrono::seconds gathering_time{5};

  /// The two in the middle; the same where the number is odd.
  struct interval {
    int64_t at_least = 0;
    int64_t at_most = 0;
    bool operator==(const interval&) const = default;
  };

  /// Others are members from now on.
  void reconfigure(configuration members) {
    members_ = std::move(members);
    std::erase_if(readings_, [this](auto& x) { return !members_.acceptors().contains(x.first); });
  }

  /// What another node's wall clock showed when its message was sent.
  void note(node_id node, int64_t shown, time_point now);

  /// The median, with this node's own clock as it is now. Where fewer are heard than promise a ballot, the last one is carried
  /// on, and where there was none, of what was heard ever; none: that is too few.
  std::optional<interval> find(int64_t own, time_point now);
  /// The active leader has found it.
  void told(interval x, time_point now);

  /// This node's own clock is further from the median than the limit; none: as it was when this was asked last, or not known.
  std::optional<bool> is_wrong_now(int64_t own, time_point now);

private:
  struct reading {
    int64_t offset = 0; // against this node's steady clock
    time_point since{};
    time_point heard{};
  };
  struct agreed {
    interval offsets;
    time_point when{};
  };

  node_id self_;
  configuration members_;
  std::chrono::milliseconds limit_;
  std::map<node_id, reading> readings_; // of other nodes
  std::optional<agreed> agreed_;
  bool wrong_ = false;
};

void write(const std::optional<cluster_clock::interval>& from, schema::ClusterTime::Builder to);
/// None: it is not known there.
std::optional<cluster_clock::interval> interval_of(schema::ClusterTime::Reader x);

} // namespace synod
