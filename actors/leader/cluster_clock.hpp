// What a leader knows of other nodes' wall clocks.
#pragma once

#include "synod/messages/configuration.hpp"

#include <chrono>
#include <map>

namespace synod {

/// Tells whether this node's wall clock is to be trusted: it is not put into batches while it is further ahead of the median
/// of all clocks than a limit. Hears only of those nodes that it is given: one number for each.
class cluster_clock {
public:
  cluster_clock(node_set nodes, std::chrono::milliseconds limit) : nodes_{std::move(nodes)}, limit_{limit} {}

  /// What another node's clock showed when its message was sent, and this one's now; milliseconds since 1970. True: this
  /// clock is ahead since then, or is not any more.
  bool note(node_id node, int64_t shown, int64_t own);

  /// The median lies further back than the limit.
  bool ahead() const { return ahead_; }

private:
  /// Of all clocks against this one, its own included; the lower of two in the middle.
  int64_t median_offset() const;

  node_set nodes_;
  std::chrono::milliseconds limit_;
  std::map<node_id, int64_t> offsets_; // of other nodes against this one, ms
  bool ahead_ = false;
};

} // namespace synod
