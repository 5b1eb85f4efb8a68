// The scout: gets one ballot adopted.
#pragma once

#include "synod/actors/leader/audience.hpp"
#include "synod/actors/role/environment.hpp"

#include <map>

namespace synod {

/// Sends p1a to the acceptors of all configurations that rule a slot which is asked about, and gathers, piece by piece, what they
/// accepted; with a quorum of each sends `adopted` to its leader and ends (PMMC section 2.3, figure 6b). What an acceptor says
/// counts only where its configuration rules: that a new one has accepted nothing says nothing about earlier slots. An acceptor's
/// pieces are pulled one after the other, so that one piece per acceptor is under way at most. A leader also uses it under its
/// own ballot, for slots that nobody can learn any more. Its leader tells it when to ask again those that have not told all.
class scout : public scout_actor::base {
public:
  struct task {
    uint64_t number = 0; ///< names the scout in p1a and p1b
    ballot candidate;
    slot_number first_slot = 1;
    slot_number end_slot = 0; ///< 0: no end
  };

  scout(caf::actor_config& config, environment_ptr environment, leader_actor leader, audience_ptr reached, task what);

  behavior_type make_behavior() override;
  void on_exit() override;
  const char* name() const override { return "scout"; }

private:
  void on_p1b(const message<schema::P1b>& answer);
  void gather(const message<schema::P1b>& answer);
  void send_p1a();
  void send_p1a(const peers<acceptor_actor>::entry& to);
  node_set complete() const;
  slot_number end() const { return task_.end_slot != 0 ? task_.end_slot : configurations::no_end; }

  leader_actor leader_;
  audience_ptr reached_;
  task task_;
  std::map<node_id, slot_number> next_slot_; // per acceptor: how far it has told; 0: all
  adopted result_;
};

} // namespace synod
