#include "synod/actors/replica/learner.hpp"

#include <algorithm>

namespace synod {

std::vector<message<schema::Pvalue>> learner::on_learned(const message<schema::Learned>& answer) {
  if (answer->getFirstSlot() != first_)
    return {};
  auto& told = ballots_[answer->getAcceptor()];
  for (auto x : answer->getAccepted())
    told[x.getSlot()] = ballot_of(x.getBallot());
  for (auto encoded : answer->getPvalues())
    if (auto pvalue = message<schema::Pvalue>::from(words_of(encoded)))
      values_.insert_or_assign((*pvalue)->getSlot(), *pvalue);
  std::vector<message<schema::Pvalue>> chosen;
  for (auto& [slot, pvalue] : values_) {
    auto under = ballot_of(pvalue->getBallot());
    auto same = std::count_if(ballots_.begin(), ballots_.end(), [&, slot = slot](auto& each) {
      auto found = each.second.find(slot);
      return found != each.second.end() && found->second == under;
    });
    if (static_cast<size_t>(same) >= majority_)
      chosen.push_back(pvalue);
  }
  return chosen;
}

} // namespace synod
