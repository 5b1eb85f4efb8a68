// How a replica comes to know what was decided without it.
#pragma once

#include "synod/actors/replica/learner.hpp"
#include "synod/actors/role/backoff.hpp"

#include <map>
#include <optional>
#include <vector>

namespace synod {

/// Knows up to where slots are decided, and when to ask whom about those that did not come: the acceptors, in growing pauses
/// while nothing comes, each time another one of them for values and the others for ballots; the leader, to decide them again,
/// when what they told shows that they cannot help, or as many attempts as there are acceptors did not. Where the leader did, it
/// is asked for the next ones, too, as long as many are missing: it decides some at a time.
class catch_up {
public:
  using time_point = backoff::time_point;

  /// What is to be asked now.
  struct questions {
    bool leader = false; ///< to decide again what lies below the target
    struct question {
      node_id acceptor;
      bool with_values; ///< false: ballots alone are enough
      uint64_t mark;    ///< of the last piece that came from it
    };
    std::vector<question> acceptors;
  };

  catch_up(configurations members, uint64_t window, node_id here);

  /// One more was decided.
  void reconfigure(const configurations& members);

  // -- what is known to be decided

  /// Somebody knows that every slot below this one is decided.
  void told_decided_below(slot_number slot) { decided_below_ = std::max(decided_below_, slot); }
  slot_number decided_below() const { return decided_below_; }
  /// A decision for this slot was seen, and is not kept.
  void saw(slot_number slot) { seen_below_ = std::max(seen_below_, slot + 1); }
  /// Slots that this replica lacks were collected, or were chosen by acceptors of which it does not know, or that are gone: only
  /// a snapshot leads beyond them.
  bool needs_snapshot(slot_number slot_out) const {
    return first_kept_ > slot_out || members_.first_slot() > slot_out || is_stranded();
  }
  bool is_stranded() const { return stranded_ >= most_stranded; }
  /// Slots below this one are decided, or somebody waits for them.
  slot_number target(const pvalue_map& decisions, slot_number waited_for) const;

  // -- learning

  /// A look at how far it is, every now and then. `target` is as above; `reached` are the acceptors.
  questions look(slot_number slot_out, slot_number target, const node_set& reached, time_point now);
  /// An acceptor is reached (again): nothing is owed to it. Asks, when for the first time enough of them are.
  questions on_acceptor(node_id acceptor, slot_number slot_out, const node_set& reached);
  /// A piece: gives the pvalues that are now known to be chosen, in slot order.
  std::vector<message<schema::Pvalue>> on_learned(const message<schema::Learned>& answer);
  /// Those were performed: the next that the same pieces tell.
  std::vector<message<schema::Pvalue>> next_chosen(slot_number slot_out);
  /// What was learned moved slot_out on: asks for the next piece.
  questions on_progress(slot_number slot_out, slot_number target, const node_set& reached, time_point now);
  /// Decisions did.
  bool is_through_with_leader(slot_number slot_out) const { return asked_leader_ && slot_out >= leader_asked_below_; }
  /// All that the leader was asked for, and could be: it is asked for the next ones.
  questions go_on_with_leader(slot_number slot_out, slot_number target);
  /// It did not.
  questions on_no_progress(slot_number slot_out, slot_number target, const node_set& reached);

private:
  static constexpr uint32_t most_stranded = 10; // looks

  bool is_enough(const node_set& reached, slot_number slot_out) const;
  questions ask(slot_number slot_out, const node_set& reached);

  configurations members_;
  node_id here_;
  learner learner_;
  slot_number in_flight_; // so many that are missing may just be on their way
  slot_number decided_below_ = 1;
  slot_number seen_below_ = 1;
  slot_number first_kept_ = 1; // that an acceptor has told
  bool informed_ = false;      // some acceptor has told what it accepted, since the start
  slot_number slot_out_ = 0;   // at the last look, or question
  backoff again_;
  uint32_t stranded_ = 0; // looks in a row that found too few acceptors reached
  uint32_t in_vain_ = 0;  // attempts since the last progress
  bool asked_leader_ = false;
  slot_number leader_asked_below_ = 0; // so far it can decide at a time
  slot_number in_vain_at_ = 0;         // slot_out when the acceptors turned out to be of no help
  uint32_t source_ = 0;                // who is asked for values: so many behind the acceptor beside this replica
  std::map<node_id, uint64_t> marks_;
};

} // namespace synod
