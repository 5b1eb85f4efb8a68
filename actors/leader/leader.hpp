// The leader: gets proposals decided under its ballots.
#pragma once

#include "synod/actors/leader/cluster_clock.hpp"
#include "synod/actors/leader/commander.hpp"
#include "synod/actors/leader/full_acceptors.hpp"
#include "synod/actors/leader/leadership.hpp"
#include "synod/actors/leader/lease.hpp"
#include "synod/actors/leader/prompt_acceptors.hpp"
#include "synod/actors/leader/proposal_history.hpp"
#include "synod/actors/leader/readiness.hpp"
#include "synod/actors/leader/recovery.hpp"
#include "synod/actors/leader/scout.hpp"
#include "synod/actors/leader/undecided.hpp"
#include "synod/actors/leader/waiting_for_credit.hpp"
#include "synod/actors/role/environment.hpp"

#include <variant>

namespace synod {

/// Spawns scouts and commanders and keeps the proposals (PMMC section 2.4, figure 7).
///
/// Replicas tell it of configurations that are decided. One that is active under a ballot which the acceptors of a new one have
/// not promised stands again, before any slot that this one rules is proposed; one that is not a leader of the latest one asks
/// one that is to lead, and does not stand (section 2.1: leaders serve a configuration).
///
/// Beside the paper: a passive leader becomes a candidate only when the one it watches is silent (`leadership`); it hands on what
/// replicas send it. One whose replica cannot propose hands over (`readiness`). A candidate proposes no slot below the first that
/// the acceptors do not know to be decided, and fills holes with no-ops when adopted. One timer serves all scouts and commanders.
/// What a replica cannot learn is decided again
/// (`recovery`). While too many acceptors have no room it begins nothing new, and tells replicas (`full_acceptors`). While it
/// holds a `lease` it tells the replica beside it up to where reads have to wait, before it proposes anything behind, and
/// acceptors need not be asked.
///
/// Bounds: `most_proposals` at a time, none for a slot that is `window` or more behind the decided ones (R5): what comes beyond
/// is dropped, and its replica proposes it again; none of more than `pvalue_limit_bytes`. `peer_limit_bytes` on the way to each
/// acceptor, replica and other leader: a p2a above waits with its commander, a decision is learned, a proposal to be handed on is
/// dropped.
class leader : public leader_actor::base {
public:
  struct options {
    node_id node;
    bool first;             ///< becomes a candidate at once; the others wait to hear of it
    uint32_t incarnation;   ///< higher than in any earlier start of this leader, durable (C1)
    configurations members; ///< whose quorums decide, as far as is known when it starts
    uint64_t window;        ///< WINDOW of the replicas (R5)
    uint64_t peer_limit_bytes;
    leadership::limits leading;
    std::chrono::milliseconds clock_limit;
    synod::lease::terms leasing{};

    /// What is adopted and what replicas propose, a window each; beside it as much as is decided again at a time.
    size_t most_proposals() const { return 2 * window + 2 * recovery::most_slots; }
  };

  leader(caf::actor_config& config, environment_ptr environment, options x);

  behavior_type make_behavior() override;
  void on_exit() override;
  const char* name() const override { return "leader"; }

  // For checks from outside.
  ballot own_ballot() const { return ballot_; }
  bool leads() const { return std::holds_alternative<active>(state_); }
  size_t proposals() const { return leads() ? std::get<active>(state_).proposals.size() : 0; }
  const options& limits() const { return options_; }
  uint64_t most_owed_bytes() const;

private:
  using time_point = caf::actor_clock::time_point;

  static constexpr std::chrono::milliseconds tick_interval{50};
  static constexpr std::chrono::seconds first_room_pause{2};
  static constexpr std::chrono::seconds last_room_pause{60};

  struct scouting {
    scout_actor scout;
    uint64_t number = 0;
    backoff again{first_retry_pause, last_retry_pause};
    bool answered = false; // by an acceptor: it has promised the ballot, or a higher one
  };

  // The paper's `active` is false in the first two.
  struct passive {};
  struct candidate {
    scouting adoption;
    bool asked = false; // by another leader, or by an operator, to lead
  };
  struct active {
    active(slot_number first, uint64_t latest, synod::lease::terms leasing)
      : first_slot{first}, configuration{latest}, decided{first}, lease{leasing} {}

    slot_number first_slot; // adopted from here on; everything below was decided then
    uint64_t configuration; // the number of the latest one whose acceptors have promised: slots that later ones rule are not its
    undecided<commander_actor> proposals;
    decided_slots decided;
    waiting_for_credit waiting; // of the proposals' p2a's
    recovery recovering;
    scouting recovery_scout;
    synod::lease lease;
    bool told_of_lease = false;   // in the log
    message<schema::Leased> lent; // what the replica beside it was told; null: nothing
    time_point announced{};       // to replicas, that it leads
    time_point decided_at{};      // when a slot was last decided
    prompt_acceptors prompt;
    std::vector<message<schema::Pvalue>> later; // that acceptors which are asked later have not been sent
    size_t later_bytes = 0;
    node_set blocking; // acceptors without whose full disks nothing new can be accepted
    backoff hand_over{first_room_pause, last_room_pause};

    /// No slot from here on has a proposal, or is known to be decided.
    slot_number free_slot() const { return std::max(decided.end(), proposals.end_slot()); }
  };

  // the paper's
  void on_propose(const message<schema::Pvalue>& proposal, uint64_t mark);
  void on_adopted(adopted& result);
  void on_preempted(ballot by);
  // of scouts and commanders
  void on_p1b(const message<schema::P1b>& answer);
  void on_p2b(const message<schema::P2b>& answer);
  void on_decided(const decided& x);
  void on_held_back(const held_back& x);
  void on_lease(const message<schema::Lease>& answer);
  // of replicas
  void on_decide_again(const message<schema::DecideAgain>& asked);
  void on_performed(const message<schema::Performed>& told);
  void on_received(const message<schema::Received>& received);
  void on_higher_ballot(const message<schema::HigherBallot>& told);
  // of other leaders
  void on_ping(const message<schema::Ping>& ping);
  void on_pong(const message<schema::Pong>& pong);
  void look_who_leads(schema::Pong::Reader pong);
  void on_tick();
  void on_peer(const peer& x);
  message<schema::RoleStatus> status() const;
  message<schema::RoleStatus> explain(slot_number slot) const;

  void become_candidate(bool asked = false);
  scouting start_scout(ballot under, slot_number first, slot_number end);
  void start_commander(active& now, slot_number slot, const message<schema::Pvalue>& proposal);
  void on_recovered(active& now, adopted& result);
  void send_again(scouting& x, time_point now);
  void send_waiting(active& now, node_id acceptor);
  bool may_propose(const active& now, slot_number slot) const;
  uint64_t configuration_of(slot_number slot) const { return audience_->members.ruling(slot).number(); }
  bool may_lead() const { return audience_->members.latest().leaders().contains(options_.node); }
  void reconfigure(const configurations& members);
  void address(std::shared_ptr<const audience> renewed, bool ask_again);
  void skip_decided(slot_number below);
  void hand_over(slot_number decided_below, time_point now);
  void step_down();
  void end_scouts_and_commanders();
  void lead(active& now);
  void ask_for_lease(active& now);
  void give_up_lease(active& now);
  void send_ask_lease(int64_t asked, bool gives_up);
  synod::lease::time holds_lease_until(const active& now) const;
  bool holds_lease(const active& now) const { return environment_->boot_clock() < holds_lease_until(now); }
  void lend(active& now);
  void lend_below(active& now, slot_number slot);
  void tell_leased(active& now, synod::lease::time until, slot_number free_slot);
  bool stalled(const active& now) const;
  const peers<leader_actor>::entry* to_hand_on();
  void send_ping(const leader_actor& to, bool asks_to_lead);
  void ping(bool everybody);
  void note_clock(node_id node, int64_t shown);
  void note_room(node_id acceptor, bool full);
  void look_at_room(active& now);
  void look_who_is_prompt(active& now);
  void ask_later(active& now, const message<schema::Pvalue>& pvalue);
  void send_later();
  void ask_for_room(active& now);
  void note_time(schema::ClusterTime::Reader found);
  std::optional<cluster_clock::interval> cluster_time();
  void note_mark(uint64_t mark);

  environment_ptr environment_;
  options options_;
  ballot ballot_;
  std::variant<passive, candidate, active> state_;
  slot_number decided_below_ = 1; // while it does not lead: every slot below is decided
  ballot led_;                    // it was last active under
  audience_ptr audience_;
  slot_number configured_below_ = 1; // the configurations that rule slots below are known
  peers<leader_actor> leaders_;      // the others
  leadership leadership_;
  readiness readiness_;
  cluster_clock clock_; // wall clocks
  full_acceptors full_;
  time_point last_tick_{};
  marks marks_;              // of proposals, to be returned
  time_point stands_from_{}; // not before, since it does not know whose votes count
  size_t handed_over_ = 0;
  uint64_t scouts_ = 0;
  uint64_t adoptions_ = 0;
  uint64_t preemptions_ = 0;
  uint64_t decisions_ = 0;
  proposal_history history_;
};

} // namespace synod
