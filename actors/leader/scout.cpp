#include "synod/actors/leader/scout.hpp"

#include "synod/actors/role/robust.hpp"

#include <algorithm>

namespace synod {

scout::scout(caf::actor_config& config, environment_ptr environment, leader_actor leader, audience_ptr reached, task what)
  : scout_actor::base{config}, leader_{std::move(leader)}, reached_{std::move(reached)}, task_{what} {
  robust_part(*this, std::move(environment));
  result_.scout = task_.number;
  result_.promised = task_.candidate;
  result_.first_slot = task_.first_slot;
  result_.decided_below = task_.first_slot;
}

scout::behavior_type scout::make_behavior() {
  send_p1a();
  return {
    [this](const message<schema::P1b>& answer) { on_p1b(answer); },
    [this](const audience_ptr& reached) { reached_ = reached; },
    [this](tick_atom) { send_p1a(); },
  };
}

void scout::on_exit() {
  leader_ = nullptr;
  reached_ = nullptr;
}

void scout::send_p1a() {
  auto asked = reached_->members.acceptors(task_.first_slot, end());
  for (auto& to : reached_->acceptors)
    if (asked.contains(to.node))
      send_p1a(to);
}

void scout::send_p1a(const peers<acceptor_actor>::entry& to) {
  auto told = next_slot_.find(to.node);
  if (told != next_slot_.end() && told->second == 0)
    return;
  builder<schema::P1a> request;
  write(task_.candidate, request->initBallot());
  request->setScout(task_.number);
  request->setFirstSlot(told != next_slot_.end() ? told->second : task_.first_slot);
  request->setEndSlot(task_.end_slot);
  caf::send_as(leader_, to.handle, request.finish());
}

// p1b for its own ballot: one more piece. For another: somebody promised more.
void scout::on_p1b(const message<schema::P1b>& answer) {
  auto told = ballot_of(answer->getBallot());
  if (told > task_.candidate) {
    send(leader_, preempted{told});
    return quit();
  }
  if (told < task_.candidate)
    return; // No acceptor answers a p1a with less than that asks for.
  auto [piece, fresh] = next_slot_.try_emplace(answer->getAcceptor(), task_.first_slot);
  if (piece->second != answer->getFirstSlot())
    return; // A repeated piece.
  gather(answer);
  piece->second = answer->getNextSlot();
  if (piece->second != 0) {
    if (auto* to = reached_->acceptors.find(piece->first))
      send_p1a(*to);
    return;
  }
  if (!reached_->members.promised(task_.first_slot, end(), complete()))
    return;
  result_.configuration = reached_->members.latest().number();
  send(leader_, std::move(result_));
  quit();
}

/// pmax: per slot the pvalue with the highest ballot.
void scout::gather(const message<schema::P1b>& answer) {
  result_.first_kept = std::max(result_.first_kept, answer->getFirstKept());
  if (task_.end_slot == 0)
    result_.decided_below = std::max(result_.decided_below, answer->getDecidedBelow());
  for (auto encoded : answer->getPvalues()) {
    auto pvalue = message<schema::Pvalue>::from(words_of(encoded));
    if (!pvalue)
      continue; // Not from an acceptor of ours.
    auto slot = (*pvalue)->getSlot();
    if (slot < task_.first_slot || (task_.end_slot != 0 && slot >= task_.end_slot))
      continue; // Nobody has asked about it.
    auto [known, fresh] = result_.pvalues.try_emplace(slot, *pvalue);
    if (!fresh && ballot_of(known->second->getBallot()) < ballot_of((*pvalue)->getBallot()))
      known->second = std::move(*pvalue);
  }
}

/// The acceptors that have told all.
node_set scout::complete() const {
  node_set all;
  for (auto& [acceptor, next] : next_slot_)
    if (next == 0)
      all.insert(acceptor);
  return all;
}

} // namespace synod
