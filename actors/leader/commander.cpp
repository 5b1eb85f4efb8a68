#include "synod/actors/leader/commander.hpp"

#include "synod/actors/role/robust.hpp"

namespace synod {

commander::commander(caf::actor_config& config, environment_ptr environment, leader_actor leader, audience_ptr reached,
                     message<schema::Pvalue> pvalue)
  : commander_actor::base{config}, leader_{std::move(leader)}, reached_{std::move(reached)}, pvalue_{std::move(pvalue)} {
  robust_part(*this, std::move(environment));
  send_p2a_but(reached_->later); // Here, in its leader's turn: its own one would be the loop's next.
}

commander::behavior_type commander::make_behavior() {
  return {
    [this](const vote& x) { on_p2b(x); },
    [this](const credit& x) { on_credit(x); },
    [this](const audience_ptr& reached) { reached_ = reached; },
    [this](tick_atom) { send_p2a_but({}); },
  };
}

void commander::on_exit() {
  leader_ = nullptr;
  reached_ = nullptr;
}

void commander::send_p2a_but(const node_set& later) {
  for (auto& to : reached_->acceptors)
    if (!later.contains(to.node))
      send_p2a(to);
}

void commander::send_p2a(const peers<acceptor_actor>::entry& to) {
  auto is_asked = members().acceptors().contains(to.node) && !reached_->spared.contains(to.node);
  if (answered_.contains(to.node) || !is_asked)
    return;
  uint64_t mark = 0;
  if (to.flow->admit(pvalue_.size_bytes(), clock().now(), mark))
    caf::send_as(leader_, to.handle, p2a_atom_v, pvalue_, mark);
  else
    send(leader_, held_back{to.node, pvalue_->getSlot()});
}

// p2b for its own ballot: one more of the quorum. For another: somebody promised more.
void commander::on_p2b(const vote& x) {
  if (x.under != ballot_of(pvalue_->getBallot())) {
    send(leader_, preempted{x.under});
    return quit();
  }
  if (pvalue_->getSlot() < reached_->members.first_slot())
    return; // It is long decided, and nobody here knows any more by whom.
  answered_.insert(x.acceptor);
  if (!members().quorum(phase::accept).satisfied_by(answered_))
    return;
  send_decision();
  send(leader_, decided{pvalue_->getSlot(), x.under});
  quit();
}

void commander::on_credit(const credit& x) {
  if (auto* to = reached_->acceptors.find(x.acceptor))
    send_p2a(*to);
}

void commander::send_decision() {
  for (auto& to : reached_->replicas) {
    uint64_t mark = 0;
    if (to.flow->admit(pvalue_.size_bytes(), clock().now(), mark))
      caf::send_as(leader_, to.handle, decision_atom_v, pvalue_, mark);
  }
}

} // namespace synod
