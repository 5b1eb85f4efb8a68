// The leader: gets proposals decided under its ballots.
#pragma once

#include "synod/actors/leader/commander.hpp"
#include "synod/actors/leader/scout.hpp"
#include "synod/messages/status.hpp"

#include <functional>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <unordered_map>

namespace synod {

/// Spawns scouts and commanders and keeps the proposals (PMMC section 2.4, figure 7).
///
/// Beside the paper: a passive leader watches the one with the highest ballot and becomes a candidate only when
/// that stays silent for a timeout (section 3); timeouts grow by a factor when preempted and shrink linearly with
/// decisions. One that does not hear the active leader asks another one that does to take over, and only then
/// becomes a candidate: where the network is cut in part, the best connected one leads. It proposes no slot below the first that
/// the acceptors do not know to be decided, fills holes with no-ops when adopted, and decides again what a replica cannot learn.
///
/// Bounds: `window` proposals at a time, those of slots further up are dropped (their replica proposes again);
/// `peer_limit_bytes` to each acceptor and replica on the way.
class leader : public leader_actor::base {
public:
  struct options {
    node_id node = 0;
    uint32_t incarnation = 1; ///< higher than in any earlier start of this leader, durable (C1)
    configurations members;   ///< whose quorums decide
    bool first = true;        ///< becomes a candidate at once; the others wait to hear of it
    uint64_t window = 1024;
    uint64_t peer_limit_bytes = 16u << 20;
    uint64_t seed = 1; ///< for jitter
    std::chrono::milliseconds ping_interval{100};
    std::chrono::milliseconds smallest_timeout{500};
    std::chrono::milliseconds largest_timeout{5000};
    std::chrono::milliseconds clock_limit{10000};
    std::function<int64_t()> wall_clock;              ///< milliseconds since 1970
    std::function<void(const std::string&)> announce; ///< one line when leadership changes
  };

  leader(caf::actor_config& config, options opts);

  behavior_type make_behavior() override;
  void on_exit() override;
  const char* name() const override { return "leader"; }

  using time_point = caf::actor_clock::time_point;

  struct commanded {
    commander_actor handle;
    time_point since;
  };

  // For invariant checks.
  ballot own_ballot() const { return ballot_; }
  bool active() const { return active_; }
  const pvalue_map& proposals() const { return proposals_; }
  const std::map<slot_number, commanded>& commanders() const { return commanders_; }
  const audience& reached() const { return *audience_; }
  const options& limits() const { return options_; }
  uint64_t most_owed_bytes() const;

protected: // A variant of the role overrides a handler.
  virtual void on_propose(const message<schema::Pvalue>& proposal);
  virtual void on_adopted(adopted& result);
  virtual void on_recovered(adopted& result);
  virtual void on_preempted(ballot by);
  virtual void on_p1b(const message<schema::P1b>& answer);
  virtual void on_p2b(const message<schema::P2b>& answer);
  virtual void on_decided(const decided& x);
  virtual void on_decide_again(const message<schema::DecideAgain>& asked);
  virtual void on_received(const message<schema::Received>& received);
  void on_higher_ballot(const message<schema::HigherBallot>& told);
  virtual void on_ping(const message<schema::Ping>& ping);
  virtual void on_pong(const message<schema::Pong>& pong);
  virtual void on_tick();
  void on_peer(const peer& x);

  virtual scout_actor spawn_scout(scout::task what);
  virtual commander_actor spawn_commander(const message<schema::Pvalue>& pvalue);
  void start_scout(scout::task what);
  void start_commander(slot_number slot);
  audience_ptr nobody() const;
  void become_candidate();
  void watch(ballot other);
  void end_commanders();
  void lead();
  void step_down();
  bool stalled() const;
  bool clock_ahead() const;
  void ping();
  bool hears_watched() const;
  bool ask_relay();
  message<schema::Ping> build_ping(bool asks_to_lead) const;
  void note_clock(node_id node, int64_t wall_clock);
  std::chrono::milliseconds jittered_timeout();
  slot_number free_slot() const;
  leader_actor leader_of(node_id node) const;
  leader_actor to_hand_on();
  message<schema::RoleStatus> status() const;

  // state of figure 7
  ballot ballot_;
  bool active_ = false;
  pvalue_map proposals_; // undecided ones; decided ones are the acceptors' and replicas' to keep

  options options_;
  audience_ptr audience_;
  peers<leader_actor> leaders_;

  std::map<slot_number, commanded> commanders_;
  scout_actor scout_; // the candidate's
  uint64_t scout_number_ = 0;
  scout_actor recovery_; // under its own ballot, for slots that cannot be learned
  uint64_t recovery_number_ = 0;
  uint64_t scouts_ = 0;

  slot_number first_slot_ = 1; // adopted from here on; everything below is decided
  slot_number decided_below_ = 1;
  std::set<slot_number> decided_above_; // decided slots behind a hole

  // failure detection
  ballot watched_;
  bool any_watched_ = false;
  time_point heard_{};
  time_point pinged_{};
  time_point announced_{};
  std::optional<node_id> relay_; // a node that hears the watched leader, when this one does not
  bool relay_asked_ = false;
  std::chrono::milliseconds timeout_{};
  std::chrono::milliseconds patience_{}; // the timeout with this round's jitter
  std::minstd_rand random_;
  std::map<node_id, int64_t> clock_offsets_; // of other nodes against this one, ms
  bool clock_told_ = false;

  uint64_t adoptions_ = 0;
  uint64_t preemptions_ = 0;
  uint64_t decisions_ = 0;
};

} // namespace synod
