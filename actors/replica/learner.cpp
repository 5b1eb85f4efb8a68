#include "synod/actors/replica/learner.hpp"

#include <algorithm>

namespace synod {

void learner::begin(slot_number first) {
  first_ = first;
  for (auto& [acceptor, each] : told_)
    each.ballots.erase(each.ballots.begin(), each.ballots.lower_bound(first_));
  values_.erase(values_.begin(), values_.lower_bound(first_));
}

void learner::forget() {
  told_.clear();
  values_.clear();
}

bool learner::needs_ballots(node_id acceptor) const {
  auto found = told_.find(acceptor);
  return found == told_.end() || found->second.next_slot <= first_;
}

std::vector<message<schema::Pvalue>> learner::on_learned(const message<schema::Learned>& answer) {
  auto& from = told_[answer->getAcceptor()];
  from.next_slot = std::max(from.next_slot, answer->getNextSlot());
  for (auto x : answer->getAccepted())
    if (x.getSlot() >= first_)
      from.ballots[x.getSlot()] = ballot_of(x.getBallot());
  for (auto encoded : answer->getPvalues())
    if (auto pvalue = message<schema::Pvalue>::from(words_of(encoded)); pvalue && (*pvalue)->getSlot() >= first_)
      values_.insert_or_assign((*pvalue)->getSlot(), *pvalue);
  std::vector<message<schema::Pvalue>> chosen;
  for (auto& [slot, pvalue] : values_) {
    auto under = ballot_of(pvalue->getBallot());
    node_set same;
    for (auto& [acceptor, each] : told_)
      if (auto found = each.ballots.find(slot); found != each.ballots.end() && found->second == under)
        same.insert(acceptor);
    if (members_.quorum(phase::accept, slot).satisfied_by(same))
      chosen.push_back(pvalue);
  }
  return chosen;
}

} // namespace synod
