// The invariants of the paper, checked while the roles run.
#pragma once

#include "reference.hpp"
#include "timeline.hpp"
#include "trace.hpp"

#include "synod/actors/acceptor/acceptor.hpp"
#include "synod/actors/gateway/gateway.hpp"
#include "synod/actors/leader/leader.hpp"
#include "synod/actors/replica/replica.hpp"

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace synod::simulation {

/// What was found broken, and how it shows.
struct violation {
  std::string invariant; ///< A1 to R5, or a name
  std::string text;
};

/// Looks at every message between roles when it is sent, and at the roles of a process behind each of its steps.
///
/// A1-A5, C1, C2 and R1-R5 are those of the paper (section 2, and "Paxos made moderately complex" figure by figure);
/// beside them: an acceptor tells only what is durable, and tells reads of all that it has told leaders ("stable storage"); only
/// a leader that a majority promised, and told all that it had accepted, is active; what acceptors collect enough replicas hold
/// durably ("collected"); a leader that holds a lease knows of all that is chosen ("lease"); state machines agree ("one state");
/// queues keep their bounds ("bounds").
class invariants {
public:
  /// `true_time_ms`: what clocks that are right show when the run begins.
  invariants(timeline& in, trace& told, int64_t true_time_ms, const cluster& all, reference expected);

  // A process's roles, from when they have started until it ends.
  void begin(uint32_t node, const acceptor* a, const leader* l, const replica* r, const gateway* g);
  void end(uint32_t node);
  /// What its acceptor had told is forgotten, and it is to be heard by nobody any more.
  void lost_disk(uint32_t node);
  /// It was removed, and is never there again.
  void leaves(uint32_t node);

  void on_send(uint32_t from, const caf::message& content);
  void on_arrival(uint32_t to, const caf::message& content);
  /// A process made a step.
  void look(uint32_t node);

  /// Watches a replica's state machine from its start.
  std::unique_ptr<state_machine> observe(uint32_t node, std::unique_ptr<state_machine> machine);

  /// At the end, when all is quiet: all replicas are where the reference is.
  void check_end();

  void fail(std::string invariant, std::string text);
  const std::optional<violation>& broken() const { return broken_; }

  const reference& expected() const { return reference_; }
  reference& expected() { return reference_; }
  /// The latest time that any proposer has put into a batch.
  int64_t latest_time() const { return latest_time_; }
  uint64_t chosen() const { return reference_.slot_out() - 1; }

private:
  class machine_observer;

  struct accepted_entry {
    ballot under;
    record_position where;
    bool there = false;
    bool told = false;
    ballot told_under;
  };

  struct acceptor_view {
    const acceptor* role = nullptr;
    ballot promised;              // as last seen
    std::optional<ballot> told;   // the highest one that it let others know of
    slot_number highest_told = 0; // of the slots that it voted for
    std::vector<accepted_entry> accepted;
    uint64_t accepts = 0;
    slot_number first_kept = 1;
    std::deque<slot_number> touched; // slots of p2a that have arrived and may not have been handled, in their order
  };

  /// What a leader has come to know by asking for a ballot.
  struct candidacy {
    uint64_t scout = 0;
    slot_number first_slot = 0;
    std::map<node_id, slot_number> told; // how far each acceptor has told what it accepted; 0: all
    uint64_t checked = UINT64_MAX;       // the number of the configuration for which that is known to be enough
  };

  struct leader_view {
    const leader* role = nullptr;
    bool active = false;
    ballot own;
  };

  struct replica_view {
    const replica* role = nullptr;
    uint64_t process = 0; // tells it from its predecessors
    slot_number slot_out = 1;
    const observed_machine* machine = nullptr;
    std::optional<performed_slot> present;
    slot_number next_slot = 1; // 0: where a snapshot leads is not known yet
    // A state machine that a snapshot is restored into; it takes the other one's place when it is used.
    uint64_t later_process = 0;
    const observed_machine* later = nullptr;
  };

  /// All that was ever proposed for a slot, by ballot.
  struct proposed {
    ballot under;
    uint64_t fingerprint = 0;
    uint64_t voters = 0; // acceptors that told of having accepted it, a bit each
    message<schema::Pvalue> pvalue;
  };
  struct slot_view {
    std::vector<proposed> values;
    size_t chosen = SIZE_MAX; // in values
    int64_t asked_ms = 0;     // the true time, when a replica first proposed for it
  };

  slot_view& view_of(slot_number slot);
  void on_propose(const message<schema::Pvalue>& pvalue);
  void on_p2a(uint32_t from, const message<schema::Pvalue>& pvalue);
  void on_told(uint32_t acceptor, slot_number slot, ballot under);
  void on_p1a(uint32_t from, const message<schema::P1a>& request);
  void on_p1b(uint32_t to, const message<schema::P1b>& answer);
  void on_promised(uint32_t acceptor, ballot promised);
  void on_highest(uint32_t acceptor, slot_number highest);
  void on_leased(uint32_t from, const message<schema::Leased>& told);
  void check_durable(uint32_t acceptor, slot_number slot, ballot under);
  void on_decision(uint32_t from, const message<schema::Pvalue>& pvalue);
  void check_time(uint32_t from, const schema::Pvalue::Reader& pvalue, const slot_view& view);
  int64_t true_time_now() const;
  void check_against_chosen(slot_number slot, const slot_view& view, const proposed& later);
  void look_at_acceptor(uint32_t node);
  bool look_at_entry(uint32_t node, slot_number slot, bool restarted);
  void look_at_leader(uint32_t node);
  void look_at_replica(uint32_t node);
  void look_at_gateway(uint32_t node);
  void go_on_with_later(uint32_t node, slot_number slot);
  void check_collected(uint32_t node, slot_number first_kept);
  void settle(uint32_t node);
  bool is_majority(const configuration& members, uint64_t voters) const;
  size_t durable_needed(const configuration& members) const;
  size_t holders(const configuration& members, slot_number below) const;
  void check_promises(uint32_t from, const message<schema::Pvalue>& pvalue);
  void bound(uint32_t node, const char* what, uint64_t is, uint64_t limit);
  const std::string& name(uint32_t node) const { return names_[node]; }

  timeline& timeline_;
  trace& trace_;
  std::vector<std::string> names_;
  std::vector<node_id> ids_; // by node
  reference reference_;
  std::vector<acceptor_view> acceptors_;
  std::set<ballot> active_under_; // that any leader was active under
  std::map<ballot, candidacy> candidates_;
  std::vector<leader_view> leaders_;
  std::vector<const gateway*> gateways_;
  std::vector<replica_view> replicas_;
  slot_number collected_ = 1;        // slots below were collected by right, under whatever configuration was the latest then
  std::vector<slot_number> durable_; // by node: its replica had a snapshot of this slot on its disk
  std::set<uint32_t> without_disk_;  // nodes that are out
  std::vector<slot_view> slots_;     // index: slot - 1
  int64_t true_time_ms_;
  int64_t latest_time_ = 0;
  int64_t last_asked_ms_ = 0;    // the true time, when a replica first proposed a batch that a leader took
  uint64_t largest_message_ = 0; // of those with a value
  uint64_t processes_ = 0;       // with a replica
  std::optional<violation> broken_;
};

} // namespace synod::simulation
