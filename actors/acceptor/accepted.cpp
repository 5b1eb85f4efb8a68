#include "synod/actors/acceptor/accepted.hpp"

#include "synod/actors/role/upheld.hpp"

#include <algorithm>

namespace synod {

void accepted_pvalues::accept(const message<schema::Pvalue>& pvalue, record_number record, const record_position& where) {
  auto slot = pvalue->getSlot();
  auto under = ballot_of(pvalue->getBallot());
  auto& x = entries_[slot];
  upheld(under >= x.under, "A3", "slot {} was accepted under {}, and is to be accepted under {}", slot, to_string(x.under),
         to_string(under));
  forget_value(x);
  x = {under, record, where, pvalue};
  cached_bytes_ += pvalue.size_bytes();
  not_durable_bytes_ += pvalue.size_bytes();
  not_durable_.push_back({record, slot});
  auto& last_there = segments_[where.segment];
  last_there = std::max(last_there, slot);
  decided_below_ = std::max(decided_below_, pvalue->getDecidedBelow());
}

void accepted_pvalues::durable(record_number record) {
  durable_ = record;
  for (; !not_durable_.empty() && not_durable_.front().record <= record; not_durable_.pop_front()) {
    auto& each = not_durable_.front();
    highest_durable_ = std::max(highest_durable_, each.slot);
    auto found = entries_.find(each.slot);
    if (found == entries_.end() || found->second.record != each.record)
      continue; // It was replaced meanwhile, or collected.
    auto& x = found->second;
    upheld(not_durable_bytes_ >= x.pvalue.size_bytes(), "byte counters", "{} bytes of values that are not durable, less {}",
           not_durable_bytes_, x.pvalue.size_bytes());
    not_durable_bytes_ -= x.pvalue.size_bytes();
    cached_.push_back(each);
  }
  forget_oldest_values();
}

void accepted_pvalues::forget_value(entry& x) {
  if (!x.pvalue)
    return;
  auto bytes = x.pvalue.size_bytes();
  upheld(cached_bytes_ >= bytes, "byte counters", "{} bytes of values in memory, less {}", cached_bytes_, bytes);
  cached_bytes_ -= bytes;
  if (x.record > durable_) {
    upheld(not_durable_bytes_ >= bytes, "byte counters", "{} bytes of values that are not durable, less {}", not_durable_bytes_,
           bytes);
    not_durable_bytes_ -= bytes;
  }
  x.pvalue = {};
}

void accepted_pvalues::forget_oldest_values() {
  for (; cached_bytes_ - not_durable_bytes_ > cache_bytes_; cached_.pop_front())
    if (auto x = entries_.find(cached_.front().slot); x != entries_.end() && x->second.record == cached_.front().record)
      forget_value(x->second);
}

void accepted_pvalues::collect(slot_number first_kept) {
  if (first_kept <= first_kept_)
    return;
  first_kept_ = first_kept;
  decided_below_ = std::max(decided_below_, first_kept);
  highest_durable_ = std::max(highest_durable_, first_kept - 1);
  auto end = entries_.lower_bound(first_kept);
  for (auto each = entries_.begin(); each != end; ++each)
    forget_value(each->second);
  entries_.erase(entries_.begin(), end);
  std::erase_if(cached_, [&](auto& x) { return x.slot < first_kept; });
  while (!segments_.empty() && segments_.begin()->second < first_kept)
    segments_.erase(segments_.begin());
}

accepted_pvalues::piece accepted_pvalues::piece_of(slot_number first, slot_number end, bool with_values,
                                                   size_t limit_bytes) const {
  return gather(first, end, with_values, limit_bytes, true);
}

accepted_pvalues::piece accepted_pvalues::durable_piece_of(slot_number first, slot_number end, bool with_values,
                                                           size_t limit_bytes) const {
  return gather(first, end, with_values, limit_bytes, false);
}

/// `all`: also what is not durable, behind what is.
accepted_pvalues::piece accepted_pvalues::gather(slot_number first, slot_number end, bool with_values, size_t limit_bytes,
                                                 bool all) const {
  piece found;
  found.first = first;
  found.next = end;
  for (auto i = entries_.lower_bound(first); i != entries_.end() && i->first < end; ++i) {
    auto& x = i->second;
    auto bytes = item_bytes + (with_values ? x.where.bytes - record_header_bytes : 0);
    auto waits_for = x.record > durable_ ? x.record : 0;
    auto is_full = found.bytes + bytes > limit_bytes || (!all && waits_for > 0 && found.waits_for == 0);
    if (is_full && !found.items.empty()) {
      found.next = i->first;
      break;
    }
    found.bytes += bytes;
    found.waits_for = std::max(found.waits_for, waits_for);
    found.items.push_back({i->first, x.under, x.where, with_values ? x.pvalue : message<schema::Pvalue>{}});
  }
  return found;
}

} // namespace synod
