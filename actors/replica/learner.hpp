// How a replica that is behind learns decided slots from the acceptors.
#pragma once

#include "synod/messages/roles.hpp"

#include <map>
#include <optional>
#include <vector>

namespace synod {

/// Compares what acceptors accepted: a value is chosen when a majority accepted it
/// under the same ballot. Plain state; the replica sends and receives for it.
///
/// One acceptor is asked for values, the others for ballots alone; another one next
/// time if that did not help.
class learner {
public:
  explicit learner(size_t majority) : majority_{majority} {}

  /// Begins a round for slots from `first` on.
  void begin(slot_number first) {
    first_ = first;
    ballots_.clear();
    values_.clear();
  }

  slot_number first() const { return first_; }

  /// Takes an answer to the present round; gives the pvalues that are now known to be chosen, in slot order.
  std::vector<message<schema::Pvalue>> on_learned(const message<schema::Learned>& answer);

private:
  size_t majority_;
  slot_number first_ = 0;
  std::map<uint32_t, std::map<slot_number, ballot>> ballots_; // per acceptor
  pvalue_map values_;
};

} // namespace synod
