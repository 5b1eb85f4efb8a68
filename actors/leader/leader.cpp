#include "synod/actors/leader/leader.hpp"

#include "synod/actors/leader/pvalues.hpp"
#include "synod/actors/role/robust.hpp"
#include "synod/actors/role/upheld.hpp"
#include "synod/messages/batch.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace synod {

namespace {

audience_ptr nobody(const leader::options& x) {
  return std::make_shared<audience>(
    audience{peers<acceptor_actor>{x.peer_limit_bytes}, peers<replica_actor>{x.peer_limit_bytes}, x.members});
}

} // namespace

leader::leader(caf::actor_config& config, environment_ptr environment, options x)
  : leader_actor::base{config},
    environment_{std::move(environment)},
    options_{std::move(x)},
    ballot_{0, options_.node, options_.incarnation},
    audience_{nobody(options_)},
    leaders_{options_.peer_limit_bytes},
    leadership_{options_.node, options_.leading, environment_->random()},
    readiness_{options_.window, options_.leading.ping_interval},
    clock_{options_.node, options_.members.latest(), options_.clock_limit} {
  // The next one is decided when the latest one rules.
  configured_below_ = options_.members.latest_from() + options_.window;
  decided_below_ = options_.members.first_slot();
}

leader::behavior_type leader::make_behavior() {
  robust(*this, environment_);
  leadership_.begin(options_.first, clock().now());
  delayed_send(this, tick_interval, tick_atom_v);
  return {
    [this](const peer& x) { on_peer(x); },
    [this](status_atom) { return status(); },
    [this](explain_atom, uint64_t slot) { return explain(slot); },
    [this](propose_atom, const message<schema::Pvalue>& proposal, uint64_t mark) { on_propose(proposal, mark); },
    [this](const message<schema::P1b>& answer) { on_p1b(answer); },
    [this](const message<schema::P2b>& answer) { on_p2b(answer); },
    [this](adopted& result) { on_adopted(result); },
    [this](const preempted& x) { on_preempted(x.by); },
    [this](const decided& x) { on_decided(x); },
    [this](const held_back& x) { on_held_back(x); },
    [this](const message<schema::Lease>& answer) { on_lease(answer); },
    [this](const message<schema::DecideAgain>& asked) { on_decide_again(asked); },
    [this](const message<schema::Performed>& told) { on_performed(told); },
    [this](const message<schema::Received>& received) { on_received(received); },
    [this](const message<schema::HigherBallot>& told) { on_higher_ballot(told); },
    [this](const message<schema::Ping>& ping) { on_ping(ping); },
    [this](const message<schema::Pong>& pong) { on_pong(pong); },
    [this](later_atom) { send_later(); },
    [this](tick_atom) { on_tick(); },
  };
}

// Handles that roles hold of each other would keep all of them alive.
void leader::on_exit() {
  step_down();
  audience_ = nobody(options_);
  leaders_.clear();
  marks_.take();
}

// -- the paper's handlers -----------------------------------------------------

// propose: get it decided, unless the slot has a proposal (C1: one commander for a slot and ballot). A leader that is not active
// keeps none: replicas propose again, to the one that is.
void leader::on_propose(const message<schema::Pvalue>& proposal, uint64_t mark) {
  note_mark(mark);
  auto* now = std::get_if<active>(&state_);
  if (!now) {
    uint64_t own_mark = 0;
    if (auto* to = to_hand_on(); to && to->flow->admit(proposal.size_bytes(), clock().now(), own_mark))
      send(to->handle, propose_atom_v, proposal, own_mark);
    return;
  }
  if (proposal->getValue().getRequests().size() > most_requests || proposal.size_bytes() > pvalue_limit_bytes)
    return; // No replica could perform it, or no acceptor tell it.
  auto slot = proposal->getSlot();
  if (!now->blocking.empty() && slot >= now->free_slot()) // Holes are filled: reads wait for what lies behind them.
    return;
  now->decided.insert_below(proposal->getDecidedBelow()); // R2: its replica has performed everything below.
  if (now->decided.contains(slot) || now->proposals.contains(slot))
    return;
  if (!may_propose(*now, slot) || proposal->getConfiguration() != configuration_of(slot))
    return; // The replica knows of another one: it tells, and proposes again.
  if (slot >= now->decided.below() + options_.window || now->proposals.size() + recovery::most_slots >= options_.most_proposals())
    return;
  readiness_.proposes(clock().now());
  start_commander(*now, slot, proposal);
}

// adopted: a quorum promised this ballot, and told what may have been decided below it.
void leader::on_adopted(adopted& result) {
  if (auto* now = std::get_if<active>(&state_))
    return on_recovered(*now, result);
  auto* mine = std::get_if<candidate>(&state_);
  if (!mine || mine->adoption.number != result.scout)
    return; // It was preempted meanwhile.
  upheld(result.promised == ballot_, "C1", "leader {} is told that {} is adopted, and asked for {}", options_.node,
         to_string(result.promised), to_string(ballot_));
  upheld(led_ < ballot_, "C1", "leader {} would be active under {} for a second time", options_.node, to_string(ballot_));
  if (result.configuration != audience_->members.latest().number())
    return become_candidate(mine->asked); // Another one was decided meanwhile.
  auto latest = std::max_element(result.pvalues.begin(), result.pvalues.end(),
                                 [](auto& a, auto& b) { return a.second->getConfiguration() < b.second->getConfiguration(); });
  if (latest != result.pvalues.end() && latest->second->getConfiguration() > result.configuration) {
    stands_from_ = clock().now() + leadership_.timeout(); // Whose votes count there a replica will tell.
    return step_down();
  }
  led_ = ballot_;
  ++adoptions_;
  if (!audience_->later.empty()) { // Of an earlier time.
    auto renewed = std::make_shared<audience>(*audience_);
    renewed->later.clear();
    audience_ = std::move(renewed);
  }
  auto& now = state_.emplace<active>(std::max(decided_below_, result.decided_below), result.configuration, options_.leasing);
  // pmax: what may be decided has to be proposed again (A5, C2); holes would keep replicas from performing what lies behind.
  auto end = result.pvalues.empty() ? now.first_slot : result.pvalues.rbegin()->first + 1;
  for (auto slot = now.first_slot; slot < end; ++slot) {
    auto told = result.pvalues.find(slot);
    start_commander(now, slot,
                    told != result.pvalues.end() ? told->second : no_op(ballot_, slot, now.first_slot, configuration_of(slot)));
  }
  environment_->log().info("leader is active under ballot {} from slot {}", to_string(ballot_), now.first_slot);
  readiness_.proposes(clock().now());
  lead(now);
  ask_for_lease(now);
  look_at_room(now);
}

// preempted: somebody else has a quorum's promise; come back with a higher ballot when that one falls silent.
void leader::on_preempted(ballot by) {
  if (by <= ballot_ || by.round > most_round)
    return;
  if (std::holds_alternative<passive>(state_))
    return leadership_.on_higher_ballot(by, clock().now()); // Known already, but for a further one.
  ++preemptions_;
  leadership_.preempted(by, clock().now());
  if (leads())
    environment_->log().info("leader is passive: ballot {} is higher", to_string(*leadership_.watched()));
  step_down();
}

// -- beside the paper: scouts and commanders ----------------------------------

void leader::become_candidate(bool asked) {
  // The paper's first ballot is <0, leader>.
  step_down();
  auto fresh = scouts_ == 0 && !leadership_.watched();
  ballot next{fresh ? 0 : leadership_.stand(ballot_.round), options_.node, options_.incarnation};
  upheld(fresh || next > ballot_, "C1", "leader {} would go from ballot {} to {}", options_.node, to_string(ballot_),
         to_string(next));
  ballot_ = next;
  state_ = candidate{start_scout(ballot_, decided_below_, 0), asked};
}

leader::scouting leader::start_scout(ballot under, slot_number first, slot_number end) {
  scouting x;
  x.number = ++scouts_;
  x.scout = spawn<scout>(environment_, leader_actor{this}, audience_, scout::task{x.number, under, first, end});
  x.again.tried(clock().now());
  return x;
}

/// Under its own ballot: a pvalue with another one is copied, the replica's guess was right otherwise.
void leader::start_commander(active& now, slot_number slot, const message<schema::Pvalue>& proposal) {
  auto pvalue = under_ballot(ballot_, proposal, now.decided.below());
  history_.proposed(slot, ballot_, pvalue->getProposer(), environment_->wall_clock_ms());
  lend_below(now, slot + 1);
  auto commander = spawn<synod::commander>(environment_, leader_actor{this}, audience_, pvalue);
  ask_later(now, pvalue);
  auto fresh = now.proposals.insert(slot, std::move(pvalue), std::move(commander), clock().now());
  upheld(fresh, "C1", "slot {} has a commander under ballot {} of leader {} already", slot, ballot_.round, ballot_.leader);
}

void leader::on_p1b(const message<schema::P1b>& answer) {
  note_clock(answer->getAcceptor(), answer->getWallClock());
  note_room(answer->getAcceptor(), answer->getFull());
  auto* mine = std::get_if<candidate>(&state_);
  auto* now = std::get_if<active>(&state_);
  auto* x = mine ? &mine->adoption : now ? &now->recovery_scout : nullptr;
  if (!x || !x->scout || x->number != answer->getScout())
    return;
  x->answered = true;
  send(x->scout, answer);
}

void leader::on_p2b(const message<schema::P2b>& answer) {
  note_clock(answer->getAcceptor(), answer->getWallClock());
  note_room(answer->getAcceptor(), answer->getFull());
  audience_->acceptors.received(answer->getAcceptor(), answer->getMark());
  auto under = ballot_of(answer->getBallot());
  if (under > ballot_)
    return on_preempted(under);
  auto* now = std::get_if<active>(&state_);
  if (!now)
    return;
  if (under == ballot_)
    for (auto slot : answer->getSlots())
      if (auto* voted = now->proposals.find(slot)) {
        if (audience_->acceptors.find(answer->getAcceptor())) // Whom it cannot ask it need not know.
          now->prompt.voted(answer->getAcceptor());
        send(voted->commander, vote{answer->getAcceptor(), under});
      }
  send_waiting(*now, answer->getAcceptor());
}

void leader::on_decided(const decided& x) {
  auto* now = std::get_if<active>(&state_);
  if (!now || x.under != ballot_)
    return; // By a commander of an earlier ballot.
  upheld(now->proposals.erase(x.slot), "C1", "slot {} is decided under ballot {} of leader {}, and has no proposal", x.slot,
         x.under.round, x.under.leader);
  if (!now->waiting.empty())
    now->waiting.erase(x.slot);
  ++decisions_;
  history_.decided(x.slot, environment_->wall_clock_ms());
  now->decided_at = clock().now();
  if (now->decided.insert(x.slot)) // Once more, for a replica that is behind, is no sign that this leader gets on.
    leadership_.on_decisions(1);
}

void leader::on_held_back(const held_back& x) {
  if (auto* now = std::get_if<active>(&state_); now && now->proposals.contains(x.slot))
    now->waiting.insert(x.acceptor, x.slot);
}

/// As much as there is credit for goes on its way at once, the oldest slot first.
void leader::send_waiting(active& now, node_id acceptor) {
  auto* to = now.waiting.empty() ? nullptr : audience_->acceptors.find(acceptor);
  if (!to)
    return;
  auto credit_bytes = options_.peer_limit_bytes - std::min(options_.peer_limit_bytes, to->flow->owed_bytes());
  auto bytes_of = [&](slot_number slot) {
    auto* x = now.proposals.find(slot);
    return x ? x->pvalue.size_bytes() : 0;
  };
  for (auto slot : now.waiting.take(acceptor, credit_bytes, to->flow->owed_bytes() == 0, bytes_of))
    if (auto* x = now.proposals.find(slot))
      send(x->commander, credit{acceptor});
}

void leader::step_down() {
  end_scouts_and_commanders();
  if (auto* now = std::get_if<active>(&state_)) {
    decided_below_ = now->decided.below();
    give_up_lease(*now);
  }
  state_ = passive{};
}

void leader::end_scouts_and_commanders() {
  auto end = [this](auto& actor) {
    if (actor)
      send_exit(actor, caf::exit_reason::user_shutdown);
  };
  if (auto* mine = std::get_if<candidate>(&state_))
    end(mine->adoption.scout);
  auto* now = std::get_if<active>(&state_);
  if (!now)
    return;
  end(now->recovery_scout.scout);
  for (auto& [slot, each] : now->proposals)
    end(each.commander);
}

// -- beside the paper: replicas -----------------------------------------------

// DecideAgain: a replica cannot learn these slots from the acceptors it reaches.
void leader::on_decide_again(const message<schema::DecideAgain>& asked) {
  auto* now = std::get_if<active>(&state_);
  if (!now) {
    if (auto* to = to_hand_on())
      send(to->handle, asked);
  } else if (asked->getFirstSlot() >= audience_->members.first_slot()) { // Otherwise a snapshot tells.
    auto limit = std::min(now->decided.below() + options_.window, configured_below_);
    if (auto range = now->recovering.begin(asked->getFirstSlot(), asked->getEndSlot(), limit))
      now->recovery_scout = start_scout(ballot_, range->first, range->second);
  }
}

void leader::on_recovered(active& now, adopted& result) {
  if (!now.recovering.under_way() || now.recovery_scout.number != result.scout)
    return;
  now.recovery_scout = {};
  for (auto& [slot, pvalue] : now.recovering.end(std::move(result), now.first_slot, now.decided))
    if (!now.proposals.contains(slot) && may_propose(now, slot))
      start_commander(now, slot, pvalue ? pvalue : no_op(ballot_, slot, now.decided.below(), configuration_of(slot)));
}

// -- beside the paper: configurations -----------------------------------------

/// The acceptors that choose there have promised this ballot.
bool leader::may_propose(const active& now, slot_number slot) const {
  return configuration_of(slot) <= now.configuration;
}

// A replica has performed slots, and so knows which configurations rule those up to WINDOW ahead.
void leader::on_performed(const message<schema::Performed>& told) {
  auto below = told->getBelow();
  if (told->getNode() == options_.node)
    readiness_.told(below);
  auto list = told->getConfigurations().getList();
  if (list.size() == 0)
    return;
  configured_below_ = std::max(configured_below_, below + options_.window);
  if (auto* now = std::get_if<active>(&state_))
    now->decided.insert_below(below); // R2
  else
    skip_decided(below);
  if (list[list.size() - 1].getConfiguration().getNumber() > audience_->members.latest().number())
    if (auto members = configurations_of(told->getConfigurations()); !members.empty())
      reconfigure(members);
}

/// What was decided nobody needs to be asked about: a candidate asks only those that rule the rest.
void leader::skip_decided(slot_number below) {
  auto before = std::exchange(decided_below_, std::max(decided_below_, below));
  auto* mine = std::get_if<candidate>(&state_);
  if (mine && configuration_of(before) != configuration_of(decided_below_))
    become_candidate(mine->asked);
}

void leader::reconfigure(const configurations& members) {
  environment_->log().info("leader: configuration {} rules from slot {}", members.latest().number(), members.latest_from());
  auto renewed = std::make_shared<audience>(*audience_);
  renewed->members = members;
  decided_below_ = std::max(decided_below_, members.first_slot());
  clock_.reconfigure(members.latest());
  address(std::move(renewed), true);
  auto* mine = std::get_if<candidate>(&state_);
  auto* now = std::get_if<active>(&state_);
  if (now && may_lead())
    become_candidate(true); // Its acceptors have not promised this ballot.
  else if (now)
    lend(*now); // No more.
  else if (mine && may_lead())
    become_candidate(mine->asked);
  else if (mine)
    step_down();
}

/// To one that should lead instead: a leader of the latest configuration, where this one is none; or one whose replica is level.
void leader::hand_over(slot_number decided_below, time_point now) {
  auto reached = leaders_.nodes();
  if (may_lead()) {
    if (auto better = readiness_.better(decided_below, reached, now))
      send_ping(leaders_.handle_of(*better), true);
    return;
  }
  std::vector<node_id> able;
  for (auto each : audience_->members.latest().leaders())
    if (reached.contains(each))
      able.push_back(each);
  if (!able.empty()) // One after the other: what keeps one from leading may not keep the next.
    send_ping(leaders_.handle_of(able[handed_over_++ % able.size()]), true);
}

void leader::lead(active& now) {
  now.announced = clock().now();
  builder<schema::Leading> leading;
  write(ballot_, leading->initBallot());
  leading->setDecidedBelow(now.decided.below());
  leading->setFreeSlot(now.free_slot());
  write(cluster_time(), leading->initClusterTime());
  auto full = leading->initFull(static_cast<unsigned>(now.blocking.size()));
  unsigned i = 0;
  for (auto each : now.blocking)
    full.set(i++, each);
  auto told = leading.finish();
  for (auto& to : audience_->replicas)
    send(to.handle, told);
}

/// Who gets what a replica sent here while this leader does not lead. What another leader handed on goes no further: two that
/// take each other for the active one would send it to and fro for ever.
const peers<leader_actor>::entry* leader::to_hand_on() {
  auto& watched = leadership_.watched();
  return watched && !leaders_.has(current_sender()) ? leaders_.find(watched->leader) : nullptr;
}

void leader::note_mark(uint64_t mark) {
  if (mark == 0 || !current_sender())
    return;
  marks_.note(current_sender(), mark);
  if (marks_.urgent())
    return_marks(*this, marks_, options_.node);
}

/// For decisions, from a replica; for proposals that were handed on, from a leader.
void leader::on_received(const message<schema::Received>& received) {
  if (leaders_.has(current_sender()))
    leaders_.received(received->getNode(), received->getMark());
  else
    audience_->replicas.received(received->getNode(), received->getMark());
}

/// An idle leader asks no acceptor, which would preempt it.
void leader::on_higher_ballot(const message<schema::HigherBallot>& told) {
  if (leads())
    on_preempted(ballot_of(told->getBallot()));
}

} // namespace synod
