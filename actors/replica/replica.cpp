#include "synod/actors/replica/replica.hpp"

#include "synod/messages/batch.hpp"

#include <algorithm>

namespace synod {

namespace {

constexpr std::chrono::milliseconds tick_interval{50};
constexpr std::chrono::milliseconds last_resend_pause{5000};
constexpr std::chrono::milliseconds read_pause{100};
// With a decision within this time one slot in flight is best; each further multiple pays for one more.
constexpr std::chrono::microseconds decision_time_per_slot{2000};

} // namespace

replica::replica(caf::actor_config& config, std::unique_ptr<state_machine> machine, options opts)
  : replica_actor::base{config},
    machine_{std::move(machine)},
    leaders_{opts.peer_limit_bytes},
    options_{std::move(opts)},
    sessions_{options_.session_lifetime.count()},
    acceptors_{options_.peer_limit_bytes},
    replicas_{options_.peer_limit_bytes},
    resend_pause_{first_resend_pause},
    learner_{options_.members} {}

replica::behavior_type replica::make_behavior() {
  set_default_handler(caf::drop); // Whoever sends what no role understands is not answered.
  delayed_send(this, tick_interval, tick_atom_v);
  set_down_handler(
    [this](const caf::down_msg& x) { std::erase_if(followers_, [&](auto& each) { return each.first->address() == x.source; }); });
  return {
    [this](const peer& x) { on_peer(x); },
    [this](status_atom) { return status(); },
    [this](const request& x) { on_request(x); },
    [this](forward_atom, const request& x, uint64_t mark) { on_forward(x, mark); },
    [this](const query& x) { on_query(x); },
    [this](decision_atom, const message<schema::Pvalue>& pvalue, uint64_t mark) {
      note_mark(mark);
      on_decision(pvalue);
    },
    [this](const message<schema::Leading>& leading) { on_leading(leading); },
    [this](const message<schema::Received>& received) { replicas_.received(received->getNode(), received->getMark()); },
    [this](const message<schema::Highest>& answer) { on_highest(answer); },
    [this](const message<schema::Learned>& answer) { on_learned(answer); },
    [this](expire_atom) {
      expiry_scheduled_ = 0;
      propose();
      schedule_expiry();
    },
    [this](follow_atom, uint64_t more) { on_follow(more); },
    [this](tick_atom) { on_tick(); },
  };
}

// Handles that roles hold of each other would keep all of them alive.
void replica::on_exit() {
  leaders_.clear();
  acceptors_.clear();
  replicas_.clear();
  local_sessions_.clear();
  openings_.clear();
  followers_.clear();
  waiting_reads_.clear();
  asking_reads_.clear();
  indexed_reads_.clear();
  marks_.take();
}

// -- proposals ----------------------------------------------------------------

bool replica::proposer() const {
  return any_active_
         && (active_.leader == options_.node || !options_.members.ruling(slot_in_).replicas().contains(active_.leader));
}

leader_actor replica::leader_to_ask() const {
  for (auto node : {active_.leader, options_.node})
    if (auto found = leaders_.handle_of(node))
      return found;
  return {};
}

/// One slot in flight gathers the largest batches; where decisions take long (a network), more pay off.
bool replica::may_propose() const {
  auto in_flight = proposals_.size();
  auto depth = std::clamp<uint64_t>(static_cast<uint64_t>(decision_time_ / decision_time_per_slot), 1, options_.window);
  return in_flight < depth || (requests_.bytes() >= options_.batch_limit_bytes && in_flight < options_.window);
}

// propose(): move requests into proposals while the window allows.
void replica::propose() {
  if (!proposer())
    return;
  auto leader = leader_to_ask();
  if (!leader)
    return;
  auto deadline = machine_->next_deadline();
  auto time_is_due = [&] { return deadline && proposals_.empty() && !clock_ahead_ && *deadline <= options_.wall_clock(); };
  while ((!requests_.empty() || time_is_due()) && may_propose()) {
    slot_in_ = std::max({slot_in_, slot_out_, decided_below_});
    while (decisions_.contains(slot_in_) || proposals_.contains(slot_in_))
      ++slot_in_;
    if (slot_in_ >= slot_out_ + options_.window) // R5
      return;
    take_batch();
    if (batch_.empty() && !time_is_due())
      return;
    auto pvalue = form_batch(slot_in_);
    proposals_[slot_in_] = {pvalue, clock().now()};
    ++slot_in_;
    send(leader, propose_atom_v, pvalue, uint64_t{0});
  }
}

/// Takes what waits, as much as a batch holds.
void replica::take_batch() {
  batch_.clear();
  for (size_t bytes = 0; !requests_.empty() && batch_.size() < options_.batch_limit_requests;) {
    auto size = requests_.front().size_bytes();
    auto performed = is_performed(requests_.front());
    if (!performed && !batch_.empty() && bytes + size > options_.batch_limit_bytes)
      return;
    auto taken = requests_.take();
    if (!performed) {
      bytes += size;
      batch_.push_back(std::move(taken));
    }
  }
}

/// What was taken, as the value of one slot; empty when only the time has to move on.
message<schema::Pvalue> replica::form_batch(slot_number slot) {
  size_t bytes = 128;
  for (auto& each : batch_)
    bytes += each.size_bytes() + 8;
  builder<schema::Pvalue> pvalue{bytes};
  write(active_, pvalue->initBallot()); // The active leader's: it sends this very block on.
  pvalue->setSlot(slot);
  pvalue->setDecidedBelow(slot_out_); // R2
  auto batch = pvalue->initValue();
  batch.setTime(clock_ahead_ ? 0 : options_.wall_clock());
  auto list = batch.initRequests(static_cast<unsigned>(batch_.size()));
  for (unsigned i = 0; i < list.size(); ++i)
    list.setWithCaveats(i, *batch_[i]);
  batch_.clear();
  return pvalue.finish();
}

/// The leader may have lost them when its ballot was preempted.
void replica::propose_again() {
  if (auto leader = leader_to_ask())
    for (auto& [slot, x] : proposals_) {
      x.since = clock().now();
      send(leader, propose_atom_v, x.pvalue, uint64_t{0});
    }
}

// -- decisions ----------------------------------------------------------------

// decision: remember it; perform what is decided without a gap.
void replica::on_decision(const message<schema::Pvalue>& pvalue) {
  follow_ballot(ballot_of(pvalue->getBallot()));
  take_decision(pvalue);
  perform_decided();
}

void replica::take_decision(const message<schema::Pvalue>& pvalue) {
  auto slot = pvalue->getSlot();
  decided_below_ = std::max(decided_below_, pvalue->getDecidedBelow());
  if (slot < slot_out_)
    return;
  if (slot >= slot_out_ + options_.slots_ahead()) {
    seen_ = std::max(seen_, slot + 1); // Too far ahead to keep: learned later.
    return;
  }
  decisions_.try_emplace(slot, pvalue); // R1: what is known stays
}

void replica::perform_decided() {
  auto before = slot_out_;
  for (auto next = decisions_.find(slot_out_); next != decisions_.end(); next = decisions_.find(slot_out_)) {
    auto decided = next->second;
    decisions_.erase(next);
    settle_proposal(decided);
    perform(decided);
    ++slot_out_; // R4
    tell_followers(decided);
  }
  if (slot_out_ == before)
    return;
  slot_in_ = std::max(slot_in_, slot_out_);
  if (std::exchange(too_early_seen_, false))
    resend_outstanding();
  propose();
  answer_reads();
  schedule_expiry();
}

/// If something else was proposed for the slot, that goes back into requests. Forwarded ones for which there is no room are
/// sent again by their replica.
void replica::settle_proposal(const message<schema::Pvalue>& decided) {
  auto mine = proposals_.find(slot_out_);
  if (mine == proposals_.end())
    return;
  auto [pvalue, since] = std::move(mine->second);
  proposals_.erase(mine);
  auto took = std::chrono::duration_cast<std::chrono::microseconds>(clock().now() - since);
  decision_time_ += (took - decision_time_) / 8;
  if (pvalue.content() == decided.content() || same_value(pvalue->getValue(), decided->getValue()))
    return;
  ++collisions_;
  if (!proposer())
    return; // The replicas that have these requests outstanding hand them on to the new proposer.
  auto list = pvalue->getValue().getRequests();
  for (auto i = list.size(); i-- > 0;)
    if (auto back = copy_of(list[i]); is_own(back) || has_room_for_forwarded(back))
      requests_.put_back(std::move(back));
    else if (back->isCommands())
      requests_.break_chain(back->getCommands().getSession());
}

void replica::tell_followers(const message<schema::Pvalue>& decided) {
  for (auto& [follower, credit] : followers_)
    if (credit > 0) {
      --credit;
      send(caf::actor_cast<follower_actor>(follower), decision_atom_v, decided);
    }
}

/// When nothing else carries the time, the proposer does, at the state machine's next deadline. One that has passed already
/// is the ticks' affair: the time is on its way, or cannot be decided now.
void replica::schedule_expiry() {
  auto deadline = machine_->next_deadline();
  if (!deadline || !proposer() || (expiry_scheduled_ != 0 && expiry_scheduled_ <= *deadline))
    return;
  auto wait = *deadline - options_.wall_clock();
  if (wait <= 0)
    return;
  expiry_scheduled_ = *deadline;
  delayed_send(this, std::chrono::milliseconds{std::min<int64_t>(wait, 60'000)}, expire_atom_v);
}

void replica::on_follow(uint64_t more) {
  auto known = std::find_if(followers_.begin(), followers_.end(), [this](auto& x) { return x.first == current_sender(); });
  if (known == followers_.end()) {
    monitor(current_sender());
    known = followers_.insert(known, {current_sender(), 0});
  }
  known->second = std::min(known->second + more, follow_limit);
}

// -- leadership ---------------------------------------------------------------

void replica::on_leading(const message<schema::Leading>& leading) {
  auto told = ballot_of(leading->getBallot());
  if (any_active_ && told < active_)
    return tell_ballot(caf::actor_cast<leader_actor>(current_sender()));
  decided_below_ = std::max(decided_below_, leading->getDecidedBelow());
  clock_ahead_ = leading->getClockAhead() && told.leader == options_.node;
  follow_ballot(told, leading->getFreeSlot());
}

/// An idle leader asks no acceptor, and so is not preempted by them: it would keep candidates away for ever.
void replica::tell_ballot(const leader_actor& stale) {
  if (!stale)
    return;
  builder<schema::HigherBallot> told;
  write(active_, told->initBallot());
  send(stale, told.finish());
}

/// A new leader: what is under way goes to it. It has proposals below `free_slot`; what an earlier leader had behind may be
/// lost, and is free again.
void replica::follow_ballot(ballot active, slot_number free_slot) {
  if (any_active_ && active <= active_)
    return;
  active_ = active;
  any_active_ = true;
  slot_in_ = std::max(slot_out_, free_slot);
  requests_.clear(); // Their own replicas, this one included, send them to the new proposer.
  resend_pause_ = first_resend_pause;
  if (proposer())
    propose_again();
  resend_outstanding();
}

// -- housekeeping -------------------------------------------------------------

void replica::note_mark(uint64_t mark) {
  marks_.note(current_sender(), mark);
  if (marks_.urgent())
    return_marks();
}

void replica::return_marks() {
  for (auto& [sender, mark] : marks_.take()) {
    builder<schema::Received> received;
    received->setNode(options_.node);
    received->setMark(mark);
    caf::anon_send(caf::actor_cast<caf::actor>(sender), received.finish());
  }
}

void replica::on_tick() {
  delayed_send(this, tick_interval, tick_atom_v);
  auto now = clock().now();
  return_marks();
  if (!asking_reads_.empty() && now - read_since_ >= read_pause)
    start_read_round(true);
  if (outstanding_bytes_ > 0 && any_active_ && !proposer() && now - resent_ >= resend_pause_) {
    resend_pause_ = std::min(2 * resend_pause_, last_resend_pause);
    resend_outstanding();
  }
  if (!waiting_for_turn_.empty() && proposer() && now - resent_ >= first_resend_pause)
    resend_waiting();
  if (!proposals_.empty() && proposer() && now - proposals_.begin()->second.since >= first_resend_pause)
    propose_again();
  propose();
  if (local_sessions_.size() > sessions_.size())
    std::erase_if(local_sessions_, [this](auto& x) { return x.second.outstanding.empty() && !sessions_.known(x.first); });
  learn_if_behind();
}

void replica::on_peer(const peer& x) {
  if (x.role == "leader") {
    leaders_.renew(x);
  } else if (x.role == "acceptor") {
    acceptors_.renew(x);
    if (!informed_ && reaches_quorum())
      learn();
  } else if (x.role == "replica" && x.node != options_.node) {
    replicas_.renew(x);
  }
}

bool replica::reaches_quorum() const {
  return options_.members.quorum(phase::promise, slot_out_).satisfied_by(acceptors_.nodes());
}

/// To the one replica with the most forwarded requests on the way.
uint64_t replica::most_owed_bytes() const {
  return replicas_.most_owed_bytes();
}

message<schema::RoleStatus> replica::status() const {
  auto number = [](uint64_t x) { return static_cast<int64_t>(x); };
  return role_status("replica",
                     {{"slot_in", number(slot_in_)},
                      {"slot_out", number(slot_out_)},
                      {"active ballot", any_active_ ? to_string(active_) : std::string{"-"}},
                      {"commands performed", number(performed_)},
                      {"commands skipped", number(skipped_)},
                      {"slot collisions", number(collisions_)},
                      {"collisions per 10000 commands", performed_ ? number(collisions_ * 10000 / performed_) : int64_t{0}},
                      {"sessions", number(sessions_.size())},
                      {"requests waiting", number(requests_.size())},
                      {"bytes outstanding", number(outstanding_bytes_)},
                      {"most bytes owed to a peer", number(most_owed_bytes())},
                      {"reads", number(reads_)},
                      {"read rounds", number(read_rounds_)},
                      {"decision time us", decision_time_.count()},
                      {"log time", log_time_}});
}

} // namespace synod
