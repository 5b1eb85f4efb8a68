// The commander: gets one pvalue decided.
#pragma once

#include "synod/actors/leader/audience.hpp"
#include "synod/actors/role/environment.hpp"

namespace synod {

/// Sends p2a to the acceptors of the configuration that rules its slot; with a quorum of p2b's for its ballot sends the decision
/// to every replica and ends (PMMC section 2.3, figure 6a). Lives for one slot. Answers go through its leader, which has the one
/// timer for all commanders and tells each when to send again to those that have not answered.
///
/// Those that may be asked later (prompt_acceptors.hpp) it asks only when it has to send again.
///
/// What an acceptor's flow control does not admit it tells its leader, and sends when it is told that there is credit. A
/// replica whose flow control does not admit the decision learns it later, from acceptors.
class commander : public commander_actor::base {
public:
  commander(caf::actor_config& config, environment_ptr environment, leader_actor leader, audience_ptr reached,
            message<schema::Pvalue> pvalue);

  behavior_type make_behavior() override;
  void on_exit() override;
  const char* name() const override { return "commander"; }

private:
  void on_p2b(const vote& x);
  void on_credit(const credit& x);
  void send_p2a_but(const node_set& later);
  void send_p2a(const peers<acceptor_actor>::entry& to);
  void send_decision();
  const configuration& members() const { return reached_->members.ruling(pvalue_->getSlot()); }

  leader_actor leader_;
  audience_ptr reached_;
  message<schema::Pvalue> pvalue_;
  node_set answered_; // the paper's waitfor, turned around
};

} // namespace synod
