// What a role remembers of the slots that it dealt with last.
#pragma once

#include "synod/messages/ballot.hpp"

#include <cstddef>
#include <utility>
#include <vector>

namespace synod {

/// An entry for each of the last slots, in memory alone: for who wants to know what became of one (synod-ctl explain).
///
/// Bounds: `most` entries. A slot takes the place of the one `most` before it; what is that far behind the last ones has none.
template <class Entry>
class recent_slots {
public:
  static constexpr size_t most = 4096;

  /// The slot's entry, a new one if it has none; null: a later slot has its place.
  Entry* at(slot_number slot) {
    if (places_.empty())
      places_.resize(most);
    auto& [known, entry] = places_[slot % most];
    if (known > slot)
      return nullptr;
    if (known < slot) {
      known = slot;
      entry = Entry{};
    }
    return &entry;
  }

  /// Null: there is none, or none any more.
  const Entry* find(slot_number slot) const {
    if (places_.empty() || places_[slot % most].first != slot || slot == 0)
      return nullptr;
    return &places_[slot % most].second;
  }

private:
  std::vector<std::pair<slot_number, Entry>> places_; // 0: of no slot
};

} // namespace synod
