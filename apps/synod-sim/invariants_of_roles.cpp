// What is looked at behind every step of a process: its roles, against what they were and what was chosen.
#include "invariants.hpp"

#include <algorithm>

namespace synod::simulation {

namespace {

/// One a second above a peer's limit, until a connection on which nothing comes back counts as lost, or a disk that stalls goes
/// on.
constexpr uint64_t most_probes = 30;

} // namespace

void invariants::look(uint32_t node) {
  if (acceptors_[node].role)
    look_at_acceptor(node);
  if (leaders_[node].role)
    look_at_leader(node);
  if (replicas_[node].role)
    look_at_replica(node);
  if (gateways_[node])
    look_at_gateway(node);
}

void invariants::look_at_acceptor(uint32_t node) {
  auto& view = acceptors_[node];
  auto& role = *view.role;
  if (role.promised() != view.promised) {
    if (role.promised() < view.promised)
      fail("A1", fmt::format("acceptor {} went back from ballot {} to {}", name(node), to_string(view.promised),
                             to_string(role.promised())));
    trace_.say(timeline_.now(), "acceptor {} promises {}", name(node), to_string(role.promised()));
    view.promised = role.promised();
  }
  if (!view.touched.empty()) {
    // A step handles one message: those before the one that was accepted were handled before.
    auto accepted = std::exchange(view.accepts, role.accepts()) != role.accepts();
    while (accepted && !view.touched.empty()) {
      auto slot = view.touched.front();
      view.touched.pop_front();
      accepted = !look_at_entry(node, slot, false);
    }
    if (const_cast<acceptor&>(role).mailbox().blocked()) // All that arrived is handled.
      view.touched.clear();
  }
  if (role.accepted().first_kept() != view.first_kept)
    check_collected(node, role.accepted().first_kept());
  bound(node, "durable values in the acceptor's memory, bytes",
        role.accepted().cached_bytes() - role.accepted().not_durable_bytes(), role.accepted().cache_limit_bytes());
  bound(node, "learned slots on the way to a replica, bytes", role.most_owed_bytes(),
        role.limits().peer_limit_bytes + most_probes * (role.limits().piece_bytes + largest_message_));
}

/// What an acceptor forgets, enough replicas hold durably.
void invariants::check_collected(uint32_t node, slot_number first_kept) {
  auto& view = acceptors_[node];
  if (first_kept < view.first_kept)
    fail("collected", fmt::format("acceptor {} keeps slots from {} on, and had collected those below {}", name(node), first_kept,
                                  view.first_kept));
  // It may not know the latest configuration yet: then as many of the one before have to hold it, which stay until these do.
  auto& latest = reference_.latest();
  auto& before = reference_.ruling(std::max<slot_number>(1, reference_.latest_from() - 1));
  auto enough = [&](const configuration& x) { return holders(x, first_kept) >= durable_needed(x); };
  if (first_kept > collected_ && !enough(latest) && !enough(before))
    fail("collected", fmt::format("acceptor {} has collected slots below {}, which {} replicas hold durably", name(node),
                                  first_kept, holders(latest, first_kept)));
  collected_ = std::max(collected_, first_kept);
  if (first_kept != view.first_kept)
    trace_.say(timeline_.now(), "acceptor {} has collected slots below {}", name(node), first_kept);
  view.first_kept = first_kept;
}

/// Compares what an acceptor has for a slot with what it had; true: it is something new.
bool invariants::look_at_entry(uint32_t node, slot_number slot, bool restarted) {
  auto& view = acceptors_[node];
  auto* found = view.role->accepted().find(slot);
  if (view.accepted.size() < slot)
    view.accepted.resize(slot);
  auto& known = view.accepted[slot - 1];
  if (slot < view.role->accepted().first_kept()) {
    known = {};
    return false;
  }
  if (!found) {
    if (known.told)
      fail("A3", fmt::format("acceptor {} has lost slot {}, which it had told of under ballot {}", name(node), slot,
                             to_string(known.told_under)));
    else if (known.there && !restarted)
      fail("A3",
           fmt::format("acceptor {} has dropped slot {}, accepted under ballot {}", name(node), slot, to_string(known.under)));
    known.there = false;
    return false;
  }
  auto& entry = *found;
  if (known.told && entry.under < known.told_under)
    fail("A3", fmt::format("acceptor {} has slot {} under ballot {}, and had told of {}", name(node), slot,
                           to_string(entry.under), to_string(known.told_under)));
  auto renewed = !known.there || entry.where != known.where;
  if (!restarted && !renewed)
    return false;
  if (!restarted && known.there && entry.under < known.under)
    fail("A3", fmt::format("acceptor {} went back from ballot {} to {} for slot {}", name(node), to_string(known.under),
                           to_string(entry.under), slot));
  if (!restarted && entry.under != view.role->promised())
    fail("A2", fmt::format("acceptor {} accepted slot {} under ballot {} while it has promised {}", name(node), slot,
                           to_string(entry.under), to_string(view.role->promised())));
  known.there = true;
  known.under = entry.under;
  known.where = entry.where;
  if (!entry.pvalue)
    return true;
  auto sum = fingerprint(entry.pvalue->getValue());
  for (auto& each : view_of(slot).values)
    if (each.under == entry.under && each.fingerprint != sum)
      fail("A4", fmt::format("acceptor {} accepted {}, and {} was proposed", name(node), describe(*entry.pvalue),
                             describe(*each.pvalue)));
  if (!restarted)
    trace_.say(timeline_.now(), "acceptor {} accepts {}", name(node), describe(*entry.pvalue));
  return true;
}

void invariants::look_at_leader(uint32_t node) {
  auto& view = leaders_[node];
  auto& role = *view.role;
  bound(node, "bytes on the way to an acceptor, replica or leader", role.most_owed_bytes(),
        role.limits().peer_limit_bytes + most_probes * largest_message_);
  bound(node, "the leader's proposals", role.proposals(), role.limits().most_proposals());
  if (role.leads() == view.active && role.own_ballot() == view.own)
    return;
  if (role.own_ballot() < view.own)
    fail("C1",
         fmt::format("leader {} went back from ballot {} to {}", name(node), to_string(view.own), to_string(role.own_ballot())));
  view.own = role.own_ballot();
  view.active = role.leads();
  if (!view.active)
    return;
  if (!active_under_.insert(view.own).second)
    fail("C1", fmt::format("leader {} becomes active under ballot {} for a second time", name(node), to_string(view.own)));
}

void invariants::look_at_replica(uint32_t node) {
  auto& view = replicas_[node];
  auto& role = *view.role;
  if (view.later && role.performed().state().machine.get() == view.later)
    go_on_with_later(node, role.slot_out());
  settle(node);
  auto& limits = role.limits();
  if (auto* latest = role.snapshots().latest())
    durable_[node] = std::max(durable_[node], latest->slot_out);
  if (view.next_slot == 0)
    view.next_slot = role.slot_out();
  if (role.slot_out() != view.slot_out) {
    if (role.slot_out() < view.slot_out)
      fail("R4", fmt::format("replica {} went back from slot_out {} to {}", name(node), view.slot_out, role.slot_out()));
    view.slot_out = role.slot_out();
    trace_.say(timeline_.now(), "replica {} has slot_out {}", name(node), view.slot_out);
    if (view.next_slot != view.slot_out)
      fail("R3",
           fmt::format("replica {} has slot_out {}, and performed slots below {}", name(node), view.slot_out, view.next_slot));
  }
  auto last_proposed = role.proposals().last_proposed();
  if (last_proposed >= role.slot_out() + limits.window)
    fail("R5", fmt::format("replica {} proposes for slot {} with slot_out {} and WINDOW {}", name(node), last_proposed,
                           role.slot_out(), limits.window));
  bound(node, "bytes on the way to another replica or leader", role.most_owed_bytes(),
        limits.peer_limit_bytes + most_probes * largest_message_);
  bound(node, "requests that wait, bytes", role.proposals().requests().bytes(), 2 * limits.waiting_limit_bytes);
  bound(node, "requests of own clients, bytes", role.own_requests().bytes(), limits.waiting_limit_bytes);
  bound(node, "reads that wait, bytes", role.reads().bytes(), limits.waiting_limit_bytes);
  auto ahead = limits.ahead();
  bound(node, "decisions ahead of slot_out", role.ahead().all().size(), ahead.slots);
  bound(node, "decisions ahead of slot_out, bytes", role.ahead().bytes(), ahead.bytes + largest_message_);
  // Refusals and errors may pass the limit of each kind by a message; replies never take as much as those of all requests.
  bound(node, "bytes on the way to a client", role.most_owed_to_a_client(),
        10 * limits.peer_limit_bytes + limits.waiting_limit_bytes + message_limit_bytes);
}

void invariants::look_at_gateway(uint32_t node) {
  auto& limits = gateways_[node]->limits();
  // One command may be above the limit, which takes more room in a message than its arguments.
  bound(node, "the gateway's commands under way, bytes", gateways_[node]->outstanding_bytes(),
        limits.outstanding_limit_bytes + 2 * limits.command_limit_bytes);
  // What is small passes the limit, and one client at a time may have a reply of any size.
  bound(node, "replies that clients have not read, bytes", gateways_[node]->unread_bytes(),
        2 * limits.unread_limit_bytes + message_limit_bytes);
  bound(node, "the gateway's reads under way, bytes", gateways_[node]->read_bytes(),
        limits.outstanding_limit_bytes + 2 * limits.command_limit_bytes);
}

/// Compares what a replica performed for a slot with what the chosen value says.
void invariants::settle(uint32_t node) {
  auto present = std::exchange(replicas_[node].present, std::nullopt);
  if (!present)
    return;
  if (present->slot >= reference_.slot_out())
    return fail("R1", fmt::format("replica {} performs slot {}, for which no majority of acceptors has accepted a value",
                                  name(node), present->slot));
  auto& wanted = reference_.at(present->slot);
  if (present->log_time != wanted.log_time)
    fail("R3", fmt::format("replica {} performs slot {} at log time {}, and its value says {}", name(node), present->slot,
                           present->log_time, wanted.log_time));
  else if (!(*present == wanted))
    fail("R3", fmt::format("replica {} performs {} commands for slot {}, other than the {} that are to be performed, each once, "
                           "when it is its session's turn",
                           name(node), present->commands, present->slot, wanted.commands));
}

void invariants::check_end() {
  constexpr int64_t most_behind_ms = 2'000; // A log clock that is further behind leaps.
  if (auto behind = last_asked_ms_ - latest_time_; behind > most_behind_ms)
    fail("log time", fmt::format("it is {} ms behind the true time, long after every clock was put right", behind));
  for (uint32_t node = 0; node < replicas_.size(); ++node) {
    auto& view = replicas_[node];
    if (!view.role || without_disk_.contains(node))
      continue;
    if (view.role->slot_out() != reference_.slot_out())
      fail("liveness", fmt::format("replica {} ends with slot_out {}, and slots below {} are chosen", name(node),
                                   view.role->slot_out(), reference_.slot_out()));
    else if (view.machine && digest(*view.machine) != digest(reference_.machine()))
      fail("one state", fmt::format("replica {} ends in another state than the decided values lead to", name(node)));
    else if (view.role->performed().sessions().size() != reference_.sessions())
      fail("one state", fmt::format("replica {} ends with {} sessions, and {} were opened and not ended", name(node),
                                    view.role->performed().sessions().size(), reference_.sessions()));
  }
}

void invariants::bound(uint32_t node, const char* what, uint64_t is, uint64_t limit) {
  if (is > limit)
    fail("bounds", fmt::format("{} at node {}: {}, and the limit is {}", what, name(node), is, limit));
}

} // namespace synod::simulation
