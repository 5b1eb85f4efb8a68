// A client's session with the replicas: what is under way in it, and what becomes of that.
#pragma once

#include "synod/actors/role/backoff.hpp"
#include "synod/messages/client.capnp.h"
#include "synod/messages/message.hpp"
#include "synod/messages/operations.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>

namespace synod {

/// Why a client was not answered by the state machine.
enum class client_fault : uint8_t {
  not_performed = 1, ///< nothing was done: too much is under way, or no session is to be had
  outcome_unknown,   ///< its session has ended: it was performed once, or never will be
  not_read,          ///< the client has ended
};

/// One session whose results are kept. Whatever it is asked for is sent to one replica and, while that is silent, to the next
/// one, until it is answered: each operation is performed once all the same, in the order in which it came, and its result is
/// that of the one time (PMMC section 2.1; messages/protocol.md, exactly once). Queries belong to no session, and are asked again
/// in the same way.
///
/// Knows no replicas and no clock: its owner sends, and tells it of the time.
///
/// Bounds: `outstanding_limit_bytes` of operations that are not answered yet: what would go beyond is not taken. `most_under_way`
/// operations at the replicas, or one request, the others wait here. What is kept of results has bounds, too (sessions.hpp): of
/// one that a lost replica performed, and that is not kept any more, the next replica tells that by an error, "ERR the command
/// was performed, its result is no longer kept". With the usual `most_under_way` that takes results of more than 8 KiB.
class client_session {
public:
  using time_point = backoff::time_point;

  struct options {
    std::chrono::milliseconds patience{1000}; ///< with a replica that is silent; each time in vain twice as much, up to 5 s
    std::chrono::milliseconds lifetime =
      std::chrono::hours{1};                    ///< of a session that is not used: `session-lifetime` of [replica]
    size_t outstanding_limit_bytes = 16u << 20; ///< not above `waiting-limit` of [replica]
    size_t most_under_way = 128;
    uint64_t seed = 0; ///< of the numbers by which sessions are opened
  };

  /// Who has it. What was asked bears a number of the owner's own; 0 is nobody's.
  class owner {
  public:
    virtual ~owner() = default;
    /// To the replica that is used now; nowhere, if none is reached.
    virtual void ask(const message<schema::Request>& x) = 0;
    virtual void ask(const message<schema::Query>& x) = 0;
    virtual void answer(uint64_t asked, message<schema::Replies> replies) = 0;
    virtual void fail(uint64_t asked, client_fault what, const std::string& why) = 0;
  };

  client_session(options opts, owner& of) : options_{opts}, owner_{of}, random_{opts.seed}, patience_{opts.patience} {}

  /// Operations to be decided.
  void perform(uint64_t asked, const message<schema::Operations>& operations, time_point now);
  /// Read-only ones.
  void query(uint64_t asked, const message<schema::Operations>& operations, time_point now);

  void on_opened(const message<schema::Opened>& opened, time_point now);
  void on_responses(const message<schema::Responses>& responses, time_point now);
  void on_answers(const message<schema::Answers>& answers, time_point now);
  void on_tick(time_point now);

  /// Another replica is used from now on, or the same one anew: it is sent all that is not answered.
  void on_replica(time_point now);
  /// Something is waited for, and the replica says nothing: another one is to be used. Then the next one has longer.
  bool gives_up(time_point now);
  /// Whoever waits is told.
  void end();

  uint64_t session() const { return session_; } ///< 0: none is open
  bool idle() const { return waiting_.empty() && requests_.empty() && queries_.empty(); }
  size_t outstanding_bytes() const { return outstanding_bytes_; }
  size_t under_way() const { return under_way_; } ///< operations of requests that were sent

private:
  struct waiting {
    uint64_t asked;
    message<schema::Operations> operations;
  };

  /// The replies so far, in order.
  struct gathered {
    uint32_t count = 0;
    std::unique_ptr<builder<schema::Replies>> replies{};

    void add(schema::Reply::Reader reply, uint32_t all);
  };

  struct sent_request {
    uint64_t asked;
    uint64_t first_cid;
    uint32_t operations;
    size_t bytes; // of them
    message<schema::Request> request;
    gathered answer;
  };

  struct sent_query {
    uint64_t asked;
    size_t bytes; // of its operations
    message<schema::Query> query;
    gathered answer;
    bool refused = false; // and not sent again since
  };

  bool takes(uint64_t asked, const message<schema::Operations>& operations, time_point now);
  bool is_sound(schema::Operations::Reader operations) const;
  void send_waiting();
  void send_request(uint64_t asked, schema::Operations::Reader operations, size_t bytes);
  template <class Pack>
  void send_own(Pack pack);
  void open(time_point now);
  void on_refused_opening(const std::string& why);
  void lose_session(time_point now);
  void renumber(std::map<uint64_t, sent_query>::iterator which);
  void fail_waiting(client_fault what, const std::string& why);

  options options_;
  owner& owner_;
  std::mt19937_64 random_;

  uint64_t session_ = 0;
  uint64_t opening_ = 0;  // the number of the one that is being opened; 0: none is
  uint64_t replaces_ = 0; // the session before
  backoff openings_{std::chrono::milliseconds{100}, std::chrono::seconds{1}};
  uint64_t next_cid_ = 1;
  uint64_t next_query_ = 1;

  std::deque<waiting> waiting_; // for a session, or for their turn
  std::deque<sent_request> requests_;
  std::map<uint64_t, sent_query> queries_; // by number
  size_t outstanding_bytes_ = 0;
  size_t under_way_ = 0;

  /// Requests, with openings, or queries: a replica may answer the ones and not the others.
  struct silence {
    time_point since{};   // something was heard, or asked when nothing had been
    bool refused = false; // something was, and is to be sent again after a pause
    backoff pauses{std::chrono::milliseconds{100}, std::chrono::seconds{1}};

    void note_refusal(time_point now) {
      if (!std::exchange(refused, true))
        pauses.tried(now);
    }
    void note_answer(time_point now) {
      since = now;
      pauses.reset();
    }
    bool is_over(time_point now) const { return refused && pauses.due(now); }
  };

  time_point used_{}; // the session
  silence of_requests_;
  silence of_queries_;
  std::chrono::milliseconds patience_;
};

} // namespace synod
