// The proposals of an active leader that are not known to be decided.
#pragma once

#include "synod/actors/role/backoff.hpp"
#include "synod/messages/roles.hpp"

#include <map>
#include <optional>

namespace synod {

/// First pause before a p1a or p2a is sent again; pauses double up to `last_retry_pause`.
constexpr std::chrono::milliseconds first_retry_pause{200};
constexpr std::chrono::milliseconds last_retry_pause{2000};
/// What is large is on its way for longer: so much more for each.
constexpr size_t retry_bytes_per_ms = 4096;

/// Figure 7's `proposals`, each with its commander: one for each slot (C1). Decided ones leave; they are the acceptors' and the
/// replicas' to keep. It also knows when each commander has to send again, so that one timer serves them all.
template <class Commander>
class undecided {
public:
  using time_point = backoff::time_point;

  struct proposal {
    message<schema::Pvalue> pvalue;
    Commander commander;
    time_point since;
    backoff again;
  };

  size_t size() const { return proposals_.size(); }
  bool empty() const { return proposals_.empty(); }
  bool contains(slot_number slot) const { return proposals_.contains(slot); }
  /// Null: there is none.
  const proposal* find(slot_number slot) const {
    auto found = proposals_.find(slot);
    return found == proposals_.end() ? nullptr : &found->second;
  }
  /// No slot from here on has a proposal.
  slot_number end_slot() const { return proposals_.empty() ? 0 : proposals_.rbegin()->first + 1; }

  // In the order of slots.
  auto begin() const { return proposals_.begin(); }
  auto end() const { return proposals_.end(); }

  /// The commander has just sent its p2a's. False: the slot has a proposal, which stays.
  bool insert(slot_number slot, message<schema::Pvalue> pvalue, Commander commander, time_point now) {
    auto longer = std::chrono::milliseconds{pvalue.size_bytes() / retry_bytes_per_ms};
    backoff again{first_retry_pause + longer, last_retry_pause + longer};
    auto [place, fresh] = proposals_.try_emplace(slot, proposal{std::move(pvalue), std::move(commander), now, again});
    if (!fresh)
      return false;
    place->second.again.tried(now);
    first_due_ = std::min(first_due_, place->second.again.next());
    return true;
  }

  /// False: there was none.
  bool erase(slot_number slot) { return proposals_.erase(slot) > 0; }

  /// Tells each commander, lowest slot first, whose acceptors have been silent for its present pause. Costs a comparison
  /// when none has to be told.
  template <class Tell>
  void send_again(time_point now, Tell tell) {
    if (now < first_due_)
      return;
    first_due_ = time_point::max();
    for (auto& [slot, each] : proposals_) {
      if (each.again.due(now)) {
        tell(each);
        each.again.tried(now);
      }
      first_due_ = std::min(first_due_, each.again.next());
    }
  }

private:
  std::map<slot_number, proposal> proposals_;
  time_point first_due_ = time_point::max(); // nobody has to send again before
};

} // namespace synod
