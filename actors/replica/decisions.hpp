// What is decided and not performed yet.
#pragma once

#include "synod/messages/roles.hpp"

#include <cstddef>

namespace synod {

/// `decisions` of the paper's figure 1, as far as slots were not performed: from slot_out on. (What was performed is the state.)
///
/// Bounds: `slots` from slot_out on, and `bytes`, but for the decision of slot_out itself: what is beyond is not taken, and
/// learned when its turn comes.
class decisions {
public:
  struct limits {
    slot_number slots;
    size_t bytes;
  };

  explicit decisions(limits most) : limits_{most} {}

  /// A decision; one for a slot that is known already is compared with that (R1). False: it is not kept, there is no room.
  bool take(const message<schema::Pvalue>& pvalue, slot_number slot_out);

  bool has_room_for(const message<schema::Pvalue>& pvalue, slot_number slot_out) const {
    auto slot = pvalue->getSlot();
    return slot == slot_out || (slot < slot_out + limits_.slots && bytes_ + pvalue.size_bytes() <= limits_.bytes);
  }
  bool has(slot_number slot) const { return all_.contains(slot); }
  /// Takes out the decision of slot_out, which is known.
  message<schema::Pvalue> next(slot_number slot_out);

  /// Those below are performed, by way of a snapshot.
  void skip_to(slot_number slot_out);

  const pvalue_map& all() const { return all_; }
  size_t bytes() const { return bytes_; }

private:
  void left(const message<schema::Pvalue>& x);

  limits limits_;
  pvalue_map all_;
  size_t bytes_ = 0;
};

} // namespace synod
