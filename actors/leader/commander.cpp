#include "synod/actors/leader/commander.hpp"

namespace synod {

commander::commander(caf::actor_config& config, leader_actor leader, audience_ptr reached, message<schema::Pvalue> pvalue)
  : commander_actor::base{config}, leader_{std::move(leader)}, reached_{std::move(reached)}, pvalue_{std::move(pvalue)} {}

commander::behavior_type commander::make_behavior() {
  send_p2a();
  delayed_send(this, pause_, tick_atom_v);
  return {
    [this](const vote& x) { on_p2b(x); },
    [this](const audience_ptr& reached) { reached_ = reached; },
    [this](tick_atom) { on_tick(); },
  };
}

void commander::on_exit() {
  leader_ = nullptr;
  reached_ = nullptr;
}

void commander::send_p2a() {
  for (auto& to : reached_->acceptors) {
    uint64_t mark = 0;
    if (!answered_.contains(to.node) && to.flow->admit(pvalue_.size_bytes(), clock().now(), mark))
      caf::send_as(leader_, to.handle, p2a_atom_v, pvalue_, mark);
  }
}

// p2b for its own ballot: one more of the majority. For another: somebody promised more.
void commander::on_p2b(const vote& x) {
  if (x.under != ballot_of(pvalue_->getBallot())) {
    send(leader_, preempted{x.under});
    return quit();
  }
  answered_.insert(x.acceptor);
  if (!reached_->members.quorum(phase::accept, pvalue_->getSlot()).satisfied_by(answered_))
    return;
  for (auto& to : reached_->replicas) {
    uint64_t mark = 0;
    if (to.flow->admit(pvalue_.size_bytes(), clock().now(), mark))
      caf::send_as(leader_, to.handle, decision_atom_v, pvalue_, mark);
  }
  send(leader_, decided{pvalue_->getSlot(), x.under});
  quit();
}

void commander::on_tick() {
  send_p2a();
  pause_ = std::min(2 * pause_, last_retry_pause);
  delayed_send(this, pause_, tick_atom_v);
}

} // namespace synod
