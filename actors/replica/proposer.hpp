// What a replica proposes, and when.
#pragma once

#include "synod/actors/replica/execution.hpp"
#include "synod/actors/replica/network_time.hpp"
#include "synod/actors/replica/request_queue.hpp"
#include "synod/actors/role/backoff.hpp"

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <vector>

namespace synod {

/// `slot_in`, `requests` and `proposals` of the paper's figure 1, and the pace: while few slots are in flight what waits
/// gathers, and becomes the batch of the next one.
///
/// Bounds: requests that wait, `waiting_limit_bytes` and as much again of own clients, which its owner keeps by `has_room`;
/// proposals, WINDOW of them (R5), of `batch_limit_requests` requests and `batch_limit_bytes` each, but for a single larger
/// request.
class proposer {
public:
  using request = request_queue::request;
  using time_point = backoff::time_point;

  struct limits {
    uint64_t window; ///< WINDOW of the paper
    size_t batch_limit_bytes;
    size_t batch_limit_requests;
    size_t waiting_limit_bytes;
  };

  /// What there is to know when something is proposed.
  struct situation {
    ballot active;             ///< the active leader's, for which the proposal is written
    slot_number decided_below; ///< every slot below is decided
    const pvalue_map& decisions;
    const execution& performed;
    int64_t time; ///< for the batch to carry
    time_point now;
    node_id self = 0;                              ///< the proposing replica's
    std::optional<network_time::duration> pause{}; ///< after which a slot may be proposed beside others, where the network is far
  };

  explicit proposer(limits most) : limits_{most} {}

  // -- requests

  request_queue::outcome add(const request& x, const session_table& sessions, bool turns_known) {
    return requests_.add(x, sessions, turns_known);
  }
  /// Requests of own clients may take as much again: what other replicas send on cannot keep them out.
  bool has_room(const request& x, bool own) const {
    return requests_.bytes() + x.size_bytes() <= limits_.waiting_limit_bytes * (own ? 2 : 1);
  }
  request_queue& requests() { return requests_; }
  const request_queue& requests() const { return requests_; }

  // -- proposals

  /// propose(): a batch of what waits for the next free slot, if the window and the pace allow; null otherwise. It is to be
  /// sent to the leader. `even_empty`: log time has to move on, whether or not something waits. Up to where the latest
  /// configuration rules slots are filled in any case, as fast as the window allows (section 2.1).
  message<schema::Pvalue> propose(const situation& present, bool even_empty);
  /// When what waits, although slots are in flight, has one of its own, if there is such a pause; none: when one of them is
  /// decided.
  std::optional<time_point> next_proposes(std::optional<network_time::duration> pause) const;
  /// It was sent on its way.
  void sent(slot_number slot, time_point now);
  /// Those that were not, in slot order; `due` also those without a decision for so long that they may be lost.
  std::vector<message<schema::Pvalue>> unsent() const;
  std::vector<message<schema::Pvalue>> due(time_point now) const;
  std::vector<message<schema::Pvalue>> all() const;

  /// A slot is decided. If something else was proposed for it here, gives the requests of that, which lost their slot.
  std::vector<request> settle(const message<schema::Pvalue>& decided, time_point now);
  /// They wait again, in front of the others; those that `keep` refuses are left out.
  template <class Keep>
  void put_back(std::vector<request> lost, Keep keep) {
    std::set<uint64_t> left_out; // sessions: of these nothing more, or their chain would begin twice
    for (auto each = lost.rbegin(); each != lost.rend(); ++each) {
      auto session = (*each)->isCommands() ? (*each)->getCommands().getSession() : 0;
      if (!left_out.contains(session) && keep(*each)) {
        requests_.put_back(std::move(*each));
      } else if (session != 0) {
        requests_.break_chain(session);
        left_out.insert(session);
      } else if ((*each)->isOpen()) {
        requests_.on_opened((*each)->getOpen().getNumber());
      }
    }
  }

  /// Slots below are decided or taken.
  void skip_to(slot_number slot) { slot_in_ = std::max(slot_in_, slot); }
  /// Everything below is performed, by way of a snapshot: proposals for such slots are settled, nobody knows how. What they were
  /// made of is sent again by those whose it is, this replica included.
  void jump_to(slot_number slot_out);
  /// Another leader: slots from this one on are free. What waits is sent to it by those whose it is, this replica included.
  void begin_anew(slot_number free_slot);

  slot_number slot_in() const { return slot_in_; }
  size_t in_flight() const { return proposals_.size(); }
  /// 0: nothing is in flight.
  slot_number last_proposed() const { return proposals_.empty() ? 0 : proposals_.rbegin()->first; }
  std::chrono::microseconds decision_time() const { return decision_time_; }
  uint64_t collisions() const { return collisions_; }

private:
  struct proposal {
    message<schema::Pvalue> pvalue;
    std::vector<request> requests; // that it was made of
    time_point since;
    backoff again;
    bool sent = false;
  };

  bool may_propose(const situation& present) const;
  std::vector<request> take_batch(const execution& performed);
  message<schema::Pvalue> form_batch(const std::vector<request>& batch, const situation& present) const;
  template <class Which>
  std::vector<message<schema::Pvalue>> those(Which which) const;

  limits limits_;
  slot_number slot_in_ = 1;
  request_queue requests_;
  std::map<slot_number, proposal> proposals_;  // own ones, undecided
  std::chrono::microseconds decision_time_{0}; // smoothed, from propose to decision
  time_point proposed_{};                      // the last one
  uint64_t collisions_ = 0;
};

} // namespace synod
