#include "synod/actors/replica/replica.hpp"

#include "synod/actors/role/robust.hpp"
#include "synod/actors/role/upheld.hpp"
#include "synod/messages/batch.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace synod {

namespace {

constexpr int64_t longest_sleep_ms = 60'000; // until the next look at the state machine's deadline

} // namespace

/// What becomes of a batch's requests here.
class replica::performing : public execution::listener {
public:
  explicit performing(replica& self) : self_{self}, now_{self.clock().now()} {}

  void on_opened(uint64_t number, std::optional<uint64_t> session) override {
    if (auto client = self_.outstanding_.on_opened(number))
      self_.send(caf::actor_cast<client_actor>(client), replica::opened_as(number, session));
    self_.proposer_.requests().on_opened(number);
  }

  bool on_turn(uint64_t session) override {
    auto* waits = self_.outstanding_.client_of(session);
    client_ = waits ? *waits : nullptr;
    return client_ != nullptr;
  }
  bool has_room() override { return self_.clients_.has_room_for_responses(client_); }
  void send(builder<schema::Responses>& part) override { self_.send_marked(client_, part); }

  void on_performed(uint64_t session) override {
    if (auto client = self_.outstanding_.on_performed(session, self_.execution_->sessions(), now_))
      tell_ended(session, client);
    self_.proposer_.requests().on_performed(session, self_.execution_->sessions());
  }

  void on_skipped(uint64_t session, session_table::turn turn) override {
    if (turn == session_table::turn::too_early) {
      // Its predecessor lost its slot: both are sent again, in order.
      self_.proposer_.requests().break_chain(session);
      self_.fell_out_ |= self_.outstanding_.client_of(session) != nullptr;
    } else if (turn == session_table::turn::unknown) {
      self_.proposer_.requests().break_chain(session); // It would take up slots in vain.
      if (auto client = self_.outstanding_.on_ended(session))
        tell_ended(session, client);
    }
    self_.proposer_.requests().on_performed(session, self_.execution_->sessions());
  }

private:
  void tell_ended(uint64_t session, const caf::strong_actor_ptr& client) {
    builder<schema::Responses> answer;
    answer->setSession(session);
    answer->setSessionEnded(true);
    self_.send_marked(client, answer);
  }

  replica& self_;
  proposer::time_point now_;
  caf::strong_actor_ptr client_; // of the run of commands that is being performed
};

replica::replica(caf::actor_config& config, environment_ptr environment, memory before, options opts)
  : replica_actor::base{config},
    execution_{std::move(before.performed)},
    proposer_{opts},
    decisions_{opts.ahead()},
    leaders_{opts.peer_limit_bytes},
    environment_{std::move(environment)},
    options_{std::move(opts)},
    acceptors_{options_.peer_limit_bytes},
    replicas_{options_.peer_limit_bytes},
    clients_{options_.peer_limit_bytes},
    outstanding_{options_.waiting_limit_bytes},
    reads_{execution_->members(), options_.node, options_.waiting_limit_bytes},
    catch_up_{execution_->members(), options_.window, options_.node},
    followers_{clients_},
    snapshots_{environment_->files(), options_.snapshots, std::move(before.snapshots), environment_->random()},
    copy_{environment_->files(), {options_.snapshots.directory, options_.snapshots.whose, options_.snapshot_bytes_per_second}},
    serving_{environment_->files(), options_.node, options_.snapshot_chunk_bytes, snapshot_copy::first_free_number} {}

replica::behavior_type replica::make_behavior() {
  robust(*this, environment_);
  set_down_handler([this](const caf::down_msg& x) { on_down(x); });
  delayed_send(this, tick_interval, tick_atom_v);
  no_snapshot_.tried(clock().now());
  if (auto& members = execution_->members(); !members.empty()) {
    configured_ = members.latest().number();
    snapshots_.want(*configured_ > 0 ? members.latest_from() : 0);
  }
  return {
    [this](const peer& x) { on_peer(x); },
    [this](status_atom) { return status(); },
    [this](explain_atom, uint64_t slot) { return explain(slot); },
    [this](const request& x) { on_request(x); },
    [this](forward_atom, const request& x, uint64_t mark) {
      note_mark(mark);
      on_forward(x);
    },
    [this](const message<schema::Query>& x) { on_query(x); },
    [this](decision_atom, const message<schema::Pvalue>& pvalue, uint64_t mark) {
      note_mark(mark);
      on_decision(pvalue);
    },
    [this](const message<schema::Leading>& leading) { on_leading(leading); },
    [this](const message<schema::Received>& received) { on_received(received); },
    [this](const message<schema::Highest>& answer) { on_highest(answer); },
    [this](const message<schema::Leased>& told) { on_leased(told); },
    [this](const message<schema::Learned>& answer) { on_learned(answer); },
    [this](const message<schema::AskSnapshot>& asked) { on_ask_snapshot(asked); },
    [this](const message<schema::SnapshotChunk>& chunk) { on_snapshot_chunk(chunk); },
    [this](const done_aside& x) { on_done_aside(x); },
    [this](expire_atom, int64_t deadline) {
      if (deadline != expiry_scheduled_)
        return; // An earlier one has come in between.
      expiry_scheduled_ = 0;
      propose();
      schedule_expiry();
    },
    [this](pause_atom) {
      if (paused_until_ > clock().now())
        return; // An earlier one's.
      propose();
      serve_reads();
    },
    [this](follow_atom, uint64_t window_bytes) { on_follow(window_bytes); },
    [this](tick_atom) { on_tick(); },
  };
}

// Handles that roles hold of each other would keep all of them alive.
void replica::on_exit() {
  leaders_.clear();
  acceptors_.clear();
  replicas_.clear();
  outstanding_.clear();
  reads_.clear();
  clients_.clear();
  followers_.clear();
  serving_.clear();
  marks_.take();
  node_ = nullptr;
}

void replica::on_peer(const peer& x) {
  if (x.role == "leader") {
    leaders_.renew(x);
    told_slot_out_ = 0; // This one was not told.
    told_configuration_.reset();
    tell_performed();
  } else if (x.role == "node" && x.node == options_.node) {
    node_ = caf::actor_cast<node_actor>(x.handle);
    told_slot_out_ = 0;
    tell_performed();
  } else if (x.role == "acceptor") {
    acceptors_.renew(x);
    reached_ = acceptors_.nodes();
    told_durable_ = {}; // This one was not told.
    tell_durable();
    ask(catch_up_.on_acceptor(x.node, slot_out(), reached_));
    reads_.on_acceptor();
    serve_reads();
  } else if (x.role == "replica" && x.node != options_.node) {
    replicas_.renew(x);
    if (x.handle && active_ && x.node == active_->leader) // What was on its way is lost.
      resend(outstanding::what::all);
  }
}

// -- proposals ----------------------------------------------------------------

/// True beside the active leader; and where that has no replica beside it.
bool replica::proposes() const {
  auto& members = execution_->members();
  return active_ && !members.empty()
         && (active_->leader == options_.node || !members.ruling(proposer_.slot_in()).replicas().contains(active_->leader));
}

const peers<leader_actor>::entry* replica::leader_to_ask() const {
  auto* found = active_ ? leaders_.find(active_->leader) : nullptr;
  return found ? found : leaders_.find(options_.node); // It hands on to the active one, if it reaches that.
}

// propose(): move requests into proposals while the window allows.
void replica::propose() {
  if (!proposes() || !leader_to_ask())
    return;
  auto now = clock().now();
  auto log_time = log_clock_.read(now);
  if (!log_time)
    return; // The leader will tell.
  auto deadline = execution_->state().machine->next_deadline();
  const proposer::situation present{*active_,      catch_up_.decided_below(), decisions_.all(), *execution_, *log_time, now,
                                    options_.node, reads_.distance().pause()};
  while (true) {
    auto time_is_due = deadline && *deadline <= *log_time && proposer_.in_flight() == 0;
    auto pvalue = proposer_.propose(present, time_is_due);
    if (!pvalue)
      break;
    send_proposals({pvalue});
  }
  pause_until(proposer_.next_proposes(present.pause), now);
}

/// What waits for the end of a pause goes on then.
void replica::pause_until(std::optional<time_point> when, time_point now) {
  if (!when || *when <= now || (paused_until_ > now && paused_until_ <= *when))
    return; // Past: it waits for something else.
  paused_until_ = *when;
  delayed_send(this, paused_until_ - now, pause_atom_v);
}

/// In the order of slots, as far as there is room on the way; the others are sent when marks come back.
void replica::send_proposals(const std::vector<message<schema::Pvalue>>& pvalues) {
  auto* leader = leader_to_ask();
  auto now = clock().now();
  for (auto& each : pvalues) {
    uint64_t mark = 0;
    auto local = leader && leader->node == options_.node; // A pointer is handed over.
    if (!leader || (!local && !leader->flow->admit(each.size_bytes(), now, mark)))
      return;
    send(leader->handle, propose_atom_v, each, mark);
    proposer_.sent(each->getSlot(), now);
  }
}

// -- decisions ----------------------------------------------------------------

// decision: remember it; perform what is decided without a gap.
void replica::on_decision(const message<schema::Pvalue>& pvalue) {
  on_ballot(ballot_of(pvalue->getBallot()), 0);
  if (pvalue->getSlot() >= slot_out())
    history_.heard(pvalue->getSlot(), environment_->wall_clock_ms());
  take_decision(pvalue);
  perform_decided();
}

void replica::take_decision(const message<schema::Pvalue>& pvalue) {
  catch_up_.told_decided_below(pvalue->getDecidedBelow());
  if (!decisions_.take(pvalue, slot_out()))
    catch_up_.saw(pvalue->getSlot()); // It is learned when its turn comes.
}

void replica::perform_decided() {
  auto before = slot_out();
  performing told{*this};
  while (decisions_.has(slot_out()) && !execution_->members().empty()) { // One that joins needs a snapshot first.
    auto now = clock().now();
    if (clients_.catches_up(now))
      break; // Marks, or a tick, go on with it.
    auto decided = decisions_.next(slot_out());
    settle_proposal(decided);
    execution_->perform(decided, told);
    history_.performed(decided, environment_->wall_clock_ms());
    look_at_configuration();
    snapshots_.performed(decided.size_bytes());
    followers_.next(decided.size_bytes(), now, [&](auto& each, uint64_t mark) {
      send(caf::actor_cast<follower_actor>(each), decision_atom_v, decided, mark);
    });
  }
  if (slot_out() == before)
    return;
  log_clock_.saw(execution_->state().log_time, clock().now());
  if (std::exchange(fell_out_, false))
    resend(outstanding::what::all);
  propose();
  serve_reads();
  schedule_expiry();
  take_snapshot();
  if (catch_up_.is_through_with_leader(slot_out())) { // It goes on from what this replica has performed.
    tell_performed();
    ask(catch_up_.go_on_with_leader(slot_out(), target()));
  }
}

/// If something else was proposed for the slot, that goes back into requests. Those for which there is no room are sent again
/// by the replica whose clients' they are, this one or another, and all of them when another one is the proposer by now.
void replica::settle_proposal(const message<schema::Pvalue>& decided) {
  auto lost = proposer_.settle(decided, clock().now());
  if (lost.empty() || !proposes())
    return;
  std::erase_if(lost, [this](auto& x) { return execution_->is_performed(*x); });
  proposer_.put_back(std::move(lost), [this](auto& x) {
    auto own = outstanding_.has(*x);
    auto keep = proposer_.has_room(x, own);
    fell_out_ |= own && !keep;
    return keep;
  });
}

/// When nothing else carries the time, the proposer does, at the state machine's next deadline. One that has passed already
/// is the ticks' affair: the time is on its way, or cannot be decided now.
void replica::schedule_expiry() {
  auto deadline = execution_->state().machine->next_deadline();
  if (!deadline || !proposes() || (expiry_scheduled_ != 0 && expiry_scheduled_ <= *deadline))
    return;
  auto log_time = log_clock_.read(clock().now());
  auto wait = log_time ? *deadline - *log_time : 0;
  if (wait <= 0)
    return;
  expiry_scheduled_ = *deadline;
  delayed_send(this, std::chrono::milliseconds{std::min(wait, longest_sleep_ms)}, expire_atom_v, *deadline);
}

// -- configurations -----------------------------------------------------------

/// What a batch has decided concerns all who count votes, or ask those who voted (section 2.1).
void replica::look_at_configuration() {
  auto& members = execution_->members();
  if (members.empty() || members.latest().number() == configured_)
    return;
  configured_ = members.latest().number();
  environment_->log().info("replica: configuration {} rules from slot {}", *configured_, members.latest_from());
  reads_.reconfigure(members);
  catch_up_.reconfigure(members);
  snapshots_.want(members.latest_from()); // Nodes that it has not got may go when it is durable.
  told_slot_out_ = 0;
  tell_performed();
  told_durable_ = {};
  tell_durable();
}

// -- who leads ----------------------------------------------------------------

void replica::on_leading(const message<schema::Leading>& leading) {
  auto told = ballot_of(leading->getBallot());
  if (active_ && told < *active_) {
    // An idle leader asks no acceptor, and so is not preempted by them: it would keep candidates away for ever.
    if (auto stale = caf::actor_cast<leader_actor>(current_sender())) {
      builder<schema::HigherBallot> higher;
      write(*active_, higher->initBallot());
      send(stale, higher.finish());
    }
    return;
  }
  catch_up_.told_decided_below(leading->getDecidedBelow());
  full_.told(leading->getFull(), clock().now());
  if (auto time = leading->getClusterTime(); time.getAtLeast() > 0)
    log_clock_.told(time.getAtLeast(), time.getAtMost(), clock().now());
  on_ballot(told, leading->getFreeSlot());
}

/// A new leader: what is under way goes to it. It has proposals below `free_slot`; what an earlier leader had behind may be
/// lost, and is free again.
void replica::on_ballot(ballot active, slot_number free_slot) {
  if ((active_ && active <= *active_) || active.round > most_round)
    return;
  active_ = active;
  proposer_.begin_anew(std::max(slot_out(), free_slot));
  if (proposes())
    send_proposals(proposer_.all());
  resend(outstanding::what::all);
}

} // namespace synod
