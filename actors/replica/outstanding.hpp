// What this replica's own clients have asked for and not been answered.
#pragma once

#include "synod/actors/replica/execution.hpp"
#include "synod/actors/role/backoff.hpp"

#include <deque>
#include <functional>
#include <map>
#include <utility>
#include <vector>

namespace synod {

/// Requests of own clients, remembered until they are performed: commands by session, in the order of cids, and openings. Sent
/// on their way (to be proposed here, or to the replica beside the active leader) as soon as they may, and again with growing
/// pauses; each session and each opening by a clock of its own, which only its own progress sets back.
///
/// Bounds: `limit_bytes` of requests; refused above. What comes behind a refused request of its session is refused too until
/// that one comes again: it could not be performed, only fill the room that the refused one needs. Sessions: as many as there
/// may be, and as many again that are not known here (yet); refused above.
class outstanding {
public:
  using request = message<schema::Request>;
  using client = caf::strong_actor_ptr; ///< only kept
  using time_point = backoff::time_point;

  enum class outcome {
    taken,
    repeated, ///< asked for before; it is answered once, to the client that asked last
    refused,
  };

  explicit outstanding(size_t limit_bytes) : limit_bytes_{limit_bytes} {}

  /// `may_take`: nothing else speaks against it.
  outcome add(const request& x, const client& from, bool may_take);

  // -- what becomes of them

  /// Whose it was; null: not one of these.
  client on_opened(uint64_t number);
  /// Commands of the session were performed: its next cid is the next one that counts. Whose it was, if it was closed by one of
  /// them and the client waits for more; or else null.
  client on_performed(uint64_t session, const session_table& sessions, time_point now);
  /// The session is not known (any more). Whose it was; null: not one of these.
  client on_ended(uint64_t session);

  /// Requests that were performed without this replica's hearing of it, by way of a snapshot, and those of sessions that have
  /// ended: they leave. Each with whose it was.
  std::vector<std::pair<request, client>> take_performed(const execution& performed);

  // -- sending

  /// Which of them are to be sent.
  enum class what {
    all,    ///< another leader, or a predecessor lost its slot
    due,    ///< what was not sent, or so long ago that it may be lost
    unsent, ///< there is room on the way again
  };
  /// Sends one; false: it could not be, and so what comes behind it in its session is not to be sent either.
  using sender = std::function<bool(const request&)>;
  /// Hands them to `send`, each session's in their order. `keeps`: what is sent stays at this very replica and cannot be lost.
  void send(what which, const session_table& sessions, bool keeps, time_point now, const sender& send);
  /// The same for one that was just taken.
  void send_new(const request& x, time_point now, const sender& send);

  // -- to look at

  /// Whose the session is; null: not of a client that waits here.
  const client* client_of(uint64_t session) const;
  bool has(schema::Request::Reader x) const;
  bool empty() const { return bytes_ == 0; }
  size_t bytes() const { return bytes_; }
  /// Forgets sessions that are not known (any more) and wait for nothing.
  void forget_unknown(const session_table& sessions);
  void clear();

private:
  struct entry {
    request asked;
    bool sent = false;
  };
  struct session {
    client from;
    std::deque<entry> entries; // by first cid
    uint64_t refused = 0;      // the first cid of the lowest request that was refused, until it is taken; 0: none
    backoff again;
  };
  struct opening {
    client from;
    entry one;
    backoff again;
  };

  static uint64_t first_cid(const request& x) { return x->getCommands().getFirstCid(); }
  outcome add_opening(const request& x, const client& from, bool may_take);
  outcome add_commands(const request& x, const client& from, bool may_take);
  void send_session(session& x, bool also_sent, const session_table& sessions, const sender& send);
  void left(const request& x);

  size_t limit_bytes_;
  size_t bytes_ = 0;
  std::map<uint64_t, session> sessions_; // by id
  std::map<uint64_t, opening> openings_; // by the client's number
};

} // namespace synod
