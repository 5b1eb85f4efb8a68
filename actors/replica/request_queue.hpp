// The requests that wait to be proposed.
#pragma once

#include "synod/actors/replica/sessions.hpp"

#include <deque>
#include <unordered_map>
#include <unordered_set>

namespace synod {

/// `requests` of the paper's figure 1, for sessions: what is in the queue and in this replica's undecided proposals is,
/// for each session, a chain: without repetitions and without gaps from the session's next cid on; and each opening once. So what
/// clients and other replicas send again, or send before its turn, takes no room here and no slot.
///
/// It has no bound of its own: its owner looks at bytes() before it adds.
class request_queue {
public:
  using request = message<schema::Request>;

  enum class outcome {
    added,
    known,     ///< performed already, or in the chain, or an opening that waits
    too_early, ///< something is missing before it
  };

  /// Puts a request behind the others, if its session's chain goes on with it. `turns_known`: nothing else is under way
  /// that may move a session's turn; otherwise any request may begin a chain.
  outcome add(const request& x, const session_table& sessions, bool turns_known);

  /// Puts one that was taken back to the front: its proposal lost the slot.
  void put_back(request x);

  bool empty() const { return requests_.empty(); }
  size_t size() const { return requests_.size(); }
  size_t bytes() const { return bytes_; }
  const request& front() const { return requests_.front(); }
  request take();

  /// A request of this session was performed: if it was the last one of its chain, there is no chain any more.
  void on_performed(uint64_t session, const session_table& sessions);

  /// The opening with this number was performed, or is given up here.
  void on_opened(uint64_t number) { openings_.erase(number); }

  /// A request of this session was decided before its turn, or the session has ended: the rest of its chain would be skipped,
  /// too.
  void break_chain(uint64_t session);

  void clear();

private:
  std::deque<request> requests_;
  size_t bytes_ = 0;
  std::unordered_map<uint64_t, uint64_t> chain_end_; // by session: the cid that goes on with it
  std::unordered_set<uint64_t> openings_;            // by number
};

} // namespace synod
