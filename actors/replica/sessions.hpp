// The sessions of the replicated state: what makes a command take effect exactly once.
#pragma once

#include "synod/messages/client.capnp.h"
#include "synod/messages/message.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace synod {

/// The same at every replica: changed by decided commands and log time only (messages/protocol.md, exactly once).
///
/// Bounds: `limit` sessions, an opening one beyond it is refused; a session that keeps
/// results keeps the last `results_limit` of them, at most `results_limit_bytes`, none that is larger than `result_limit_bytes`;
/// all sessions together keep `all_results_limit_bytes`: one that would pass that keeps fewer of its own, or none.
class session_table {
public:
  static constexpr size_t limit = 65536;
  static constexpr size_t results_limit = 128;
  static constexpr size_t results_limit_bytes = 1u << 20;
  static constexpr size_t result_limit_bytes = 256u << 10;
  static constexpr size_t all_results_limit_bytes = 256u << 20;

  enum class turn { now, performed, too_early, unknown };

  explicit session_table(int64_t lifetime_ms, size_t all_results_limit = all_results_limit_bytes)
    : lifetime_ms_{lifetime_ms}, all_results_limit_{all_results_limit} {}

  /// Opens a session for the client's random number, with an id that was never used: made of the slot and the place in its
  /// batch. The same number again, while its session lasts, opens no second one. Returns the session's id; none: the table
  /// is full.
  std::optional<uint64_t> open(uint64_t number, uint64_t id, bool keep_results, int64_t now);
  /// The session that was opened for this number, if it lasts.
  std::optional<uint64_t> opened_by(uint64_t number) const;
  void close(uint64_t id);

  /// Is it this command's turn? Only the session's next cid is performed.
  turn turn_of(uint64_t id, uint64_t cid) const;
  /// A command of the session is performed now. False: there is no such session (any more).
  bool advance(uint64_t id, int64_t now);

  bool keeps_results(uint64_t id) const;
  void keep(uint64_t id, uint64_t cid, message<schema::Reply> result);
  /// The kept result; null: not kept any more.
  message<schema::Reply> result(uint64_t id, uint64_t cid) const;

  uint64_t next_cid(uint64_t id) const;
  bool known(uint64_t id) const { return sessions_.contains(id); }
  size_t size() const { return sessions_.size(); }

  /// Ends the sessions that were not used for the lifetime.
  void expire(int64_t now);
  /// The log time at which sessions were last looked at.
  int64_t expired_at() const { return expired_at_; }

  struct session {
    uint64_t number = 0; ///< that opened it
    uint64_t next_cid = 1;
    int64_t used = 0;
    bool keep_results = false;
    std::deque<std::pair<uint64_t, message<schema::Reply>>> results; ///< by cid, the oldest first
    size_t results_bytes = 0;
  };

  /// Sessions as they were when this was made, told while the table goes on. One that was not told yet is kept before it changes;
  /// its results are shared, not copied. One at a time; it ends before the table, which stays where it is until then.
  class moment {
  public:
    explicit moment(session_table& of);
    ~moment() { table_.moment_ = nullptr; }
    moment(const moment&) = delete;
    moment& operator=(const moment&) = delete;

    /// The next one, with its id; none: there is no more.
    std::optional<std::pair<uint64_t, session>> next();

  private:
    friend session_table;
    void before_change(uint64_t id, const session& x);

    session_table& table_;
    uint64_t end_;                                      // ids from here on are of sessions that were opened later
    uint64_t told_ = 0;                                 // every session up to this id
    std::vector<std::pair<uint64_t, session>> changed_; // as they were
    std::unordered_set<uint64_t> changed_ids_;
  };

  /// For restoring: puts back what a moment told; false: there is one by that id or number, or as many as there may be.
  bool restore(uint64_t id, session x);
  void restore_clock(int64_t expired_at) { expired_at_ = expired_at; }

private:
  void before_change(uint64_t id, const session& x) {
    if (moment_)
      moment_->before_change(id, x);
  }
  void forget_first_result(session& x);
  void forget(const session& x);

  int64_t lifetime_ms_;
  size_t all_results_limit_;
  size_t all_results_bytes_ = 0;
  std::map<uint64_t, session> sessions_;
  std::unordered_map<uint64_t, uint64_t> by_number_; // that opened it: its id
  int64_t expired_at_ = 0;
  moment* moment_ = nullptr;
};

} // namespace synod
