// A leader among other leaders, its timer and its hosts.
#include "synod/actors/leader/leader.hpp"

#include "synod/messages/status.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace synod {

// -- beside the paper: who leads ----------------------------------------------

/// True if a quorum of acceptors no longer answers: somebody better connected should lead. One whose decisions take long but
/// come, as with much on the way, is as good as any.
bool leader::stalled(const active& now) const {
  if (now.proposals.empty())
    return false;
  auto waits_since = std::max(now.proposals.begin()->second.since, now.decided_at);
  return clock().now() - waits_since > leadership_.timeout();
}

void leader::ping(bool everybody) {
  leadership_.pinged(clock().now());
  auto& watched = leadership_.watched();
  for (auto& to : leaders_)
    if (everybody || (watched && to.node == watched->leader))
      send_ping(to.handle, false);
}

void leader::send_ping(const leader_actor& to, bool asks_to_lead) {
  builder<schema::Ping> ping;
  ping->setNode(options_.node);
  ping->setWallClock(environment_->wall_clock_ms());
  ping->setAsksToLead(asks_to_lead);
  write(leads() ? ballot_ : leadership_.watched().value_or(ballot{}), ping->initBallot());
  if (std::holds_alternative<active>(state_))
    write(cluster_time(), ping->initClusterTime());
  send(to, ping.finish());
}

void leader::on_ping(const message<schema::Ping>& ping) {
  note_clock(ping->getNode(), ping->getWallClock());
  note_time(ping->getClusterTime());
  // An idle leader hears of a higher ballot from no acceptor.
  if (leads())
    on_preempted(ballot_of(ping->getBallot()));
  auto hears = leadership_.hears(clock().now());
  if (ping->getAsksToLead() && std::holds_alternative<passive>(state_) && hears && may_lead())
    become_candidate(true);
  auto* now = std::get_if<active>(&state_);
  if (!current_sender())
    return; // Of this leader's node, on behalf of an operator.
  // A ballot that it never asked for would only mislead.
  auto own = std::holds_alternative<passive>(state_) ? ballot{} : ballot_;
  builder<schema::Pong> pong;
  pong->setNode(options_.node);
  write(std::max(leadership_.watched().value_or(ballot{}), own), pong->initBallot());
  pong->setActive(now && !stalled(*now));
  pong->setHears(!now && hears);
  pong->setWallClock(environment_->wall_clock_ms());
  pong->setDecidedBelow(now ? now->decided.below() : decided_below_);
  pong->setPerformedBelow(readiness_.own());
  if (now)
    write(cluster_time(), pong->initClusterTime());
  send(caf::actor_cast<leader_actor>(current_sender()), pong.finish());
}

void leader::on_pong(const message<schema::Pong>& pong) {
  note_clock(pong->getNode(), pong->getWallClock());
  note_time(pong->getClusterTime());
  if (leaders_.find(pong->getNode()))
    readiness_.told_by(pong->getNode(), pong->getPerformedBelow(), clock().now());
  if (leads())
    return;
  auto decided_below = pong->getDecidedBelow();
  if (decided_below > decided_below_)
    leadership_.on_decisions(decided_below - decided_below_);
  look_who_leads(*pong);
  skip_decided(decided_below);
}

void leader::look_who_leads(schema::Pong::Reader pong) {
  auto told = ballot_of(pong.getBallot());
  if (told.round > most_round)
    return;
  leadership_.on_pong(pong, leaders_.nodes(), clock().now());
  // It leads after all: a candidate that goes on would only depose it. One that acceptors have heard has done so already, and one
  // that was asked to lead is to do so.
  auto leads_there = pong.getActive() && told.leader == pong.getNode() && leadership_.watched() == told;
  auto* mine = std::get_if<candidate>(&state_);
  if (leads_there && mine && !mine->adoption.answered && !mine->asked)
    step_down();
}

void leader::note_clock(node_id node, int64_t shown) {
  clock_.note(node, shown, clock().now());
}

/// As the active leader finds it.
std::optional<cluster_clock::interval> leader::cluster_time() {
  return clock_.find(environment_->wall_clock_ms(), clock().now());
}

/// An acceptor has told how full its disk is.
void leader::note_room(node_id acceptor, bool full) {
  auto is_new = full_.told(acceptor, full, clock().now());
  if (auto* now = std::get_if<active>(&state_); now && is_new)
    look_at_room(*now);
}

void leader::look_at_room(active& now) {
  auto accept = audience_->members.quorum(phase::accept, now.free_slot());
  auto found = full_.look(audience_->acceptors.nodes(), accept, stalled(now), clock().now());
  if (found.spared != audience_->spared) {
    auto changed = std::make_shared<audience>(*audience_);
    changed->spared = found.spared;
    audience_ = std::move(changed);
    for (auto& [slot, each] : now.proposals)
      send(each.commander, audience_);
  }
  if (found.blocking == now.blocking)
    return;
  now.blocking = found.blocking;
  lend(now);
  now.hand_over = backoff{first_room_pause, last_room_pause};
  now.hand_over.tried(clock().now());
  lead(now);
}

/// Those that are slow, or of no use for a quorum, are asked later.
void leader::look_who_is_prompt(active& now) {
  auto time = clock().now();
  auto& ruling = audience_->members.ruling(now.free_slot());
  auto waits = now.proposals.empty() ? time_point::duration{0} : time - now.proposals.begin()->second.since;
  if (!audience_->spared.empty() || ruling.number() != audience_->members.latest().number())
    now.prompt.forget(time);
  auto& later = now.prompt.look(ruling.acceptors(), audience_->acceptors.nodes(), ruling.quorum(phase::accept), waits, time);
  if (later == audience_->later)
    return;
  send_later(); // So whatever is under way has been sent to all that were to be asked later, and need not be sent again.
  auto renewed = std::make_shared<audience>(*audience_);
  renewed->later = later;
  address(std::move(renewed), false);
}

void leader::ask_later(active& now, const message<schema::Pvalue>& pvalue) {
  if (audience_->later.empty())
    return;
  if (now.later.empty())
    delayed_send(this, prompt_acceptors::later_by, later_atom_v);
  now.later.push_back(pvalue);
  now.later_bytes += pvalue.size_bytes();
  if (now.later_bytes >= prompt_acceptors::later_bytes)
    send_later();
}

/// What flow control does not admit they are not sent: the others have it.
void leader::send_later() {
  auto* now = std::get_if<active>(&state_);
  if (!now)
    return;
  now->later_bytes = 0;
  for (auto& pvalue : std::exchange(now->later, {}))
    for (auto node : audience_->later)
      if (auto* to = audience_->acceptors.find(node); to && !audience_->spared.contains(node)) {
        uint64_t mark = 0;
        if (to->flow->admit(pvalue.size_bytes(), clock().now(), mark))
          send(to->handle, p2a_atom_v, pvalue, mark);
      }
}

/// Nothing new can be accepted here, for want of room at the acceptors that are reached: perhaps another leader reaches others.
void leader::ask_for_room(active& now) {
  auto time = clock().now();
  auto slot = now.free_slot();
  if (now.blocking.empty() || leaders_.empty() || !now.hand_over.due(time)
      || !full_.others_may_have_room(options_.members.ruling(slot).acceptors(), audience_->members.quorum(phase::accept, slot)))
    return;
  now.hand_over.tried(time);
  auto next = std::find_if(leaders_.begin(), leaders_.end(), [this](auto& x) { return x.node > options_.node; });
  send_ping((next == leaders_.end() ? leaders_.begin() : next)->handle, true);
}

/// The active leader knows it.
void leader::note_time(schema::ClusterTime::Reader found) {
  if (auto x = interval_of(found); x && !std::holds_alternative<active>(state_))
    clock_.told(*x, clock().now());
}

// -- housekeeping -------------------------------------------------------------

void leader::on_tick() {
  delayed_send(this, tick_interval, tick_atom_v);
  return_marks(*this, marks_, options_.node);
  auto time = clock().now();
  if (auto late = time - last_tick_ - tick_interval; last_tick_ != time_point{} && late > tick_interval)
    leadership_.stood_still(std::chrono::duration_cast<std::chrono::milliseconds>(late), time);
  last_tick_ = time;
  // Here, not when a clock is heard of: that is with every p2b.
  if (auto wrong = clock_.is_wrong_now(environment_->wall_clock_ms(), time); wrong && *wrong)
    environment_->log().warn("this node's wall clock is far from the others'; log time goes on without it");
  else if (wrong)
    environment_->log().info("this node's wall clock agrees with the others' again");
  if (auto* now = std::get_if<active>(&state_)) {
    now->proposals.send_again(time, [this](auto& x) { send(x.commander, tick_atom_v); });
    send_again(now->recovery_scout, time);
    look_at_room(*now);
    look_who_is_prompt(*now);
    ask_for_room(*now);
    ask_for_lease(*now);
    lend(*now);
    if (time - now->announced >= options_.leading.ping_interval) {
      lead(*now);
      ping(true);
      hand_over(now->decided.below(), time);
    }
    return;
  }
  // Not hearing the one to watch, or not knowing it, ask everybody.
  if (leadership_.ping_due(time))
    ping(!leadership_.hears(time));
  if (auto* mine = std::get_if<candidate>(&state_)) {
    send_again(mine->adoption, time); // One that nobody preempts and no quorum answers keeps asking; it takes no harm.
  } else if (may_lead() && time >= stands_from_ && leadership_.silent(time) && audience_->reaches_promises(decided_below_)) {
    if (auto relay = leadership_.take_relay(leaders_.nodes()))
      send_ping(leaders_.handle_of(*relay), true);
    else
      become_candidate();
  }
}

void leader::send_again(scouting& x, time_point now) {
  if (!x.scout || !x.again.due(now))
    return;
  send(x.scout, tick_atom_v);
  x.again.tried(now);
}

void leader::on_peer(const peer& x) {
  if (x.role == "leader") {
    if (x.node == options_.node)
      return;
    leaders_.renew(x);
    readiness_.lost(x.node);
    if (x.handle) {
      leadership_.on_found(x.node, clock().now());
      if (!leads())
        send_ping(leaders_.handle_of(x.node), false);
    } else if (leadership_.on_lost(x.node) && !leads()) {
      ping(true);
    }
    return;
  }
  auto renewed = std::make_shared<audience>(*audience_);
  if (x.role == "acceptor")
    renewed->acceptors.renew(x);
  else if (x.role == "replica")
    renewed->replicas.renew(x);
  else
    return;
  address(std::move(renewed), x.role == "acceptor" && x.handle); // What was on its way there is lost.
  if (auto* now = std::get_if<active>(&state_)) {
    if (x.role == "replica" && x.node == options_.node)
      now->lent = {}; // This one was not told.
    lend(*now);
    lead(*now);
    look_at_room(*now);
    look_who_is_prompt(*now);
  }
}

/// From now on scouts and commanders talk to those. `ask_again`: what was on its way may be lost.
void leader::address(std::shared_ptr<const audience> renewed, bool ask_again) {
  audience_ = std::move(renewed);
  auto tell = [&](auto& actor) {
    send(actor, audience_);
    if (ask_again)
      send(actor, tick_atom_v);
  };
  if (auto* mine = std::get_if<candidate>(&state_))
    tell(mine->adoption.scout);
  auto* now = std::get_if<active>(&state_);
  if (!now)
    return;
  for (auto& [slot, each] : now->proposals)
    tell(each.commander);
  if (now->recovery_scout.scout)
    tell(now->recovery_scout.scout);
}

/// To the one role of another node with the most on the way.
uint64_t leader::most_owed_bytes() const {
  return std::max({audience_->acceptors.most_owed_bytes(), audience_->replicas.most_owed_bytes(), leaders_.most_owed_bytes()});
}

message<schema::RoleStatus> leader::status() const {
  auto* now = std::get_if<active>(&state_);
  auto& watched = leadership_.watched();
  auto number = [](auto x) { return static_cast<int64_t>(x); };
  constexpr const char* names[] = {"passive", "candidate", "active"};
  return role_status("leader", {{"state", std::string{names[state_.index()]}},
                                {"ballot", to_string(ballot_)},
                                {"configuration", number(audience_->members.latest().number())},
                                {"lease", std::string{options_.leasing.length.count() == 0 ? "off"
                                                      : now && holds_lease(*now)           ? "held"
                                                                                           : "not held"}},
                                {"watches", watched && !now ? to_string(*watched) : std::string{"-"}},
                                {"decided below", number(now ? now->decided.below() : decided_below_)},
                                {"proposals", number(proposals())},
                                {"decisions", number(decisions_)},
                                {"acceptors without room", number(now ? now->blocking.size() : 0)},
                                {"adopted", number(adoptions_)},
                                {"preempted", number(preemptions_)},
                                {"timeout ms", number(leadership_.timeout().count())},
                                {"most bytes owed to a peer", number(most_owed_bytes())}});
}

message<schema::RoleStatus> leader::explain(slot_number slot) const {
  return role_status("leader", history_.entries(slot));
}

} // namespace synod
