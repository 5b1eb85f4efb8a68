// How a replica that is behind learns decided slots from the acceptors.
#pragma once

#include "synod/messages/roles.hpp"

#include <map>
#include <optional>
#include <vector>

namespace synod {

/// Compares what acceptors accepted: a value is chosen when a majority accepted it
/// under the same ballot, at whatever times. Plain state; the replica sends and receives for it.
///
/// One acceptor is asked for values, a piece at a time, the others for ballots alone, of many
/// slots at once. When that did not help, all is forgotten and another one is asked for values.
class learner {
public:
  learner(configurations members, uint64_t window) : members_{std::move(members)}, window_{window} {}

  /// One more was decided.
  void reconfigure(const configurations& members) { members_ = members; }

  /// Slots from `first` on are wanted now.
  void begin(slot_number first);
  void forget();

  /// True if the acceptor has not told its ballot for the first slot wanted.
  bool needs_ballots(node_id acceptor) const;

  /// All of these have told of the first slot wanted, and no quorum of them accepted it under one ballot: asking them again, or
  /// another one for its value, is in vain.
  bool is_in_vain(const node_set& asked) const;

  /// Takes an answer.
  void on_learned(const message<schema::Learned>& answer);
  /// The pvalues wanted that are known to be chosen, in slot order. Behind WINDOW it is not known yet whose votes count.
  std::vector<message<schema::Pvalue>> chosen() const;

private:
  struct told {
    slot_number next_slot = 0; ///< it told of slots below this one
    std::map<slot_number, ballot> ballots;
  };

  configurations members_;
  uint64_t window_;
  slot_number first_ = 0;
  std::map<node_id, told> told_; // per acceptor
  pvalue_map values_;
};

} // namespace synod
