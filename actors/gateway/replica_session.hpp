// A gateway's session with the replicas: what is under way, and what becomes of it.
#pragma once

#include "synod/actors/gateway/operation_buffer.hpp"
#include "synod/actors/gateway/ticket.hpp"
#include "synod/actors/role/backoff.hpp"

#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace synod {

/// One session for all clients of a gateway: gives their commands cids in the order in which they come, and so each is
/// performed once, in that order. One replica at a time has it; when that one is lost, or says that the session has ended,
/// what it was sent has an unknown outcome, and another session is opened, which replaces it: whatever may still be under way
/// somewhere is performed before that or never, and not behind what clients write when they were told. Reads belong to no
/// session: queries carry them, as many as wait in one.
///
/// Every command has a deadline. One that passes it is answered by an error. If it was sent it keeps its cid, and its late reply
/// finds nobody; one that was not is dropped, so that nothing is performed long after everybody has given it up.
///
/// Bounds: `outstanding_limit_bytes` of commands that are to be decided, not yet sent or not yet answered, and as much of
/// reads, in `most_queries` queries. Nothing is taken above a bound: one command, or the queries of one turn, may go across it.
class replica_session {
public:
  using time_point = backoff::time_point;

  static constexpr size_t most_queries = 4096;

  struct options {
    std::chrono::milliseconds request_timeout;
    std::chrono::milliseconds lifetime; ///< a session that is not used so long is ended by the replicas
    size_t outstanding_limit_bytes;
    uint64_t seed; ///< of the openings' numbers
  };

  explicit replica_session(options opts) : options_{opts}, random_{opts.seed} {}

  // From connections; false: nothing was taken, there is no room.
  bool submit(ticket whose, arguments command, time_point now);
  bool submit(ticket whose, const transaction& whole, time_point now);
  bool submit_versions(ticket whose, arguments keys, time_point now);
  bool read(ticket whose, arguments command, time_point now);
  bool read_versions(ticket whose, arguments keys, time_point now);
  /// So much waits that it should be sent now.
  bool full() const { return commands_.full() || reads_.full(); }

  // For the replica: what is to be sent now, a message at a time.
  std::optional<message<schema::Request>> next_request(time_point now);
  std::optional<message<schema::Query>> next_query();

  // From the replica. False: the session is lost, another will be opened.
  void on_opened(const message<schema::Opened>& opened, time_point now);
  /// None is opened, for a reason that will last: what waits for one is told.
  void on_opening_refused(const message<schema::Opened>& opened, recipient& to);
  bool on_responses(const message<schema::Responses>& responses, recipient& to);
  void on_answers(const message<schema::Answers>& answers, recipient& to);

  /// A replica is reached.
  void begin() { reached_ = true; }
  /// It is not reached any more: it alone knows which commands are outstanding.
  void lose_replica(recipient& to);

  /// Answers what has passed its deadline, and keeps an idle session alive.
  void on_tick(time_point now, recipient& to);

  uint64_t session() const { return session_; } ///< 0: none is open
  /// Commands and reads.
  uint64_t timed_out() const { return timed_out_; }
  /// Commands to be decided that have no reply yet.
  size_t waiting() const { return under_way_.size(); }
  /// Nobody waits for anything.
  bool idle() const { return under_way_.empty() && reading_.empty() && queries_.empty(); }
  size_t bytes_at_replica() const { return sent_bytes_; }
  /// Of commands that are to be decided: at the replica, and on their way to it.
  size_t outstanding_bytes() const { return sent_bytes_ + commands_.bytes(); }
  size_t read_bytes() const { return asked_bytes_ + reads_.bytes(); }
  uint64_t taken() const { return taken_; }

private:
  struct waiting_command {
    ticket whose;
    time_point deadline;
  };

  /// A message at the replica.
  struct sent_request {
    uint64_t end_cid;
    size_t bytes;
  };

  struct query {
    std::vector<waiting_command> waiting; // by the place of the operation
    message<schema::Query> asked;
    size_t answered = 0; // so many, from the front
  };

  bool has_room() const { return outstanding_bytes() < options_.outstanding_limit_bytes; }
  bool has_room_for_reads() const { return queries_.size() < most_queries && read_bytes() < options_.outstanding_limit_bytes; }
  void wait(ticket whose, time_point now);
  void wait_for_read(ticket whose, time_point now);
  uint64_t first_waiting_cid() const { return next_cid_ - (under_way_.size() - commands_.size()); }
  message<schema::Request> opening(time_point now);
  void forget_sent(uint64_t below_cid);
  void lose_session(recipient& to, uint64_t refused_from_cid = UINT64_MAX, const std::string& why_refused = {});
  void expire_commands(time_point now, recipient& to);
  void expire_reads(time_point now, recipient& to);
  void fail_rest(query& x, size_t end, std::string_view why, recipient& to);
  void end_query(std::map<uint64_t, query>::iterator which);

  options options_;
  bool reached_ = false;
  uint64_t taken_ = 0;
  uint64_t timed_out_ = 0;

  // the session
  uint64_t session_ = 0;
  uint64_t next_cid_ = 1;
  time_point used_{};
  operation_buffer commands_;             // not sent yet: they have no cids
  std::deque<waiting_command> under_way_; // those that were sent, up to next_cid_; then those in commands_
  size_t expired_ = 0;                    // so many of them, from the front, were answered by an error
  std::deque<sent_request> sent_;
  size_t sent_bytes_ = 0;

  // opening one
  std::mt19937_64 random_;
  uint64_t opening_ = 0;  // names it for the replicas; the same until it is answered, so that one session comes of it
  uint64_t replaces_ = 0; // the session that was lost last
  backoff pauses_{std::chrono::milliseconds{100}, std::chrono::seconds{1}};

  // reads
  operation_buffer reads_; // not asked yet
  std::vector<waiting_command> reading_;
  std::map<uint64_t, query> queries_;
  uint64_t next_query_ = 1;
  size_t asked_bytes_ = 0; // of queries_
  operation_reader reading_back_;
};

} // namespace synod
