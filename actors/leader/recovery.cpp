#include "synod/actors/leader/recovery.hpp"

#include <algorithm>

namespace synod {

std::optional<recovery::range> recovery::begin(slot_number first, slot_number end, slot_number limit) {
  end = std::min(end, limit);
  if (under_way_ || end <= first || first == 0)
    return std::nullopt;
  under_way_ = true;
  end_ = end - first > most_slots ? first + most_slots : end;
  return range{first, end_};
}

std::vector<std::pair<slot_number, message<schema::Pvalue>>> recovery::end(adopted told, slot_number adopted_from,
                                                                           const decided_slots& decided) {
  under_way_ = false;
  std::vector<std::pair<slot_number, message<schema::Pvalue>>> again;
  // What was collected is decided: that nobody tells of it does not mean that nothing was accepted (section 4.2).
  for (auto slot = std::max(told.first_slot, told.first_kept); slot < end_; ++slot) {
    auto found = told.pvalues.find(slot);
    auto accepted = found != told.pvalues.end();
    // Decided under this very ballot while the scout asked: only the pvalue of this ballot is the decided one (A4).
    auto decided_here = slot >= adopted_from && decided.contains(slot);
    if (decided_here && !(accepted && ballot_of(found->second->getBallot()) == told.promised))
      continue;
    // It is decided, and those that the scout has asked do not tell its value: nothing else may be proposed (C2).
    if (!accepted && slot < adopted_from)
      continue;
    again.emplace_back(slot, accepted ? std::move(found->second) : message<schema::Pvalue>{});
  }
  return again;
}

} // namespace synod
