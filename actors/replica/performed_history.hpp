// When a replica performed what.
#pragma once

#include "synod/actors/role/explained.hpp"
#include "synod/actors/role/recent_slots.hpp"

#include <vector>

namespace synod {

/// By the wall clock of the replica's host, in milliseconds since 1970: of the last slots, since it was started
/// (recent_slots.hpp). What a snapshot brought it has not performed itself.
class performed_history {
public:
  /// A decision has come; of those for one slot the first one counts.
  void heard(slot_number slot, int64_t now_ms) {
    if (auto* x = slots_.at(slot); x && x->heard_ms == 0)
      x->heard_ms = now_ms;
  }
  void performed(const message<schema::Pvalue>& decided, int64_t now_ms) {
    auto* x = slots_.at(decided->getSlot());
    if (!x)
      return;
    x->under = ballot_of(decided->getBallot());
    x->proposer = decided->getProposer();
    x->requests = decided->getValue().getRequests().size();
    x->bytes = decided.size_bytes();
    x->performed_ms = now_ms;
  }

  std::vector<status_entry> entries(slot_number slot) const {
    auto* x = slots_.find(slot);
    if (!x)
      return {};
    std::vector<status_entry> all;
    if (x->heard_ms != 0)
      add(all, "decision heard at ms", x->heard_ms);
    if (x->performed_ms == 0)
      return all;
    add(all, "performed at ms", x->performed_ms);
    add(all, "ballot", to_string(x->under));
    add(all, "proposer", int64_t{x->proposer});
    add(all, "requests", int64_t{x->requests});
    add(all, "bytes", static_cast<int64_t>(x->bytes));
    return all;
  }

private:
  struct entry {
    ballot under; // of the decision
    node_id proposer = 0;
    uint32_t requests = 0;
    uint64_t bytes = 0;
    int64_t heard_ms = 0;     // 0: it was learned
    int64_t performed_ms = 0; // 0: it was not
  };
  recent_slots<entry> slots_;
};

} // namespace synod
