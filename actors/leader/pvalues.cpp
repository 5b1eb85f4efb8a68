#include "synod/actors/leader/pvalues.hpp"

#include <algorithm>

namespace synod {

message<schema::Pvalue> no_op(ballot under, slot_number slot, slot_number decided_below, uint64_t configuration) {
  builder<schema::Pvalue> nothing;
  write(under, nothing->initBallot());
  nothing->setSlot(slot);
  nothing->setDecidedBelow(decided_below);
  nothing->setConfiguration(configuration);
  nothing->setProposer(under.leader);
  nothing->initValue();
  return nothing.finish();
}

message<schema::Pvalue> under_ballot(ballot under, const message<schema::Pvalue>& proposal, slot_number decided_below) {
  if (ballot_of(proposal->getBallot()) == under)
    return proposal;
  builder<schema::Pvalue> mine{proposal.size_bytes() + 64};
  write(under, mine->initBallot());
  mine->setSlot(proposal->getSlot());
  mine->setDecidedBelow(std::max(proposal->getDecidedBelow(), decided_below));
  mine->setConfiguration(proposal->getConfiguration());
  mine->setProposer(proposal->getProposer());
  mine->setValue(proposal->getValue());
  return mine.finish();
}

} // namespace synod
