// Deciding again what a replica cannot learn.
#pragma once

#include "synod/actors/leader/decided_slots.hpp"
#include "synod/messages/roles.hpp"

#include <optional>
#include <utility>
#include <vector>

namespace synod {

/// Slots of which a replica says that they are decided, or should be, and that the acceptors it reaches cannot tell it their
/// values. A scout asks a majority about them under the ballot that its leader is active under; what it tells is decided again.
///
/// One recovery at a time, of `most_slots`: what else is asked for meanwhile is dropped, since replicas ask again.
class recovery {
public:
  static constexpr slot_number most_slots = 256;

  /// [first, second)
  using range = std::pair<slot_number, slot_number>;

  bool under_way() const { return under_way_; }

  /// The slots that the scout has to ask about, below `limit`; none: nothing is begun.
  std::optional<range> begin(slot_number first, slot_number end, slot_number limit);

  /// What has to be proposed again, by slot, in ascending order; null: a no-op, also where nothing was accepted: the replica has
  /// heard of an acceptor that accepted something there, and waits. `adopted_from` is the first slot that the leader
  /// was adopted for; everything below was decided then.
  std::vector<std::pair<slot_number, message<schema::Pvalue>>> end(adopted told, slot_number adopted_from,
                                                                   const decided_slots& decided);

private:
  bool under_way_ = false;
  slot_number end_ = 0; // of the range that is asked about
};

} // namespace synod
