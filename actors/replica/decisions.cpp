#include "synod/actors/replica/decisions.hpp"

#include "synod/actors/role/upheld.hpp"
#include "synod/messages/batch.hpp"

namespace synod {

bool decisions::take(const message<schema::Pvalue>& pvalue, slot_number slot_out) {
  auto slot = pvalue->getSlot();
  if (slot < slot_out)
    return true; // It was performed.
  if (auto known = all_.find(slot); known != all_.end()) {
    if (known->second.content() != pvalue.content())
      upheld(same_value(known->second->getValue(), pvalue->getValue()), "R1",
             "slot {} is decided under {}, and differently under {}", slot, to_string(ballot_of(known->second->getBallot())),
             to_string(ballot_of(pvalue->getBallot())));
    return true;
  }
  if (!has_room_for(pvalue, slot_out))
    return false;
  bytes_ += pvalue.size_bytes();
  all_.emplace(slot, pvalue);
  return true;
}

message<schema::Pvalue> decisions::next(slot_number slot_out) {
  auto found = all_.find(slot_out);
  auto decided = std::move(found->second);
  all_.erase(found);
  left(decided);
  return decided;
}

void decisions::skip_to(slot_number slot_out) {
  auto end = all_.lower_bound(slot_out);
  for (auto each = all_.begin(); each != end; ++each)
    left(each->second);
  all_.erase(all_.begin(), end);
}

void decisions::left(const message<schema::Pvalue>& x) {
  upheld(bytes_ >= x.size_bytes(), "bytes of decisions", "{} are counted, and one of {} leaves", bytes_, x.size_bytes());
  bytes_ -= x.size_bytes();
}

} // namespace synod
