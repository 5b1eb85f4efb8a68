#include "synod/actors/leader/leader.hpp"

#include <algorithm>

namespace synod {

namespace {

constexpr std::chrono::milliseconds tick_interval{50};
constexpr double timeout_growth = 1.5;                 // when preempted
constexpr std::chrono::milliseconds timeout_shrink{1}; // per decision
constexpr slot_number recovery_slots = 256;            // decided again by one scout

message<schema::Pvalue> no_op(slot_number slot, slot_number decided_below) {
  builder<schema::Pvalue> nothing;
  nothing->setSlot(slot);
  nothing->setDecidedBelow(decided_below);
  nothing->initValue();
  return nothing.finish();
}

} // namespace

leader::leader(caf::actor_config& config, options opts)
  : leader_actor::base{config},
    options_{std::move(opts)},
    leaders_{options_.peer_limit_bytes},
    timeout_{options_.smallest_timeout},
    random_{static_cast<std::minstd_rand::result_type>(options_.seed)} {
  ballot_ = {0, options_.node, options_.incarnation};
  audience_ = nobody();
}

leader::behavior_type leader::make_behavior() {
  set_default_handler(caf::drop); // Whoever sends what no role understands is not answered.
  heard_ = clock().now();
  patience_ = options_.first ? std::chrono::milliseconds{0} : jittered_timeout();
  delayed_send(this, tick_interval, tick_atom_v);
  return {
    [this](const peer& x) { on_peer(x); },
    [this](status_atom) { return status(); },
    [this](propose_atom, const message<schema::Pvalue>& proposal, uint64_t) { on_propose(proposal); },
    [this](const message<schema::P1b>& answer) { on_p1b(answer); },
    [this](const message<schema::P2b>& answer) { on_p2b(answer); },
    [this](adopted& result) { result.scout == scout_number_ ? on_adopted(result) : on_recovered(result); },
    [this](const preempted& x) { on_preempted(x.by); },
    [this](const decided& x) { on_decided(x); },
    [this](const message<schema::DecideAgain>& asked) { on_decide_again(asked); },
    [this](const message<schema::Received>& received) { on_received(received); },
    [this](const message<schema::HigherBallot>& told) { on_higher_ballot(told); },
    [this](const message<schema::Ping>& ping) { on_ping(ping); },
    [this](const message<schema::Pong>& pong) { on_pong(pong); },
    [this](tick_atom) { on_tick(); },
  };
}

// Handles that roles hold of each other would keep all of them alive.
void leader::on_exit() {
  end_commanders();
  audience_ = nobody();
  leaders_.clear();
}

audience_ptr leader::nobody() const {
  return std::make_shared<audience>(audience{peers<acceptor_actor>{options_.peer_limit_bytes},
                                             peers<replica_actor>{options_.peer_limit_bytes}, options_.members});
}

// -- the paper's handlers -----------------------------------------------------

// propose: keep it, unless there is one for that slot; if active, get it decided (C1: one commander per slot and ballot).
void leader::on_propose(const message<schema::Pvalue>& proposal) {
  auto slot = proposal->getSlot();
  if (!active_) {
    if (auto other = to_hand_on())
      send(other, propose_atom_v, proposal, uint64_t{0});
    return;
  }
  auto known_decided = slot < decided_below_ || decided_above_.contains(slot);
  if (known_decided || slot >= decided_below_ + options_.window || proposals_.contains(slot))
    return;
  proposals_.emplace(slot, proposal);
  start_commander(slot);
}

// adopted: a majority promised this ballot, and told what may have been decided below it.
void leader::on_adopted(adopted& result) {
  if (result.promised != ballot_ || active_)
    return;
  scout_ = nullptr;
  active_ = true;
  ++adoptions_;
  first_slot_ = decided_below_ = std::max(first_slot_, result.decided_below);
  decided_above_.clear();
  // Its own proposals, overwritten by pmax (the paper's operator): what may be decided has to be proposed again (A5, C2).
  for (auto& [slot, pvalue] : result.pvalues)
    proposals_[slot] = std::move(pvalue);
  proposals_.erase(proposals_.begin(), proposals_.lower_bound(first_slot_));
  // Holes would keep replicas from performing what lies behind them.
  for (auto slot = first_slot_, end = free_slot(); slot < end; ++slot)
    if (!proposals_.contains(slot))
      proposals_.emplace(slot, no_op(slot, decided_below_));
  for (auto& [slot, pvalue] : proposals_)
    start_commander(slot);
  options_.announce("leader is active under ballot " + to_string(ballot_) + " from slot " + std::to_string(first_slot_));
  lead();
}

// preempted: somebody else has the majority's promise; come back with a higher ballot when that one falls silent.
void leader::on_preempted(ballot by) {
  if (by <= ballot_)
    return;
  ++preemptions_;
  timeout_ = std::min(options_.largest_timeout,
                      std::chrono::milliseconds{static_cast<int64_t>(static_cast<double>(timeout_.count()) * timeout_growth)});
  watch(by);
  if (by.leader == options_.node)
    patience_ = std::chrono::milliseconds{0}; // Its own ballot of an earlier start: there is nobody to wait for.
  step_down();
}

// -- beside the paper: scouts and commanders ----------------------------------

scout_actor leader::spawn_scout(scout::task what) {
  return spawn<scout>(leader_actor{this}, audience_, what);
}

commander_actor leader::spawn_commander(const message<schema::Pvalue>& pvalue) {
  return spawn<commander>(leader_actor{this}, audience_, pvalue);
}

void leader::start_scout(scout::task what) {
  auto started = spawn_scout(what);
  if (what.end_slot == 0) {
    scout_ = started;
    scout_number_ = what.number;
  } else {
    recovery_ = started;
    recovery_number_ = what.number;
  }
}

/// Under its own ballot: a pvalue with another one is copied, the replica's guess was right otherwise.
void leader::start_commander(slot_number slot) {
  auto& pvalue = proposals_[slot];
  if (ballot_of(pvalue->getBallot()) != ballot_) {
    builder<schema::Pvalue> mine{pvalue.size_bytes() + 64};
    write(ballot_, mine->initBallot());
    mine->setSlot(slot);
    mine->setDecidedBelow(std::max(pvalue->getDecidedBelow(), decided_below_));
    mine->setValue(pvalue->getValue());
    pvalue = mine.finish();
  }
  commanders_[slot] = {spawn_commander(pvalue), clock().now()};
}

void leader::on_p1b(const message<schema::P1b>& answer) {
  if (answer->getScout() == scout_number_ && scout_)
    send(scout_, answer);
  else if (answer->getScout() == recovery_number_ && recovery_)
    send(recovery_, answer);
}

void leader::on_p2b(const message<schema::P2b>& answer) {
  audience_->acceptors.received(answer->getAcceptor(), answer->getMark());
  auto under = ballot_of(answer->getBallot());
  if (under > ballot_)
    return on_preempted(under);
  if (under != ballot_)
    return;
  for (auto slot : answer->getSlots()) {
    auto i = commanders_.find(slot);
    if (i != commanders_.end())
      send(i->second.handle, vote{answer->getAcceptor(), under});
  }
}

void leader::on_decided(const decided& x) {
  auto slot = x.slot;
  if (x.under != ballot_ || commanders_.erase(slot) == 0)
    return; // By a commander of an earlier ballot; the present one's goes on.
  proposals_.erase(slot);
  ++decisions_;
  timeout_ = std::max(options_.smallest_timeout, timeout_ - timeout_shrink);
  if (slot >= decided_below_)
    decided_above_.insert(slot);
  for (; !decided_above_.empty() && *decided_above_.begin() == decided_below_; ++decided_below_)
    decided_above_.erase(decided_above_.begin());
}

void leader::end_commanders() {
  for (auto& [slot, x] : commanders_)
    send_exit(x.handle, caf::exit_reason::user_shutdown);
  commanders_.clear();
  for (auto* handle : {&scout_, &recovery_}) {
    if (*handle)
      send_exit(*handle, caf::exit_reason::user_shutdown);
    *handle = nullptr;
  }
}

// DecideAgain: a replica cannot learn these slots from the acceptors it reaches. Ask a majority under the present ballot, and
// decide again what it tells: the same value, if one was decided (C2), a no-op otherwise.
void leader::on_decide_again(const message<schema::DecideAgain>& asked) {
  if (!active_) {
    if (auto other = to_hand_on())
      send(other, asked);
    return;
  }
  if (recovery_ || asked->getEndSlot() <= asked->getFirstSlot())
    return;
  start_scout({++scouts_, ballot_, asked->getFirstSlot(), std::min(asked->getEndSlot(), asked->getFirstSlot() + recovery_slots)});
}

void leader::on_recovered(adopted& result) {
  if (result.scout != recovery_number_ || !recovery_)
    return;
  recovery_ = nullptr;
  if (!active_ || result.promised != ballot_)
    return;
  auto last = result.pvalues.empty() ? result.first_slot : result.pvalues.rbegin()->first;
  for (auto slot = result.first_slot; slot <= last; ++slot) {
    if (commanders_.contains(slot))
      continue;
    auto told = result.pvalues.find(slot);
    auto found = told != result.pvalues.end();
    // Decided under this very ballot while the scout asked: only the pvalue of this ballot is the decided one (A4).
    auto decided_here = slot >= first_slot_ && (slot < decided_below_ || decided_above_.contains(slot));
    if (decided_here && !(found && ballot_of(told->second->getBallot()) == ballot_))
      continue;
    // Below first_slot_ everything is decided: a majority told of it, or was not asked yet.
    if (!found && slot < first_slot_)
      continue;
    proposals_[slot] = found ? std::move(told->second) : no_op(slot, decided_below_);
    start_commander(slot);
  }
}

// -- beside the paper: who leads ----------------------------------------------

void leader::become_candidate() {
  auto fresh = scouts_ == 0 && !any_watched_; // The paper's first ballot is <0, leader>.
  ballot_ = {fresh ? 0 : std::max(ballot_.round, watched_.round) + 1, options_.node, options_.incarnation};
  relay_asked_ = false;
  start_scout({++scouts_, ballot_, first_slot_, 0});
}

void leader::watch(ballot other) {
  if (!any_watched_ || other > watched_)
    watched_ = other;
  any_watched_ = true;
  heard_ = clock().now();
  patience_ = jittered_timeout();
  relay_.reset();
  relay_asked_ = false;
}

void leader::step_down() {
  if (active_)
    options_.announce("leader is passive: ballot " + to_string(watched_) + " is higher");
  active_ = false;
  end_commanders();
  proposals_.clear(); // Their replicas propose again, to the leader that is active then.
  first_slot_ = decided_below_;
  decided_above_.clear();
}

/// True if a majority of acceptors no longer answers: somebody better connected should lead.
bool leader::stalled() const {
  return !commanders_.empty() && clock().now() - commanders_.begin()->second.since > timeout_;
}

void leader::lead() {
  announced_ = clock().now();
  builder<schema::Leading> leading;
  write(ballot_, leading->initBallot());
  leading->setDecidedBelow(decided_below_);
  leading->setFreeSlot(free_slot());
  leading->setClockAhead(clock_ahead());
  auto told = leading.finish();
  for (auto& to : audience_->replicas)
    send(to.handle, told);
}

message<schema::Ping> leader::build_ping(bool asks_to_lead) const {
  builder<schema::Ping> ping;
  ping->setNode(options_.node);
  ping->setWallClock(options_.wall_clock());
  ping->setAsksToLead(asks_to_lead);
  write(active_ ? ballot_ : watched_, ping->initBallot());
  return ping.finish();
}

bool leader::hears_watched() const {
  return any_watched_ && clock().now() - heard_ < 3 * options_.ping_interval;
}

void leader::ping() {
  pinged_ = clock().now();
  auto built = build_ping(false);
  // Not hearing the one to watch, or not knowing it, ask everybody.
  auto everybody = active_ || !hears_watched();
  for (auto& to : leaders_)
    if (to.node != options_.node && (everybody || to.node == watched_.leader))
      send(to.handle, built);
}

/// Asks a leader that hears the watched one to take over; once, then it is time to become a candidate. False: there is none.
bool leader::ask_relay() {
  auto to = relay_ && !relay_asked_ ? leader_of(*relay_) : leader_actor{};
  relay_.reset();
  if (!to)
    return false;
  relay_asked_ = true;
  patience_ += jittered_timeout();
  send(to, build_ping(true));
  return true;
}

void leader::on_ping(const message<schema::Ping>& ping) {
  note_clock(ping->getNode(), ping->getWallClock());
  // An idle leader hears of a higher ballot from no acceptor.
  if (auto told = ballot_of(ping->getBallot()); active_ && told > ballot_)
    on_preempted(told);
  if (ping->getAsksToLead() && !active_ && !scout_ && hears_watched())
    become_candidate();
  builder<schema::Pong> pong;
  pong->setNode(options_.node);
  auto tried = active_ || scout_ ? ballot_ : ballot{}; // One that it never asked for would only mislead.
  write(any_watched_ ? std::max(watched_, tried) : tried, pong->initBallot());
  pong->setActive(active_ && !stalled());
  pong->setHears(!active_ && hears_watched());
  pong->setWallClock(options_.wall_clock());
  send(caf::actor_cast<leader_actor>(current_sender()), pong.finish());
}

void leader::on_pong(const message<schema::Pong>& pong) {
  note_clock(pong->getNode(), pong->getWallClock());
  if (active_)
    return;
  auto told = ballot_of(pong->getBallot());
  if (pong->getHears() && any_watched_ && told == watched_ && pong->getNode() != watched_.leader)
    relay_ = pong->getNode();
  auto higher = told != ballot{} && (!any_watched_ || told > watched_);
  if (pong->getActive() && told.leader == pong->getNode() && (higher || told == watched_))
    watch(told);
  else if (higher && told.leader != options_.node)
    watched_ = told, any_watched_ = true; // Known, not heard: its silence counts from the last sign of life of any leader.
}

void leader::on_tick() {
  delayed_send(this, tick_interval, tick_atom_v);
  auto now = clock().now();
  if (active_) {
    if (now - announced_ >= options_.ping_interval) {
      lead();
      ping();
    }
    return;
  }
  if (now - pinged_ >= options_.ping_interval)
    ping();
  if (scout_) {
    // A candidate that nobody preempts and no majority answers keeps asking; it takes no harm.
    return;
  }
  if (now - heard_ >= patience_
      && audience_->members.quorum(phase::promise, first_slot_).satisfied_by(audience_->acceptors.nodes()) && !ask_relay())
    become_candidate();
}

std::chrono::milliseconds leader::jittered_timeout() {
  return timeout_ + std::chrono::milliseconds{std::uniform_int_distribution<int64_t>{0, timeout_.count() / 2}(random_)};
}

// -- beside the paper: clocks, peers, progress --------------------------------

void leader::note_clock(node_id node, int64_t wall_clock) {
  clock_offsets_[node] = wall_clock - options_.wall_clock();
  if (clock_ahead() != clock_told_) {
    clock_told_ = !clock_told_;
    options_.announce(clock_told_ ? "this node's clock is far ahead of the others': it is not put into batches"
                                  : "this node's clock agrees with the others' again");
  }
}

/// True if the median of all clocks, this one's included, lies further back than the limit.
bool leader::clock_ahead() const {
  std::vector<int64_t> offsets{0};
  for (auto& [node, offset] : clock_offsets_)
    offsets.push_back(offset);
  std::sort(offsets.begin(), offsets.end());
  return offsets[(offsets.size() - 1) / 2] < -options_.clock_limit.count();
}

void leader::on_received(const message<schema::Received>& received) {
  audience_->replicas.received(received->getNode(), received->getMark());
}

void leader::on_higher_ballot(const message<schema::HigherBallot>& told) {
  if (auto higher = ballot_of(told->getBallot()); active_ && higher > ballot_)
    on_preempted(higher);
}

void leader::on_peer(const peer& x) {
  if (x.role == "leader") {
    leaders_.renew(x);
    if (!x.handle && any_watched_ && x.node == watched_.leader)
      patience_ = std::min(patience_, std::chrono::duration_cast<std::chrono::milliseconds>(clock().now() - heard_)
                                        + jittered_timeout() - timeout_); // Its connection broke: only the jitter is waited for.
    return;
  }
  auto renewed = std::make_shared<audience>(*audience_);
  if (x.role == "acceptor")
    renewed->acceptors.renew(x);
  else if (x.role == "replica")
    renewed->replicas.renew(x);
  else
    return;
  audience_ = renewed;
  for (auto& [slot, each] : commanders_)
    send(each.handle, audience_);
  for (auto& each : {scout_, recovery_})
    if (each)
      send(each, audience_);
  if (active_)
    lead();
}

slot_number leader::free_slot() const {
  auto next = decided_below_;
  if (!proposals_.empty())
    next = std::max(next, proposals_.rbegin()->first + 1);
  if (!decided_above_.empty())
    next = std::max(next, *decided_above_.rbegin() + 1);
  return next;
}

leader_actor leader::leader_of(node_id node) const {
  return node == options_.node ? leader_actor{} : leaders_.handle_of(node);
}

/// Who gets what a replica sent here while this leader is passive. What another leader handed on goes no further: two that
/// take each other for the active one would send it to and fro for ever.
leader_actor leader::to_hand_on() {
  for (auto& from : leaders_)
    if (from.node != options_.node && from.handle == current_sender())
      return {};
  return any_watched_ ? leader_of(watched_.leader) : leader_actor{};
}

/// To the one acceptor or replica with the most on the way.
uint64_t leader::most_owed_bytes() const {
  return std::max(audience_->acceptors.most_owed_bytes(), audience_->replicas.most_owed_bytes());
}

message<schema::RoleStatus> leader::status() const {
  return role_status("leader", {{"state", std::string{active_  ? "active"
                                                      : scout_ ? "candidate"
                                                               : "passive"}},
                                {"ballot", to_string(ballot_)},
                                {"watches", any_watched_ && !active_ ? to_string(watched_) : std::string{"-"}},
                                {"decided below", static_cast<int64_t>(decided_below_)},
                                {"proposals", static_cast<int64_t>(proposals_.size())},
                                {"decisions", static_cast<int64_t>(decisions_)},
                                {"adopted", static_cast<int64_t>(adoptions_)},
                                {"preempted", static_cast<int64_t>(preemptions_)},
                                {"timeout ms", static_cast<int64_t>(timeout_.count())},
                                {"most bytes owed to a peer", static_cast<int64_t>(most_owed_bytes())}});
}

} // namespace synod
