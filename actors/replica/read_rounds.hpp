// Linearizable reads, which take no slot.
#pragma once

#include "synod/actors/role/backoff.hpp"
#include "synod/messages/roles.hpp"

#include <deque>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace synod {

/// Queries until they can be answered (PMMC section 4.5): a quorum of acceptors is asked for the highest slot it accepted; what
/// was decided before the question is not above it, so a state that has performed that slot answers. One round is asked at a
/// time, for all queries that waited when it began. It asks as few acceptors as make a quorum, and all of them when those do
/// not answer.
///
/// A leader beside it that may hold a lease is asked in their place, and they are when it does not.
///
/// A query whose client has no room for the answers waits on, behind its client's earlier ones, until there is room.
///
/// Bounds: `limit_bytes` of queries, refused above; those of clients without room may take up half of it.
class read_rounds {
public:
  using client = caf::strong_actor_ptr; ///< only kept
  using time_point = backoff::time_point;

  struct read {
    message<schema::Query> asked;
    client from;
    unsigned first = 0; ///< of its operations, that is not answered yet
  };

  read_rounds(configurations members, node_id here, size_t limit_bytes);

  /// One more was decided: its acceptors are to be asked, too, and those who asked before ask again (section 4.5).
  void reconfigure(const configurations& members) { members_ = members; }

  /// False: there is no room.
  bool add(const message<schema::Query>& asked, const client& from);

  struct whom {
    bool leader = false; ///< the one beside it
    node_set acceptors{};
  };

  /// Whom to ask now, of the acceptors that are reached, with the number of `round`; mostly nobody. To be called when a query
  /// was added, when an answer came, and every now and then. `may_be_leased`: to the leader beside it.
  whom to_ask(const node_set& reached, slot_number slot_out, time_point now, bool may_be_leased = false);
  uint64_t round() const { return round_; }
  /// An acceptor is reached, perhaps the one that the present round lacks: nobody waits for the end of a pause.
  void on_acceptor() { again_ = backoff{first_pause, last_pause}; }
  /// An acceptor's answer.
  void on_highest(node_id acceptor, uint64_t round, slot_number highest, slot_number slot_out);
  /// The leader's: it holds the lease, by the configuration of that number. False: that is of no use.
  bool on_leased(uint64_t round, uint64_t configuration, slot_number free_slot);
  /// It does not hold it.
  void on_no_lease(uint64_t round) { asks_leader_ &= round != round_; }

  /// A query that the state which has performed all below slot_out answers; none: there is none. It still counts until it is
  /// `done`, or handed back to be `held`.
  std::optional<read> take(slot_number slot_out);
  void done(const read& x);
  /// Its client has no room for the answers from `first` on.
  void hold(read x);
  bool holds(const client& from) const { return held_.contains(from); }
  std::vector<client> holding() const;
  /// The client has room: its next query that was held; none: there is none.
  std::optional<read> take_held(const client& from);
  /// The client has ended: what was held for it is dropped.
  void forget(const caf::actor_addr& ended);

  /// Some query waits for slots below this one; 0: none did so far.
  slot_number waits_for() const { return waits_for_; }
  size_t bytes() const { return bytes_; }
  void clear();

private:
  static constexpr std::chrono::milliseconds first_pause{100}; // before a round is asked once more
  static constexpr std::chrono::milliseconds last_pause{1000};

  /// What acceptors have answered.
  struct answered_round {
    slot_number highest;
    uint64_t configuration; // the number of the latest one that was asked
    std::vector<read> reads;
  };

  bool complete(slot_number slot_out) const;
  void begin();
  node_set enough(const node_set& reached, slot_number slot_out) const;
  void ask_again(std::vector<read> reads);
  void index();

  configurations members_;
  node_id here_;
  size_t limit_bytes_;
  size_t bytes_ = 0;
  std::vector<read> waiting_;          // for the next round
  std::vector<read> asking_;           // of the present round
  std::deque<answered_round> indexed_; // until slot_out has passed the slot
  std::vector<read> answerable_;       // in reverse order
  std::unordered_map<client, std::deque<read>> held_;
  uint64_t round_ = 0;
  backoff again_{first_pause, last_pause};
  node_set told_;
  bool asks_leader_ = false; // alone, so far
  bool asks_acceptors_ = false;
  slot_number highest_ = 0; // of those that told
  slot_number waits_for_ = 0;
};

} // namespace synod
