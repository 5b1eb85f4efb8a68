// Which p2a's wait for credit of an acceptor.
#pragma once

#include "synod/messages/ballot.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

namespace synod {

/// Slots whose p2a an acceptor's flow control did not admit, by acceptor, until there is credit again or the slot is decided
/// without it. Holds a slot for each proposal and acceptor at most.
class waiting_for_credit {
public:
  bool empty() const { return slots_.empty(); }

  void insert(node_id acceptor, slot_number slot) { slots_[acceptor].insert(slot); }

  /// The slot's commander has ended.
  void erase(slot_number slot) {
    for (auto i = slots_.begin(); i != slots_.end();) {
      i->second.erase(slot);
      i = i->second.empty() ? slots_.erase(i) : std::next(i);
    }
  }

  /// Takes out those that fit into so much credit of that acceptor, the lowest slots first. `idle`: nothing is on its way there,
  /// so one passes whatever its size.
  template <class SizeOf>
  std::vector<slot_number> take(node_id acceptor, uint64_t credit_bytes, bool idle, SizeOf bytes_of) {
    std::vector<slot_number> fit;
    auto waiting = slots_.find(acceptor);
    if (waiting == slots_.end())
      return fit;
    auto& slots = waiting->second;
    while (!slots.empty()) {
      uint64_t bytes = bytes_of(*slots.begin());
      if (bytes > credit_bytes && !(idle && fit.empty()))
        return fit;
      credit_bytes -= std::min(bytes, credit_bytes);
      fit.push_back(*slots.begin());
      slots.erase(slots.begin());
    }
    slots_.erase(waiting);
    return fit;
  }

private:
  std::map<node_id, std::set<slot_number>> slots_;
};

} // namespace synod
