// The replica: performs the decided batches and answers clients.
#pragma once

#include "synod/actors/replica/catch_up.hpp"
#include "synod/actors/replica/clients.hpp"
#include "synod/actors/replica/decisions.hpp"
#include "synod/actors/replica/execution.hpp"
#include "synod/actors/replica/followers.hpp"
#include "synod/actors/replica/full_disks.hpp"
#include "synod/actors/replica/log_clock.hpp"
#include "synod/actors/replica/outstanding.hpp"
#include "synod/actors/replica/performed_history.hpp"
#include "synod/actors/replica/proposer.hpp"
#include "synod/actors/replica/read_rounds.hpp"
#include "synod/actors/replica/snapshot_copy.hpp"
#include "synod/actors/replica/snapshot_serving.hpp"
#include "synod/actors/replica/snapshots.hpp"
#include "synod/actors/role/environment.hpp"
#include "synod/actors/role/peers.hpp"

#include <functional>
#include <map>
#include <string>
#include <utility>

namespace synod {

/// Keeps the sequence of commands and the state they lead to (PMMC section 2.1, figure 1).
///
/// Beside the paper: slots carry batches of what waited while an earlier slot was in flight; a replica that is not beside the
/// active leader hands its requests on to the one that is, so that one replica proposes (section 4.2); reads ask a majority of
/// acceptors, or the lease of the leader beside it, instead of taking a slot (section 4.5); what was missed is learned from
/// acceptors, or comes as a snapshot from another replica. It takes snapshots of its own, and tells the acceptors how far they
/// reach (section 4.2).
///
/// Bounds: those of its parts; `peer_limit_bytes` on the way to another host's replica or leader, what is above waits here; and
/// to a client (clients.hpp).
class replica : public replica_actor::base {
public:
  struct options : proposer::limits {
    node_id node;
    uint64_t peer_limit_bytes;
    synod::snapshots::options snapshots;
    uint64_t snapshot_bytes_per_second;            ///< that it fetches from another replica
    size_t snapshot_chunk_bytes;                   ///< of a piece that it gives to another one
    std::function<replicated_state()> fresh_state; ///< one that nothing was performed on
    std::map<node_id, std::string> node_names{};   ///< for what clients are told

    /// Decisions are kept for so many slots from slot_out on: what others have in flight, and a small window's worth to spare.
    decisions::limits ahead() const { return {std::max(2 * window, least_slots_ahead), waiting_limit_bytes}; }
    static constexpr uint64_t least_slots_ahead = 64;
  };

  /// What it knows before it is started, out of its snapshots.
  struct memory {
    std::unique_ptr<execution> performed;
    synod::snapshots::found snapshots;
  };

  replica(caf::actor_config& config, environment_ptr environment, memory before, options opts);

  behavior_type make_behavior() override;
  void on_exit() override;
  const char* name() const override { return "replica"; }

  // For invariant checks.
  slot_number slot_out() const { return execution_->slot_out(); }
  uint64_t leased_rounds() const { return reads_.leased_rounds(); }
  const execution& performed() const { return *execution_; }
  const proposer& proposals() const { return proposer_; }
  const outstanding& own_requests() const { return outstanding_; }
  const read_rounds& reads() const { return reads_; }
  const decisions& ahead() const { return decisions_; }
  uint64_t most_owed_bytes() const { return std::max(replicas_.most_owed_bytes(), leaders_.most_owed_bytes()); }
  const synod::snapshots& snapshots() const { return snapshots_; }
  uint64_t most_owed_to_a_client() const { return clients_.most_owed_bytes(); }
  const options& limits() const { return options_; }

private:
  using request = message<schema::Request>;
  using time_point = caf::actor_clock::time_point;
  class performing;
  class telling_again;
  class answering;

  // In the order of the protocol.
  void on_peer(const peer& x);
  void on_request(const request& x);
  void on_forward(const request& x);
  void on_decision(const message<schema::Pvalue>& pvalue);
  void on_leading(const message<schema::Leading>& leading);
  void on_query(const message<schema::Query>& x);
  void on_highest(const message<schema::Highest>& answer);
  void on_leased(const message<schema::Leased>& told);
  void on_learned(const message<schema::Learned>& answer);
  void on_ask_snapshot(const message<schema::AskSnapshot>& asked);
  void on_snapshot_chunk(const message<schema::SnapshotChunk>& chunk);
  void on_done_aside(const done_aside& x);
  void on_follow(uint64_t window_bytes);
  void on_received(const message<schema::Received>& received);
  void on_down(const caf::down_msg& x);
  void on_tick();
  message<schema::RoleStatus> status() const;
  message<schema::RoleStatus> explain(slot_number slot) const;
  static constexpr std::chrono::milliseconds tick_interval{50};
  static constexpr std::chrono::milliseconds tell_interval{1000};

  bool proposes() const;
  const peers<leader_actor>::entry* leader_to_ask() const;
  bool hears_of_performed(const peers<leader_actor>::entry& x) const;
  void propose();
  void pause_until(std::optional<time_point> when, time_point now);
  void send_proposals(const std::vector<message<schema::Pvalue>>& pvalues);
  bool send_on_its_way(const request& x);
  bool answer_again(const request& x, const caf::strong_actor_ptr& client);
  void refuse(const request& x, const caf::strong_actor_ptr& client);
  /// None: the session could not be opened.
  static message<schema::Opened> opened_as(uint64_t number, std::optional<uint64_t> session);
  void resend(outstanding::what which);
  void tell_performed();
  void on_configuration(const request& x);
  void look_at_configuration();

  void take_decision(const message<schema::Pvalue>& pvalue);
  void perform_decided();
  void settle_proposal(const message<schema::Pvalue>& decided);
  void schedule_expiry();
  void on_ballot(ballot active, slot_number free_slot);

  void serve_reads();
  void answer(read_rounds::read x);
  void serve_held(const caf::strong_actor_ptr& client);
  slot_number target() const { return catch_up_.target(decisions_.all(), reads_.waits_for()); }
  void ask(const catch_up::questions& what);

  void take_snapshot();
  void note_stop(time_point::duration so_long);
  void aside(disk_work x);
  void on_copied(const done_aside& x);
  void fetch_snapshot();
  void warn_of_no_snapshot();
  void install(snapshot_copy::restored x);
  void dispose(replicated_state x);
  void answer_installed();
  slot_number needs_from();
  void tell_durable();

  template <class Schema>
  void send_marked(const caf::strong_actor_ptr& client, builder<Schema>& what) {
    auto [mark, fresh] = clients_.sent(client, what.sizeInWords() * sizeof(capnp::word), clock().now());
    if (fresh && !followers_.has(client)) // Otherwise it is monitored already.
      monitor(client);
    what->setMark(mark);
    send(caf::actor_cast<client_actor>(client), what.finish());
  }
  void note_mark(uint64_t mark);

  // Figure 1: state and slot_out are the execution's, slot_in, requests and proposals the proposer's.
  std::unique_ptr<execution> execution_;
  proposer proposer_;
  decisions decisions_;
  peers<leader_actor> leaders_;

  environment_ptr environment_;
  options options_;
  peers<acceptor_actor> acceptors_;
  node_set reached_; // of the acceptors
  peers<replica_actor> replicas_;
  clients clients_;

  std::optional<ballot> active_; // the highest ballot that is known to have been adopted: its leader leads

  outstanding outstanding_;
  bool fell_out_ = false; // something that a client waits for here is not on its way any more: its turn or its room was missing
  read_rounds reads_;
  catch_up catch_up_;
  followers followers_;
  synod::snapshots snapshots_;
  snapshot_copy copy_;
  snapshot_serving serving_;
  bool catching_up_ = false; // it goes on from a snapshot that was fetched, and is not level yet
  backoff tell_durable_{tell_interval, tell_interval};
  backoff no_snapshot_{std::chrono::seconds{10}, std::chrono::seconds{60}}; // until that is told
  std::chrono::microseconds longest_stop_{0};                               // for a piece of a snapshot
  std::pair<slot_number, slot_number> told_durable_;                        // below, and what is fetched
  log_clock log_clock_;
  full_disks full_;
  marks marks_;                                // to be returned
  std::optional<uint64_t> configured_;         // the number of the latest configuration that its parts know of; none: of none
  std::optional<uint64_t> told_configuration_; // to all leaders that are reached
  slot_number told_slot_out_ = 0;              // to leaders, and to its node
  node_actor node_;
  performed_history history_;
  time_point paused_until_{};    // pause_atom comes then
  int64_t expiry_scheduled_ = 0; // the deadline that expire_atom will come for; 0: none
};

} // namespace synod
