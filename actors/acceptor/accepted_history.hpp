// When an acceptor accepted what.
#pragma once

#include "synod/actors/role/explained.hpp"
#include "synod/actors/role/recent_slots.hpp"

#include <vector>

namespace synod {

/// By the wall clock of the acceptor's host, in milliseconds since 1970: of the last slots, since it was started
/// (recent_slots.hpp).
class accepted_history {
public:
  /// It accepts a pvalue; under a higher ballot once more.
  void accepted(slot_number slot, ballot under, int64_t now_ms) {
    if (auto* x = slots_.at(slot))
      *x = {under, now_ms, 0};
  }
  /// What it accepted under that ballot is durable, and told.
  void durable(slot_number slot, ballot under, int64_t now_ms) {
    auto* x = slots_.find(slot) ? slots_.at(slot) : nullptr;
    if (x && x->under == under && x->durable_ms == 0)
      x->durable_ms = now_ms;
  }

  std::vector<status_entry> entries(slot_number slot) const {
    auto* x = slots_.find(slot);
    if (!x)
      return {};
    std::vector<status_entry> all;
    add(all, "last ballot", to_string(x->under));
    add(all, "accepted at ms", x->accepted_ms);
    if (x->durable_ms != 0)
      add(all, "durable at ms", x->durable_ms);
    return all;
  }

private:
  struct entry {
    ballot under;
    int64_t accepted_ms = 0;
    int64_t durable_ms = 0; // 0: it is not
  };
  recent_slots<entry> slots_;
};

} // namespace synod
