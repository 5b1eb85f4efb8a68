// Linearizable reads, which take no slot.
#pragma once

#include "synod/actors/replica/network_time.hpp"
#include "synod/actors/role/backoff.hpp"
#include "synod/messages/roles.hpp"

#include <deque>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

namespace synod {

/// Queries until they can be answered (PMMC section 4.5): a quorum of acceptors is asked for the highest slot it accepted; what
/// was decided before the question is not above it, so a state that has performed that slot answers. A round is for all queries
/// that waited when it began. Where the network is near one is asked at a time, where it is far the next one after a pause
/// (`network_time`); what acceptors answer to a later question goes for the earlier rounds, too. A round asks as few acceptors as
/// make a quorum, those last that were slow, and all of them when those do not answer.
///
/// While the leader beside it holds a lease nobody is asked: it has told which slots may be decided.
///
/// A query whose client has no room for the answers waits on, behind its client's earlier ones, until there is room.
///
/// Bounds: `most_rounds`; `limit_bytes` of queries, refused above; those of clients without room may take up half
/// of it.
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

  /// Whom to ask now, of the acceptors that are reached, with the number of `round`; mostly nobody. To be called when a query
  /// was added, when an answer came, at `next_begins`, and every now and then.
  node_set to_ask(const node_set& reached, slot_number slot_out, time_point now);
  uint64_t round() const { return round_; }
  /// When queries that wait, although a round is asked, have one of their own; none: when that has ended.
  std::optional<time_point> next_begins() const;
  /// A round without a query, if none was asked for a while: somebody else wants to know how far the network is.
  void measure(time_point now) { measures_ |= rounds_.empty() && now - measured_ >= measured_for; }
  const network_time& distance() const { return distance_; }
  /// An acceptor is reached, perhaps the one that the present round lacks: nobody waits for the end of a pause.
  void on_acceptor() { again_ = backoff{first_pause, last_pause}; }
  /// An acceptor's answer.
  void on_highest(node_id acceptor, uint64_t round, slot_number highest, slot_number slot_out, time_point now);

  /// The leader beside it has told that.
  void on_leased(message<schema::Leased> told) { leased_ = std::move(told); }
  /// There are queries that `use_lease` may be for.
  bool may_be_leased() const { return leased_ && leased_->getUntil() > 0 && (!waiting_.empty() || !rounds_.empty()); }
  /// They need not ask acceptors, if the lease lasts.
  void use_lease(std::chrono::nanoseconds boot_clock);
  uint64_t leased_rounds() const { return leased_rounds_; }

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
  static constexpr std::chrono::milliseconds measured_for{1000};
  static constexpr size_t most_rounds = 128; // that are asked: twice as many as network_time allows where nothing is late

  /// One that is asked.
  struct asked_round {
    uint64_t number;
    std::vector<read> reads;
    time_point since;
    node_set told{};         // of the acceptors
    slot_number highest = 0; // of those that told
  };

  /// What acceptors have answered.
  struct answered_round {
    slot_number highest;
    uint64_t configuration; // the number of the latest one that was asked
    std::vector<read> reads;
  };

  bool complete(const asked_round& x, slot_number slot_out) const;
  bool may_begin(time_point now) const;
  node_set enough(const node_set& reached, slot_number slot_out) const;
  void ask_again();
  void index_first(time_point now);
  void index(slot_number highest, std::vector<read> reads);
  std::vector<read> take_asked();

  configurations members_;
  node_id here_;
  size_t limit_bytes_;
  size_t bytes_ = 0;
  std::vector<read> waiting_;          // for the next round
  std::deque<asked_round> rounds_;     // that are asked, the oldest first
  std::deque<answered_round> indexed_; // until slot_out has passed the slot
  std::vector<read> answerable_;       // in reverse order
  std::unordered_map<client, std::deque<read>> held_;
  message<schema::Leased> leased_; // null: nothing was told
  uint64_t round_ = 0;
  uint64_t leased_rounds_ = 0;
  time_point began_{};     // the last round
  std::set<node_id> slow_; // acceptors that did not answer in time
  backoff again_{first_pause, last_pause};
  network_time distance_;
  time_point measured_{}; // a round has told of it
  bool measures_ = false; // one is wanted
  slot_number waits_for_ = 0;
};

} // namespace synod
