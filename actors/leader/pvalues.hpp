// The pvalues that a leader makes.
#pragma once

#include "synod/messages/roles.hpp"

namespace synod {

/// For a slot that nobody has proposed anything for: it would keep replicas from performing what lies behind it.
/// `configuration`: the number of the one that rules the slot.
message<schema::Pvalue> no_op(ballot under, slot_number slot, slot_number decided_below, uint64_t configuration);

/// The same value under this ballot: the same block, if it has that ballot already.
message<schema::Pvalue> under_ballot(ballot under, const message<schema::Pvalue>& proposal, slot_number decided_below);

} // namespace synod
