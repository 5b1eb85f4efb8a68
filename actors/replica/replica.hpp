// The replica: performs the decided batches and answers clients.
#pragma once

#include "synod/actors/replica/learner.hpp"
#include "synod/actors/replica/request_queue.hpp"
#include "synod/actors/replica/sessions.hpp"
#include "synod/actors/role/peers.hpp"
#include "synod/actors/role/state_machine.hpp"
#include "synod/messages/status.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <set>

namespace synod {

/// Keeps the sequence of commands and the state they lead to (PMMC section 2.1, figure 1).
///
/// Beside the paper: slots carry batches of what waited while an earlier slot was in
/// flight; a replica that is not beside the active leader hands its requests on to the
/// one that is, so that one replica proposes (section 4.2); reads ask a majority of
/// acceptors instead of taking a slot (section 4.5); what was missed is learned from acceptors.
///
/// Bounds: requests that wait, of own clients and forwarded ones, `waiting_limit_bytes`
/// each, refused above; decisions of `slots_ahead` slots from slot_out on;
/// batches `batch_limit_bytes`, but for a single larger request; `peer_limit_bytes` on the way to another replica; `follow_limit`
/// decisions granted to a follower.
class replica : public replica_actor::base {
public:
  struct options {
    node_id node = 0;
    configurations members;
    uint64_t window = 256; ///< WINDOW of the paper
    size_t batch_limit_bytes = 1u << 20;
    size_t batch_limit_requests = 4096;
    size_t waiting_limit_bytes = 64u << 20;
    uint64_t peer_limit_bytes = 16u << 20;
    std::chrono::milliseconds session_lifetime{3'600'000};
    std::function<int64_t()> wall_clock; ///< milliseconds since 1970

    /// Decisions are kept for so many slots from slot_out on.
    slot_number slots_ahead() const { return std::max<slot_number>(2 * window, 64); }
  };

  static constexpr uint64_t follow_limit = 65536;

  replica(caf::actor_config& config, std::unique_ptr<state_machine> machine, options opts);

  behavior_type make_behavior() override;
  void on_exit() override;
  const char* name() const override { return "replica"; }

  // For invariant checks.
  slot_number slot_in() const { return slot_in_; }
  slot_number slot_out() const { return slot_out_; }
  const state_machine& machine() const { return *machine_; }
  const session_table& sessions() const { return sessions_; }
  slot_number last_proposed() const { return proposals_.empty() ? 0 : proposals_.rbegin()->first; }
  size_t decisions_ahead() const { return decisions_.size(); }
  size_t requests_bytes() const { return requests_.bytes(); }
  size_t outstanding_bytes() const { return outstanding_bytes_; }
  size_t reads_bytes() const { return reads_bytes_; }
  uint64_t most_owed_bytes() const;
  const options& limits() const { return options_; }

protected: // A variant of the role overrides a handler.
  static constexpr std::chrono::milliseconds first_resend_pause{300};
  using time_point = caf::actor_clock::time_point;
  using query = message<schema::Query>;
  using request = message<schema::Request>;

  void on_peer(const peer& x);

  // requests
  virtual void on_request(const request& x);
  virtual void on_forward(const request& x, uint64_t mark);
  bool take_opening(const request& x, const client_actor& client);
  bool take_request(const request& x, const client_actor& client);
  bool has_room(const request& x) const { return outstanding_bytes_ + x.size_bytes() <= options_.waiting_limit_bytes; }
  request_queue::outcome add(const request& x);
  void route(const request& x);
  bool is_own(const request& x) const {
    return x->isOpen() ? openings_.contains(x->getOpen().getNumber()) : local_sessions_.contains(x->getCommands().getSession());
  }
  bool has_room_for_forwarded(const request& x) const {
    return requests_.bytes() + x.size_bytes() <= options_.waiting_limit_bytes;
  }
  bool is_performed(const request& x) const;
  void refuse(const request& x, const client_actor& client);
  bool answer_again(const request& x, const client_actor& client);
  void resend_outstanding();
  void resend_waiting();
  void resend(uint64_t session, const std::deque<request>& outstanding);

  // proposals
  virtual void propose();
  bool may_propose() const;
  bool proposer() const;
  leader_actor leader_to_ask() const;
  void take_batch();
  message<schema::Pvalue> form_batch(slot_number slot);
  void propose_again();

  // decisions
  virtual void on_decision(const message<schema::Pvalue>& pvalue);
  void take_decision(const message<schema::Pvalue>& pvalue);
  virtual void perform_decided();
  void settle_proposal(const message<schema::Pvalue>& decided);
  virtual void perform(const message<schema::Pvalue>& decided);
  virtual void perform_commands(schema::Commands::Reader x);
  void open_session(schema::Open::Reader x, uint64_t session_id);
  static message<schema::Opened> opened_as(uint64_t number, std::optional<uint64_t> session);
  void apply(uint64_t session, uint64_t cid, schema::Operation::Reader operation, reply answer);
  void apply_operation(uint64_t session, schema::Operation::Reader operation, reply answer);
  void tell_versions(capnp::List<capnp::Data>::Reader keys, reply answer) const;
  void apply_transaction(schema::Operation::Transaction::Reader transaction, reply answer);
  void forget_outstanding(uint64_t session);
  void on_follow(uint64_t more);
  void tell_followers(const message<schema::Pvalue>& decided);
  void schedule_expiry();

  // leadership
  virtual void on_leading(const message<schema::Leading>& leading);
  void tell_ballot(const leader_actor& stale);
  void follow_ballot(ballot active, slot_number free_slot = 0);

  // reads
  virtual void on_query(const query& x);
  void start_read_round(bool ask_all);
  virtual void on_highest(const message<schema::Highest>& answer);
  void answer_reads();
  void answer_query(const query& x, const client_actor& client);
  void refuse_query(const query& x, const client_actor& client);

  // learning
  slot_number target() const;
  bool reaches_quorum() const;
  void learn_if_behind();
  void ask_leader();
  void learn();
  virtual void on_learned(const message<schema::Learned>& answer);

  void note_mark(uint64_t mark);
  void return_marks();
  void on_tick();
  message<schema::RoleStatus> status() const;

  // state of figure 1
  std::unique_ptr<state_machine> machine_;
  slot_number slot_in_ = 1;
  slot_number slot_out_ = 1;
  request_queue requests_;
  std::vector<request> batch_; // taken from them for the next proposal
  struct proposal {
    message<schema::Pvalue> pvalue;
    time_point since;
  };
  std::map<slot_number, proposal> proposals_; // own ones, undecided
  pvalue_map decisions_;                      // from slot_out on
  peers<leader_actor> leaders_;

  options options_;
  int64_t log_time_ = 0;
  session_table sessions_;
  peers<acceptor_actor> acceptors_;
  peers<replica_actor> replicas_;

  // who leads
  ballot active_;
  bool any_active_ = false;
  bool clock_ahead_ = false;
  slot_number decided_below_ = 1; // by the active leader's or an acceptor's word
  slot_number seen_ = 1;          // a decision behind this slot was seen, and not kept

  // requests of clients of this replica, until performed
  struct local_session {
    client_actor client;
    std::deque<request> outstanding;
    uint64_t refused = 0; // the first cid of the lowest request that was refused, until it is taken; 0: none
  };
  std::map<uint64_t, local_session> local_sessions_;
  std::set<uint64_t> waiting_for_turn_; // of them, those whose outstanding requests were not sent on their way
  struct opening {
    client_actor client;
    request asked;
  };
  std::map<uint64_t, opening> openings_; // by the client's random number
  size_t outstanding_bytes_ = 0;
  std::chrono::milliseconds resend_pause_{};
  time_point resent_{};
  bool too_early_seen_ = false;

  // one read round at a time
  struct read {
    query asked;
    client_actor client;
  };
  std::vector<read> waiting_reads_;                                     // for the next round
  std::vector<read> asking_reads_;                                      // of the present round
  std::deque<std::pair<slot_number, std::vector<read>>> indexed_reads_; // wait for slot_out to pass the slot
  uint64_t read_round_ = 0;
  time_point read_since_{};
  node_set told_highest_;
  slot_number highest_ = 0;
  size_t reads_bytes_ = 0;

  learner learner_;
  bool informed_ = false; // a majority of acceptors was asked since the start
  slot_number learn_progress_ = 0;
  uint32_t learn_attempts_ = 0; // since the last progress
  uint32_t learn_source_ = 0;   // who is asked for values: so many behind the acceptor beside this replica
  std::chrono::milliseconds learn_pause_{};
  time_point learned_at_{};

  marks marks_;                                                       // to be returned
  std::vector<std::pair<caf::strong_actor_ptr, uint64_t>> followers_; // with their credit
  int64_t expiry_scheduled_ = 0;
  std::chrono::microseconds decision_time_{0}; // smoothed, from propose to decision

  uint64_t collisions_ = 0;
  uint64_t performed_ = 0;
  uint64_t skipped_ = 0;
  uint64_t read_rounds_ = 0;
  uint64_t reads_ = 0;
};

} // namespace synod
