// The lease of an active leader, and the replica beside it that reads by it.
#include "synod/actors/leader/leader.hpp"

#include <spdlog/spdlog.h>

namespace synod {

/// Not for a configuration that its ballot was not promised by: it is about to stand again, or to hand over.
void leader::ask_for_lease(active& now) {
  if (!now.lease.on())
    return;
  auto time = environment_->boot_clock();
  if (!now.lease.due(time) || now.configuration != audience_->members.latest().number())
    return;
  now.lease.asked(time);
  send_ask_lease(time.count(), false);
}

/// Others need not wait until it is over. The replica beside it is told first.
void leader::give_up_lease(active& now) {
  if (!now.lease.on())
    return;
  tell_leased(now, lease::time{0}, 0);
  send_ask_lease(0, true);
}

void leader::send_ask_lease(int64_t asked, bool gives_up) {
  builder<schema::AskLease> request;
  write(ballot_, request->initBallot());
  request->setAsked(asked);
  request->setGivesUp(gives_up);
  auto built = request.finish();
  for (auto& to : audience_->acceptors)
    send(to.handle, built);
}

// Lease: an acceptor promises no other leader anything for a while; or another one asks it to.
void leader::on_lease(const message<schema::Lease>& answer) {
  auto* now = std::get_if<active>(&state_);
  if (!now || ballot_of(answer->getBallot()) != ballot_)
    return;
  if (auto waits = ballot_of(answer->getWaits()); waits != ballot{})
    return on_preempted(waits);
  now->lease.granted(answer->getAcceptor(), lease::time{answer->getAsked()}, environment_->boot_clock());
  lend(*now);
  if (!now->told_of_lease && holds_lease(*now)) {
    now->told_of_lease = true;
    environment_->log().info("leader holds the lease under ballot {}", to_string(ballot_));
  }
}

/// Up to then no other leader's ballot is adopted for a slot that is not decided. (For later configurations, which this leader
/// has not heard of, one may be as soon as all before is decided; what decides them this leader has proposed then, and a replica
/// that has performed it asks again.)
lease::time leader::holds_lease_until(const active& now) const {
  auto& members = audience_->members;
  if (!now.lease.on() || now.configuration != members.latest().number())
    return lease::time{0};
  return now.lease.held_until(
    [&](const node_set& granting) { return members.promises_need_one_of(granting, now.decided.below()); });
}

/// What may be decided, whoever has learned of it, is below the free slot. What waits for acceptors without room or out of reach
/// better no read waits for.
void leader::lend(active& now) {
  auto until = now.blocking.empty() && !stalled(now) ? holds_lease_until(now) : lease::time{0};
  tell_leased(now, until > environment_->boot_clock() ? until : lease::time{0}, now.free_slot());
}

/// Before an acceptor, and so anybody, can get to know a slot behind the one that was told: whoever reads then has it told.
void leader::lend_below(active& now, slot_number slot) {
  if (!now.lent || slot <= now.lent->getFreeSlot())
    return;
  lease::time until{now.lent->getUntil()};
  if (until.count() > 0 && environment_->boot_clock() < until)
    tell_leased(now, until, slot);
}

/// If that is news. `until`: 0 for a lease that is not held, and then the free slot does not matter.
void leader::tell_leased(active& now, lease::time until, slot_number free_slot) {
  auto* to = audience_->replicas.find(options_.node);
  auto told_until = now.lent ? now.lent->getUntil() : 0;
  if (!to || (until.count() == told_until && (told_until == 0 || free_slot == now.lent->getFreeSlot())))
    return;
  builder<schema::Leased> told;
  told->setUntil(until.count());
  told->setFreeSlot(free_slot);
  told->setConfiguration(now.configuration);
  now.lent = told.finish();
  send(to->handle, now.lent);
}

} // namespace synod
