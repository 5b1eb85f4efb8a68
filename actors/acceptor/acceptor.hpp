// The acceptor: the fault-tolerant memory of Paxos.
#pragma once

#include "synod/actors/acceptor/storage.hpp"
#include "synod/messages/roles.hpp"
#include "synod/messages/status.hpp"

#include <map>
#include <memory>
#include <string>

namespace synod {

/// Accepts pvalues (PMMC section 2.2, figure 2). Keeps, per slot, only the pvalue
/// with the highest ballot (section 4.1), and answers only what is durable (section 4.3).
///
/// Blocking: `sync` waits for the disk; a node gives it a thread of its own.
/// Bounds: `cache_bytes` of values are in memory, the others are read back from the
/// storage when asked for; about 100 bytes per slot for the index.
class acceptor : public acceptor_actor::base {
public:
  struct options {
    node_id node = 0; ///< this acceptor's name in its answers
    size_t cache_bytes = 64u << 20;
    size_t piece_bytes = 1u << 20;                 ///< largest p1b or Learned, but for a single larger pvalue
    std::function<void(const std::string&)> fatal; ///< ends the process: the storage failed
  };

  acceptor(caf::actor_config& config, std::unique_ptr<storage> stable, options opts);

  behavior_type make_behavior() override;
  void on_exit() override;
  const char* name() const override { return "acceptor"; }

  struct entry {
    ballot accepted_under;
    storage::position where;
    message<schema::Pvalue> pvalue; // empty: only on disk
  };

  // For invariant checks.
  ballot promised() const { return ballot_; }
  const std::map<slot_number, entry>& accepted() const { return accepted_; }
  uint64_t accepts() const { return accepts_; }
  size_t cached_bytes() const { return cached_bytes_; }
  bool all_durable() const { return !sync_pending_; }
  const options& limits() const { return options_; }

protected: // A variant of the role overrides a handler.
  virtual void on_p1a(const message<schema::P1a>& request);
  virtual void on_p2a(const message<schema::Pvalue>& pvalue, uint64_t mark);
  virtual void on_ask_highest(const message<schema::AskHighest>& request);
  virtual void on_learn(const message<schema::Learn>& request);
  virtual void on_sync();

  virtual void replay();
  virtual void accept(const message<schema::Pvalue>& pvalue, storage::position where);
  void reply_when_durable(std::function<void()> reply);
  message<schema::Pvalue> value_of(entry& x);
  template <class Use>
  slot_number for_piece(slot_number first, slot_number end, bool with_values, Use use);
  void forget_oldest_values();
  void fail(const caf::error& why);
  message<schema::RoleStatus> status() const;

  // state of figure 2
  ballot ballot_;
  std::map<slot_number, entry> accepted_;

  std::unique_ptr<storage> storage_;
  options options_;
  slot_number decided_below_ = 1;
  slot_number highest_durable_ = 0;
  size_t cached_bytes_ = 0;
  slot_number cached_from_ = 1; // values below this slot are only on disk

  // group commit: answers that wait for the next sync
  struct vote {
    leader_actor leader;
    ballot under;
    std::vector<slot_number> slots;
    uint64_t mark = 0;
  };
  vote& vote_for(const leader_actor& leader, ballot under);
  std::vector<vote> votes_;
  std::vector<std::function<void()>> replies_;
  bool sync_pending_ = false;
  uint64_t syncs_ = 0;
  uint64_t accepts_ = 0;
};

} // namespace synod
