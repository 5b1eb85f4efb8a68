// When a leader proposed what.
#pragma once

#include "synod/actors/role/explained.hpp"
#include "synod/actors/role/recent_slots.hpp"

#include <vector>

namespace synod {

/// By the wall clock of the leader's host, in milliseconds since 1970: of the last slots, since it was started
/// (recent_slots.hpp).
class proposal_history {
public:
  /// A commander begins: of a slot that it had under an earlier ballot, too.
  void proposed(slot_number slot, ballot under, node_id proposer, int64_t now_ms) {
    if (auto* x = slots_.at(slot))
      *x = {under, proposer, now_ms, 0};
  }
  void decided(slot_number slot, int64_t now_ms) {
    if (slots_.find(slot))
      slots_.at(slot)->decided_ms = now_ms;
  }

  std::vector<status_entry> entries(slot_number slot) const {
    auto* x = slots_.find(slot);
    if (!x)
      return {};
    std::vector<status_entry> all;
    add(all, "ballot", to_string(x->under));
    add(all, "proposer", int64_t{x->proposer});
    add(all, "proposed at ms", x->proposed_ms);
    if (x->decided_ms != 0)
      add(all, "decided at ms", x->decided_ms);
    return all;
  }

private:
  struct entry {
    ballot under;
    node_id proposer = 0;
    int64_t proposed_ms = 0;
    int64_t decided_ms = 0; // 0: not by this leader
  };
  recent_slots<entry> slots_;
};

} // namespace synod
