// What an acceptor has accepted.
#pragma once

#include "synod/actors/role/record.hpp"
#include "synod/messages/ballot.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <vector>

namespace synod {

/// The paper's `accepted`, reduced to one pvalue per slot, the one with the highest ballot (PMMC section 4.1): an index of all
/// slots, and the values that are in memory.
///
/// What f+1 replicas hold durably is collected (section 4.2): from the first kept slot on it knows all that it accepted; below,
/// that every slot is decided.
///
/// Bounds: about 150 bytes per slot that is kept for the index. Of the values that are durable, `cache_bytes` are kept, the last
/// ones; the others are read back from the log by whoever needs them. Those that are not durable yet are kept beyond that, since
/// they can be read nowhere: as many as leaders may have on the way to this acceptor (their peer-limit).
class accepted_pvalues {
public:
  struct entry {
    ballot under;
    record_number record = 0; ///< in which it was logged, and
    record_position where;
    message<schema::Pvalue> pvalue; ///< empty: only on disk
  };

  /// One answer's worth of slots, as they are when it is made up: what is accepted later does not change it.
  struct piece {
    struct item {
      slot_number slot = 0;
      ballot under;
      record_position where;
      message<schema::Pvalue> pvalue; ///< if it is in memory, and values were asked for
    };

    slot_number first = 1;
    slot_number next = 1; ///< it covers [first, next)
    std::vector<item> items;
    record_number waits_for = 0; ///< nobody may be told of it before this record is durable
    size_t bytes = 0;            ///< that its items take in a message
  };

  /// Of a piece, beside the value: an item's slot and ballot.
  static constexpr size_t item_bytes = 64;

  explicit accepted_pvalues(size_t cache_bytes) : cache_bytes_{cache_bytes} {}

  /// Takes a pvalue in place of what its slot had (A3: never under a lower ballot).
  void accept(const message<schema::Pvalue>& pvalue, record_number record, const record_position& where);
  /// Everything up to this record is durable.
  void durable(record_number record);
  /// Forgets all slots below: they are decided, and nobody needs their values any more.
  void collect(slot_number first_kept);
  slot_number first_kept() const { return first_kept_; }
  /// No slot that is kept has a record in a segment before this one; none: none has a record at all.
  std::optional<uint64_t> first_segment() const { return first_segment(first_kept_); }
  /// The same of slots from `first` on.
  std::optional<uint64_t> first_segment(slot_number first) const {
    auto found = std::find_if(segments_.begin(), segments_.end(), [&](auto& x) { return x.second >= first; });
    return found == segments_.end() ? std::nullopt : std::optional{found->first};
  }

  /// Null: nothing was accepted for this slot.
  const entry* find(slot_number slot) const {
    auto found = entries_.find(slot);
    return found == entries_.end() ? nullptr : &found->second;
  }
  const std::map<slot_number, entry>& entries() const { return entries_; }
  /// The highest slot with a pvalue, that was collected perhaps; 0: there is none.
  slot_number highest() const { return entries_.empty() ? first_kept_ - 1 : entries_.rbegin()->first; }
  /// The same of those that are durable.
  slot_number highest_durable() const { return highest_durable_; }
  /// Proposers have told that every slot below is decided.
  slot_number decided_below() const { return decided_below_; }

  /// What [first, end) has, up to about `limit_bytes`, and at least one slot's. Reads no values: their sizes are in the index.
  piece piece_of(slot_number first, slot_number end, bool with_values, size_t limit_bytes) const;
  /// The same, but what is durable does not wait for what is not: the piece ends before that, if it has something.
  piece durable_piece_of(slot_number first, slot_number end, bool with_values, size_t limit_bytes) const;

  /// Values in memory; of these `not_durable_bytes` are kept whatever the bound.
  size_t cached_bytes() const { return cached_bytes_; }
  size_t not_durable_bytes() const { return not_durable_bytes_; }
  size_t cache_limit_bytes() const { return cache_bytes_; }

private:
  struct logged {
    record_number record;
    slot_number slot;
  };

  piece gather(slot_number first, slot_number end, bool with_values, size_t limit_bytes, bool all) const;
  void forget_value(entry& x);
  void forget_oldest_values();

  std::map<slot_number, entry> entries_;
  slot_number first_kept_ = 1;
  std::map<uint64_t, slot_number> segments_; // by number: the highest slot that has a record there
  slot_number highest_durable_ = 0;
  slot_number decided_below_ = 1;
  record_number durable_ = 0;
  std::deque<logged> not_durable_; // in the order of records
  std::deque<logged> cached_;      // values that are durable and in memory, the oldest first; some were replaced since
  size_t cache_bytes_;
  size_t cached_bytes_ = 0;
  size_t not_durable_bytes_ = 0;
};

} // namespace synod
