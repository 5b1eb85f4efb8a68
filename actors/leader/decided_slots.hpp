// Which slots a leader knows to be decided.
#pragma once

#include "synod/messages/ballot.hpp"

#include <set>

namespace synod {

/// All slots below one, and some behind a hole. Holds as many of the latter as its leader has proposals at most.
class decided_slots {
public:
  explicit decided_slots(slot_number below = 1) : below_{below} {}

  /// Every slot below this one is decided.
  slot_number below() const { return below_; }
  bool contains(slot_number slot) const { return slot < below_ || above_.contains(slot); }
  /// No slot from here on is known to be decided.
  slot_number end() const { return above_.empty() ? below_ : *above_.rbegin() + 1; }

  /// False: it was known already.
  bool insert(slot_number slot) {
    if (slot != below_)
      return slot > below_ && above_.insert(slot).second;
    ++below_;
    close_up();
    return true;
  }

  /// Somebody has told that every slot below this one is decided.
  void insert_below(slot_number slot) {
    if (slot <= below_)
      return;
    below_ = slot;
    above_.erase(above_.begin(), above_.lower_bound(slot));
    close_up();
  }

private:
  void close_up() {
    for (; !above_.empty() && *above_.begin() == below_; ++below_)
      above_.erase(above_.begin());
  }

  slot_number below_;
  std::set<slot_number> above_;
};

} // namespace synod
