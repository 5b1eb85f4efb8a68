// The commander: gets one pvalue decided.
#pragma once

#include "synod/actors/leader/audience.hpp"

#include <chrono>

namespace synod {

/// First pause before a message is sent again; pauses double up to `last_retry_pause`.
constexpr std::chrono::milliseconds first_retry_pause{200};
constexpr std::chrono::milliseconds last_retry_pause{2000};

/// Sends p2a to all acceptors; with a majority of p2b's for its ballot sends the decision to
/// every replica and ends (PMMC section 2.3, figure 6a). Lives for one slot, answers go
/// through its leader. Sends again, with growing pauses, to those that have not answered.
class commander : public commander_actor::base {
public:
  commander(caf::actor_config& config, leader_actor leader, audience_ptr reached, message<schema::Pvalue> pvalue);

  behavior_type make_behavior() override;
  void on_exit() override;
  const char* name() const override { return "commander"; }

protected: // A variant of the role overrides a handler.
  virtual void on_p2b(const vote& x);
  void on_tick();
  void send_p2a();

  leader_actor leader_;
  audience_ptr reached_;
  message<schema::Pvalue> pvalue_;
  node_set answered_;
  std::chrono::milliseconds pause_ = first_retry_pause;
};

} // namespace synod
