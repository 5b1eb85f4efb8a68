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

bool learner::is_in_vain(const node_set& asked) const {
  std::map<ballot, node_set> accepted;
  for (auto node : asked) {
    if (needs_ballots(node))
      return false;
    auto& ballots = told_.find(node)->second.ballots;
    if (auto found = ballots.find(first_); found != ballots.end())
      accepted[found->second].insert(node);
  }
  return std::none_of(accepted.begin(), accepted.end(),
                      [&](auto& x) { return members_.quorum(phase::accept, first_).satisfied_by(x.second); });
}

void learner::on_learned(const message<schema::Learned>& answer) {
  auto& from = told_[answer->getAcceptor()];
  from.next_slot = std::max(from.next_slot, answer->getNextSlot());
  for (auto x : answer->getAccepted())
    if (x.getSlot() >= first_)
      from.ballots[x.getSlot()] = ballot_of(x.getBallot());
  for (auto encoded : answer->getPvalues())
    if (auto pvalue = message<schema::Pvalue>::from(words_of(encoded)); pvalue && (*pvalue)->getSlot() >= first_)
      values_.insert_or_assign((*pvalue)->getSlot(), *pvalue);
}

std::vector<message<schema::Pvalue>> learner::chosen() const {
  std::vector<message<schema::Pvalue>> chosen;
  if (members_.empty())
    return chosen;
  for (auto next = values_.begin(); next != values_.end() && next->first < first_ + window_; ++next) {
    auto& [slot, pvalue] = *next;
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
