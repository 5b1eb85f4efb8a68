#include "synod/actors/leader/scout.hpp"

#include <algorithm>

namespace synod {

scout::scout(caf::actor_config& config, leader_actor leader, audience_ptr reached, task what)
  : scout_actor::base{config}, leader_{std::move(leader)}, reached_{std::move(reached)}, task_{what} {
  result_.scout = task_.number;
  result_.promised = task_.candidate;
  result_.first_slot = task_.first_slot;
  result_.decided_below = task_.first_slot;
}

scout::behavior_type scout::make_behavior() {
  for (auto& to : reached_->acceptors)
    send_p1a(to);
  delayed_send(this, pause_, tick_atom_v);
  return {
    [this](const message<schema::P1b>& answer) { on_p1b(answer); },
    [this](const audience_ptr& reached) { reached_ = reached; },
    [this](tick_atom) { on_tick(); },
  };
}

void scout::on_exit() {
  leader_ = nullptr;
  reached_ = nullptr;
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
  if (ballot_of(answer->getBallot()) != task_.candidate) {
    send(leader_, preempted{ballot_of(answer->getBallot())});
    return quit();
  }
  auto [told, fresh] = next_slot_.try_emplace(answer->getAcceptor(), task_.first_slot);
  if (told->second != answer->getFirstSlot())
    return; // A repeated piece.
  gather(answer);
  told->second = answer->getNextSlot();
  if (told->second != 0) {
    if (auto* to = reached_->acceptors.find(told->first))
      send_p1a(*to);
    return;
  }
  node_set complete;
  for (auto& [acceptor, next] : next_slot_)
    if (next == 0)
      complete.insert(acceptor);
  if (!reached_->members.quorum(phase::promise, task_.first_slot).satisfied_by(complete))
    return;
  send(leader_, std::move(result_));
  quit();
}

/// pmax: per slot the pvalue with the highest ballot.
void scout::gather(const message<schema::P1b>& answer) {
  if (task_.end_slot == 0)
    result_.decided_below = std::max(result_.decided_below, answer->getDecidedBelow());
  for (auto encoded : answer->getPvalues()) {
    auto pvalue = message<schema::Pvalue>::from(words_of(encoded));
    if (!pvalue)
      continue; // Not from an acceptor of ours.
    auto [known, fresh] = result_.pvalues.try_emplace((*pvalue)->getSlot(), *pvalue);
    if (!fresh && ballot_of(known->second->getBallot()) < ballot_of((*pvalue)->getBallot()))
      known->second = *pvalue;
  }
}

void scout::on_tick() {
  for (auto& to : reached_->acceptors)
    send_p1a(to);
  pause_ = std::min(2 * pause_, last_retry_pause);
  delayed_send(this, pause_, tick_atom_v);
}

} // namespace synod
