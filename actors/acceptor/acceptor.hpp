// The acceptor: the fault-tolerant memory of Paxos.
#pragma once

#include "synod/actors/acceptor/accepted.hpp"
#include "synod/actors/acceptor/accepted_history.hpp"
#include "synod/actors/acceptor/collection.hpp"
#include "synod/actors/acceptor/durable_answers.hpp"
#include "synod/actors/acceptor/granted_lease.hpp"
#include "synod/actors/acceptor/learners.hpp"
#include "synod/actors/acceptor/log/log.hpp"
#include "synod/actors/acceptor/room.hpp"
#include "synod/actors/role/backoff.hpp"
#include "synod/actors/role/environment.hpp"
#include "synod/messages/roles.hpp"

#include <map>
#include <memory>
#include <vector>

namespace synod {

/// Accepts pvalues (PMMC section 2.2, figure 2). Keeps, per slot, only the pvalue with the highest ballot (section 4.1), and
/// tells only what is durable (section 4.3). What f+1 replicas hold durably it forgets (section 4.2): of slots below the first
/// kept one it knows that they are decided, and says so wherever somebody might take "not there" for "never accepted".
///
/// It never waits for the disk: records are handed over, and while they are written it goes on, with questions that need no
/// disk, and collects what the next write takes. A write or read that fails ends the process; nothing is answered any more.
///
/// A full disk is no such failure. It tells leaders that its disk is full, and these keep new slots from it. What they send all
/// the same completes what other acceptors may have accepted already, and reads wait for that: it is accepted as long as there
/// are segments, and then declined. Promises, what is collected and all questions go on.
///
/// Where there are leases (`granted_lease`), another leader's p1a waits until the present one's is over, the one with the highest
/// ballot; the present leader is told, and gives it up.
class acceptor : public acceptor_actor::base {
public:
  struct options {
    node_id node;               ///< this acceptor's name in its answers
    size_t piece_bytes;         ///< largest p1b or Learned, but for a single larger pvalue
    size_t peer_limit_bytes;    ///< what may be on the way to one replica that learns
    configuration members;      ///< whose replicas have to hold durably what is collected, as far as is known when it starts
    uint64_t spare_limit_bytes; ///< so much of the log is kept for replicas that fetch a snapshot
    uint64_t reserve_bytes;     ///< with less room on its disk it is full
    std::chrono::milliseconds lease{0}; ///< that a leader is granted; 0: there are none
  };

  /// What it knew before it was started, out of its log.
  struct memory {
    ballot promised;
    accepted_pvalues accepted;
    std::unique_ptr<write_ahead_log> log;
  };

  acceptor(caf::actor_config& config, memory before, options opts, environment_ptr environment);

  behavior_type make_behavior() override;
  void on_exit() override;
  const char* name() const override { return "acceptor"; }

  // For invariant checks.
  ballot promised() const { return ballot_; }
  ballot promised_durably() const { return answers_.durable_ballot(); }
  const accepted_pvalues& accepted() const { return accepted_; }
  bool is_durable(const accepted_pvalues::entry& x) const { return x.record <= log_->durable(); }
  uint64_t accepts() const { return accepts_; }
  uint64_t most_owed_bytes() const { return learners_.most_owed_bytes(); }
  bool was_cut() const { return !log_->cut().empty(); }
  const options& limits() const { return options_; }
  bool full() const { return room_.full(); }

private:
  struct held_back {
    ballot asked;
    message<schema::P1a> request; // to be answered; null: it came with a p2a, which comes again
    caf::strong_actor_ptr from;
  };

  void on_p1a(const message<schema::P1a>& request, const caf::strong_actor_ptr& from);
  void on_p2a(const message<schema::Pvalue>& pvalue, uint64_t mark);
  void on_ask_lease(const message<schema::AskLease>& request);
  void on_ask_highest(const message<schema::AskHighest>& request);
  void on_learn(const message<schema::Learn>& request);
  void on_durable(const message<schema::Durable>& told);
  void on_sync();
  void on_done_aside(const done_aside& x);
  void on_tick();

  void answer(durable_answers::answer x, record_number record);
  void send_p1b(durable_answers::answer& x);
  void send_learned(durable_answers::answer& x);
  void send_p2b(const durable_answers::vote& x);
  bool may_promise() const;
  bool waits_for_lease(ballot asked) const;
  void hold_back(held_back x);
  void look_at_lease();
  void send_lease(const caf::strong_actor_ptr& to, int64_t asked, ballot waits);
  void promise(ballot to);
  void reconfigure(schema::Configurations::Reader told);
  slot_number first_to_keep() const;
  void release_segments();
  void sync_soon();
  void tell_what_is_due();
  void hand_over();
  void look_at_room();
  void note_room();
  void tell_leader();
  void aside(write_ahead_log::work x);
  void fail(const caf::error& why);
  message<schema::RoleStatus> status() const;

  using explanation = caf::typed_response_promise<message<schema::RoleStatus>>;
  explanation on_explain(slot_number slot);
  void on_explained(uint64_t number);

  // state of figure 2
  ballot ballot_;
  accepted_pvalues accepted_;

  std::unique_ptr<write_ahead_log> log_;
  durable_answers answers_;
  granted_lease lease_;
  std::optional<held_back> held_back_; // until the lease is over
  bool looks_at_lease_ = false;        // a lease_atom is on its way
  learners learners_;
  collection collection_;
  record_number collected_in_ = 0; // the record that says which slots were collected last, until it is durable; 0: it is
  options options_;
  environment_ptr environment_;
  room room_;
  std::shared_ptr<caf::expected<uint64_t>> looked_at_; // what a look at the disk finds, while one is under way
  backoff segment_again_;                              // when one could not be made
  caf::strong_actor_ptr leader_;                       // the last one that asked under a ballot that was not too low
  accepted_history history_;
  struct explaining {
    explanation to;
    std::vector<status_entry> known;
    std::shared_ptr<std::vector<block_ptr>> value; // that is read from the log
  };
  static constexpr size_t most_explaining = 4;
  static constexpr uint64_t first_explained_number = uint64_t{1} << 63; // of works; those of pieces are lower
  std::map<uint64_t, explaining> explaining_;                           // by the number of the work
  uint64_t explained_ = 0;
  bool sync_pending_ = false; // a sync_atom is on its way
  uint64_t syncs_ = 0;
  uint64_t accepts_ = 0;
};

} // namespace synod
