// The replicated state, and how decided batches move it on.
#pragma once

#include "synod/actors/replica/response_writer.hpp"
#include "synod/actors/replica/sessions.hpp"
#include "synod/actors/role/state_machine.hpp"
#include "synod/messages/batch.hpp"
#include "synod/messages/roles.hpp"

#include <array>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace synod {

/// `state` and `slot_out` of the paper's figure 1: what the decided values below slot_out lead to, the same at every replica
/// that has performed as many. Exactly this is the unit of a snapshot.
struct replicated_state {
  std::unique_ptr<state_machine> machine;
  session_table sessions;
  int64_t log_time = 0; ///< milliseconds since 1970: the highest time that a performed batch carries
  slot_number slot_out = 1;
  configurations members = {}; ///< those that were decided; empty: what this replica begins with is not known yet
  uint64_t window = 1;         ///< WINDOW: one that is decided at slot s rules from s + WINDOW on
};

/// Performs decided batches, each in its slot's turn: openings, commands whose turn it is, transactions. A session that a batch
/// opens has the id slot * most_requests + its place in the batch, so no id is ever used twice.
///
/// Every command goes to the state machine; only where a client waits is its reply built.
class execution {
public:
  /// Hears what becomes of a batch's requests, in their order. What it is told of sessions it has to be done with when it
  /// returns.
  class listener : public reply_sink<commands_format> {
  public:
    /// The session that was opened for a client's number; none: there are as many as there may be.
    virtual void on_opened(uint64_t number, std::optional<uint64_t> session) = 0;
    /// Whether the session's client waits here: then replies to its commands go to the sink. Told of right after.
    virtual bool on_turn(uint64_t session) = 0;
    /// Commands of the session were performed.
    virtual void on_performed(uint64_t session) = 0;
    /// Commands of the session were skipped, for it was not their turn; or will be: another one has replaced it (`unknown`).
    virtual void on_skipped(uint64_t session, session_table::turn turn) = 0;
  };

  explicit execution(replicated_state initial) : state_{std::move(initial)} {}
  virtual ~execution() = default;

  /// Performs the batch that is decided for slot_out (R2, R3), and moves slot_out on.
  virtual void perform(const message<schema::Pvalue>& decided, listener& told);

  /// Answers a query's operations from the one at `first` on, from the present state, as far as the client has room. Gives the
  /// operation to go on with, which may be answered from a later state; only versions are told together with what they are the
  /// versions of.
  unsigned answer(schema::Query::Reader asked, unsigned first, reply_sink<query_format>& sink);

  /// Goes on from another state, of a snapshot; gives back the one that it had.
  replicated_state install(replicated_state later) { return std::exchange(state_, std::move(later)); }

  const replicated_state& state() const { return state_; }
  replicated_state& state() { return state_; }
  slot_number slot_out() const { return state_.slot_out; }
  const session_table& sessions() const { return state_.sessions; }

  const configurations& members() const { return state_.members; }

  /// Whether all that the request asks for was performed already: it was sent more than once, and would only take up a slot.
  bool is_performed(schema::Request::Reader x) const;

  uint64_t commands_performed() const { return performed_; }
  uint64_t commands_skipped() const { return skipped_; }
  uint64_t reads() const { return reads_; }

private:
  void perform_configuration(schema::Configuration::Reader x);
  void open(schema::Open::Reader x, uint64_t id, listener& told);
  void perform_commands(schema::Commands::Reader x, listener& told);
  template <class Use>
  void for_each(schema::Operations::Reader all, unsigned first, Use use);
  void apply(uint64_t session, uint64_t cid, bool keep_result, const operation& x, reply answer);
  void apply_operation(uint64_t session, const operation& x, reply answer);
  void apply_transaction(const operation& x, reply answer);
  void tell_versions(arguments keys, reply answer) const;
  void answer_operation(const operation& x, reply answer) const;

  replicated_state state_;
  std::array<operation, state_machine::most_foreseen> ahead_; // read, and not performed yet
  std::vector<arguments> foreseen_;
  uint64_t performed_ = 0;
  uint64_t skipped_ = 0;
  uint64_t reads_ = 0;
};

} // namespace synod
