// The state that the decided values lead to, computed a second time.
#pragma once

#include "random.hpp"

#include "synod/actors/role/state_machine.hpp"
#include "synod/messages/roles.hpp"

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <unordered_map>
#include <vector>

namespace synod::simulation {

/// A sum over commands, one after the other: equal sums, equal commands.
uint64_t add_to_sum(uint64_t sum, arguments command);

/// What a state machine was told for one slot: equal sums, equal commands in the same order.
struct performed_slot {
  slot_number slot = 0;
  int64_t log_time = 0;
  uint64_t commands = 0;
  uint64_t sum = 0;

  void add(arguments command);
  bool operator==(const performed_slot&) const = default;
};

/// A state machine that tells what it is told.
class observed_machine : public state_machine {
public:
  class observer {
  public:
    virtual ~observer() = default;
    virtual void on_begin_batch(int64_t now, uint64_t slot) = 0;
    virtual void on_apply(arguments command) = 0;
    /// It goes on from a snapshot.
    virtual void on_restore() = 0;
  };

  observed_machine(std::unique_ptr<state_machine> inner, std::shared_ptr<observer> by)
    : inner_{std::move(inner)}, observer_{std::move(by)} {}

  std::span<const command_spec> commands() const override { return inner_->commands(); }
  void begin_batch(int64_t now, uint64_t sequence) override {
    observer_->on_begin_batch(now, sequence);
    inner_->begin_batch(now, sequence);
  }
  void apply(arguments command, reply answer) override {
    observer_->on_apply(command);
    inner_->apply(command, answer);
  }
  void foresee(std::span<const arguments> commands) const override { inner_->foresee(commands); }
  void query(arguments command, reply answer) const override { inner_->query(command, answer); }
  uint64_t version(std::string_view key) const override { return inner_->version(key); }
  std::optional<int64_t> next_deadline() const override { return inner_->next_deadline(); }
  void snapshot(const std::function<void(std::string_view)>& write) const override { inner_->snapshot(write); }
  std::unique_ptr<snapshot_source> begin_snapshot() override { return inner_->begin_snapshot(); }
  std::optional<std::string> restore(const std::function<std::string()>& read) override {
    observer_->on_restore();
    return inner_->restore(read);
  }

private:
  std::unique_ptr<state_machine> inner_;
  std::shared_ptr<observer> observer_;
};

/// One number for a state machine's whole state.
uint64_t digest(const state_machine& machine);

/// Performs the chosen values slot by slot, by the rules of sessions as paper and design state them (exactly once, in
/// the order of cids, ends by log time), with a state machine of its own. What replicas did is compared with it.
class reference {
public:
  static constexpr slot_number digest_every = 64; ///< slots

  reference(std::unique_ptr<state_machine> machine, std::chrono::milliseconds session_lifetime, configurations members,
            uint64_t window);

  /// The value of the next slot.
  void decide(const message<schema::Pvalue>& chosen);

  slot_number slot_out() const { return performed_.size() + 1; }
  int64_t log_time() const { return log_time_; }
  /// What was performed for a slot below slot_out.
  const performed_slot& at(slot_number slot) const { return performed_[slot - 1]; }
  /// The digest when slot_out came to `slot`, a multiple of `digest_every`.
  uint64_t digest_at(slot_number slot) const { return digests_.at(slot); }

  struct occurrence {
    uint64_t place = 0;   ///< in the sequence of all that was performed, from 1; of the first time
    int64_t log_time = 0; ///< of that slot
    uint64_t times = 0;
    std::vector<std::string> replies; ///< as text_of() writes them, if they are kept
  };
  /// Remembers what each command is answered.
  void keep_replies() { keeps_replies_ = true; }
  /// Where commands of this sum (`add_to_sum` from 0) were performed, alone or as one transaction.
  occurrence find(uint64_t sum) const;

  /// From now on, until `end_read`, the state machine is asked this in every state.
  void begin_read(uint64_t number, std::vector<std::string> command);
  /// What it was answered, in any state since then.
  std::set<std::string> end_read(uint64_t number);

  /// Those that rule slots below slot_out + WINDOW.
  const configuration& ruling(slot_number slot) const { return std::prev(members_.upper_bound(slot))->second; }
  const configuration& latest() const { return members_.rbegin()->second; }
  slot_number latest_from() const { return members_.rbegin()->first; }
  /// All that were decided, by the first slot that each rules.
  const std::map<slot_number, configuration>& members() const { return members_; }

  size_t sessions() const { return sessions_.size(); }
  const state_machine& machine() const { return *machine_; }

private:
  struct session {
    uint64_t number = 0; // that opened it
    uint64_t next_cid = 1;
    int64_t used = 0;
  };

  void reconfigure(schema::Configuration::Reader x);
  void open(schema::Open::Reader x, uint64_t id);
  void perform(schema::Commands::Reader commands);
  void apply(const synod::operation& x, uint64_t session_id);
  void apply(arguments command, reply answer, uint64_t& sum);
  void expire_sessions();
  void look_again();
  void look(const std::vector<std::string>& command, std::set<std::string>& answers) const;

  std::unique_ptr<state_machine> machine_;
  int64_t session_lifetime_ms_;
  std::map<slot_number, configuration> members_; // by the first slot that each rules
  uint64_t window_;
  std::vector<performed_slot> performed_;
  performed_slot present_;
  std::map<slot_number, uint64_t> digests_;
  std::map<uint64_t, session> sessions_;
  int64_t log_time_ = 0;
  int64_t expired_at_ = 0;
  uint64_t operations_ = 0;
  std::unordered_map<uint64_t, occurrence> occurrences_; // by sum
  bool keeps_replies_ = false;
  struct open_read {
    std::vector<std::string> command;
    std::set<std::string> answers;
  };
  std::map<uint64_t, open_read> reads_; // by number
};

} // namespace synod::simulation
