#include "invariants.hpp"

#include <algorithm>
#include <bit>

namespace synod::simulation {

namespace {

/// One a second above a peer's limit, until a connection on which nothing comes back counts as lost.
constexpr uint64_t most_probes = 10;

std::string text(ballot x) {
  return to_string(x);
}

/// The message at `index`, if it is one of schema S.
template <class S>
const message<S>* as(const caf::message& content, size_t index = 0) {
  return index < content.size() && content.match_element<message<S>>(index) ? &content.get_as<message<S>>(index) : nullptr;
}

} // namespace

/// Stands between a replica and its state machine.
class invariants::machine_observer : public observed_machine::observer {
public:
  machine_observer(invariants& of, uint32_t node, uint64_t process) : of_{of}, node_{node}, process_{process} {}

  void on_begin_batch(int64_t now, uint64_t slot) override {
    auto& view = of_.replicas_[node_];
    if (view.process != process_)
      return; // Killed: what it does now nobody sees.
    of_.settle(node_);
    // R2
    if (slot != view.next_slot)
      of_.fail("R2",
               fmt::format("replica {} performs slot {} where slot {} would be next", of_.name(node_), slot, view.next_slot));
    if (slot % reference::digest_every == 0 && view.machine && of_.reference_.slot_out() > slot
        && digest(*view.machine) != of_.reference_.digest_at(slot))
      of_.fail("one state",
               fmt::format("replica {}: the state before slot {} is not what the decided values lead to", of_.name(node_), slot));
    view.next_slot = slot + 1;
    view.present = performed_slot{slot, now, 0, 0};
  }

  void on_apply(arguments command) override {
    auto& view = of_.replicas_[node_];
    if (view.process == process_ && view.present)
      view.present->add(command);
  }

private:
  invariants& of_;
  uint32_t node_;
  uint64_t process_;
};

invariants::invariants(world& in, trace& told, std::vector<std::string> nodes, size_t acceptors, reference expected)
  : world_{in},
    trace_{told},
    names_{std::move(nodes)},
    majority_{acceptors / 2 + 1}, // Counted anew: a check does not ask what it checks.
    reference_{std::move(expected)},
    acceptors_(names_.size()),
    leaders_(names_.size()),
    gateways_(names_.size()),
    replicas_(names_.size()) {}

void invariants::fail(std::string invariant, std::string what) {
  if (broken_)
    return;
  trace_.say(world_.now(), "BROKEN: {}: {}", invariant, what);
  trace_.end(); // What comes behind it follows from it.
  broken_ = violation{std::move(invariant), std::move(what)};
}

void invariants::begin(uint32_t node, const acceptor* a, const leader* l, const replica* r, const gateway* g) {
  gateways_[node] = g;
  leaders_[node] = {l, false, l ? l->own_ballot() : ballot{}};
  if (r)
    replicas_[node].role = r;
  if (!a)
    return;
  auto& view = acceptors_[node];
  view.role = a;
  view.touched.clear();
  view.accepts = a->accepts();
  view.promised = a->promised();
  if (view.told && a->promised() < *view.told)
    fail("A1", fmt::format("acceptor {} had told ballot {}, and has {} after a restart", name(node), text(*view.told),
                           text(a->promised())));
  for (slot_number slot = 1; slot <= view.accepted.size(); ++slot)
    look_at_entry(node, slot, true);
  for (auto& [slot, entry] : a->accepted().entries())
    if (slot > view.accepted.size() || !view.accepted[slot - 1].there)
      look_at_entry(node, slot, true);
}

void invariants::end(uint32_t node) {
  acceptors_[node].role = nullptr;
  leaders_[node] = {};
  replicas_[node] = {};
  gateways_[node] = nullptr;
}

std::unique_ptr<state_machine> invariants::observe(uint32_t node, std::unique_ptr<state_machine> machine) {
  replicas_[node] = {};
  replicas_[node].process = ++processes_;
  auto observed =
    std::make_unique<observed_machine>(std::move(machine), std::make_shared<machine_observer>(*this, node, processes_));
  replicas_[node].machine = observed.get();
  return observed;
}

// -- messages -----------------------------------------------------------------

void invariants::on_send(uint32_t from, const caf::message& content) {
  if (from >= names_.size())
    return; // A client's.
  if (auto* p1a = as<schema::P1a>(content)) {
    on_p1a(from, *p1a);
  } else if (auto* p2b = as<schema::P2b>(content)) {
    on_promised(from, ballot_of((*p2b)->getBallot()));
    for (auto slot : (*p2b)->getSlots()) {
      on_told(from, slot, ballot_of((*p2b)->getBallot()));
      acceptors_[from].highest_told = std::max(acceptors_[from].highest_told, slot);
    }
  } else if (auto* p1b = as<schema::P1b>(content)) {
    on_promised(from, ballot_of((*p1b)->getBallot()));
    promisers_[ballot_of((*p1b)->getBallot())] |= uint64_t{1} << from;
    for (auto encoded : (*p1b)->getPvalues()) {
      borrowed<schema::Pvalue> pvalue{words_of(encoded)};
      on_told(from, pvalue->getSlot(), ballot_of(pvalue->getBallot()));
    }
  } else if (auto* learned = as<schema::Learned>(content)) {
    for (auto x : (*learned)->getAccepted())
      on_told(from, x.getSlot(), ballot_of(x.getBallot()));
  } else if (auto* highest = as<schema::Highest>(content)) {
    on_highest(from, (*highest)->getSlot());
  } else if (auto* pvalue = as<schema::Pvalue>(content, 1)) {
    if (content.match_element<p2a_atom>(0))
      on_p2a(from, *pvalue);
    else if (content.match_element<decision_atom>(0) && content.size() == 3)
      on_decision(from, *pvalue);
  } else if (auto* forwarded = as<schema::Request>(content, 1)) {
    largest_message_ = std::max<uint64_t>(largest_message_, forwarded->size_bytes());
  }
}

void invariants::on_arrival(uint32_t to, const caf::message& content) {
  if (auto* pvalue = as<schema::Pvalue>(content, 1); pvalue && content.match_element<p2a_atom>(0))
    acceptors_[to].touched.push_back((*pvalue)->getSlot());
}

invariants::slot_view& invariants::view_of(slot_number slot) {
  if (slots_.size() < slot)
    slots_.resize(std::max<size_t>(slot, 2 * slots_.size()));
  return slots_[slot - 1];
}

/// A commander's p2a: one value for a ballot and slot (C1, hence A4), and no other than what may be chosen (C2).
void invariants::on_p2a(uint32_t from, const message<schema::Pvalue>& pvalue) {
  auto slot = pvalue->getSlot();
  auto under = ballot_of(pvalue->getBallot());
  auto sum = fingerprint(pvalue->getValue());
  auto& view = view_of(slot);
  largest_message_ = std::max<uint64_t>(largest_message_, pvalue.size_bytes());
  for (auto& known : view.values)
    if (known.under == under) {
      if (known.fingerprint != sum)
        fail("C1", fmt::format("leader {} sends p2a {}, and {} was sent before: two commanders for one ballot and slot",
                               name(from), describe(*pvalue), describe(*known.pvalue)));
      return;
    }
  latest_time_ = std::max(latest_time_, pvalue->getValue().getTime());
  view.values.push_back({under, sum, 0, pvalue});
  check_against_chosen(slot, view, view.values.back());
}

/// A5, C2: under a higher ballot than the one it was chosen under, only the chosen value.
void invariants::check_against_chosen(slot_number, const slot_view& view, const proposed& later) {
  if (view.chosen == SIZE_MAX)
    return;
  auto& chosen = view.values[view.chosen];
  if (later.under > chosen.under && later.fingerprint != chosen.fingerprint)
    fail("C2",
         fmt::format("{} is proposed although a majority had accepted {}", describe(*later.pvalue), describe(*chosen.pvalue)));
}

/// A candidate's scout: it asks for a ballot that nobody has asked for before (C1).
void invariants::on_p1a(uint32_t from, const message<schema::P1a>& request) {
  if (request->getEndSlot() != 0)
    return; // Under the ballot that its leader is active under.
  auto asked = ballot_of(request->getBallot());
  if (auto known = candidate_for_.emplace(asked, request->getScout()).first; known->second != request->getScout())
    fail("C1", fmt::format("leader {} becomes a candidate with ballot {} for a second time", name(from), text(asked)));
}

/// An acceptor tells what it promised.
void invariants::on_promised(uint32_t acceptor, ballot promised) {
  auto& view = acceptors_[acceptor];
  if (view.role && promised > view.role->promised_durably())
    fail("stable storage", fmt::format("acceptor {} tells ballot {}, and {} is durable", name(acceptor), text(promised),
                                       text(view.role->promised_durably())));
  view.told = view.told ? std::max(*view.told, promised) : promised;
}

/// An acceptor tells a reading replica how far others may have decided: a slot that it has voted for is among them.
void invariants::on_highest(uint32_t acceptor, slot_number highest) {
  auto& view = acceptors_[acceptor];
  if (highest < view.highest_told)
    fail("stable storage", fmt::format("acceptor {} tells a read of slot {}, and has voted for slot {}", name(acceptor), highest,
                                       view.highest_told));
  if (view.role && highest > view.role->accepted().highest_durable())
    fail("stable storage", fmt::format("acceptor {} tells a read of slot {}, and {} is durable", name(acceptor), highest,
                                       view.role->accepted().highest_durable()));
}

/// What an acceptor tells of a slot it has, durably.
void invariants::check_durable(uint32_t acceptor, slot_number slot, ballot under) {
  auto* role = acceptors_[acceptor].role;
  if (!role)
    return;
  auto* known = role->accepted().find(slot);
  if (!known || known->under < under)
    fail("A3", fmt::format("acceptor {} tells that it accepted slot {} under ballot {}, and has {}", name(acceptor), slot,
                           text(under), known ? text(known->under) : "nothing"));
  else if (known->under == under && !role->is_durable(*known))
    fail("stable storage", fmt::format("acceptor {} tells that it accepted slot {} under ballot {} before that is durable",
                                       name(acceptor), slot, text(under)));
}

/// An acceptor lets others know that it accepted: from now on it must not forget, and it counts.
void invariants::on_told(uint32_t acceptor, slot_number slot, ballot under) {
  check_durable(acceptor, slot, under);
  auto& accepted = acceptors_[acceptor].accepted;
  if (accepted.size() < slot)
    accepted.resize(slot);
  auto& mine = accepted[slot - 1];
  mine.told_under = mine.told ? std::max(mine.told_under, under) : under;
  mine.told = true;
  auto& view = view_of(slot);
  auto found = std::find_if(view.values.begin(), view.values.end(), [&](auto& x) { return x.under == under; });
  if (found == view.values.end())
    return fail("A4", fmt::format("acceptor {} tells that it accepted slot {} under ballot {}, which nobody proposed",
                                  name(acceptor), slot, text(under)));
  found->voters |= uint64_t{1} << acceptor;
  if (static_cast<size_t>(std::popcount(found->voters)) < majority_)
    return;
  if (view.chosen == SIZE_MAX) {
    view.chosen = static_cast<size_t>(found - view.values.begin());
    trace_.say(world_.now(), "chosen: {}", describe(*found->pvalue));
    for (auto& other : view.values)
      check_against_chosen(slot, view, other);
    while (reference_.slot_out() <= slots_.size() && view_of(reference_.slot_out()).chosen != SIZE_MAX) {
      auto& next = view_of(reference_.slot_out());
      reference_.decide(next.values[next.chosen].pvalue);
    }
  } else if (view.values[view.chosen].fingerprint != found->fingerprint) {
    fail("R1", fmt::format("two values are chosen for slot {}: {} and {}", slot, describe(*view.values[view.chosen].pvalue),
                           describe(*found->pvalue)));
  }
}

/// A commander's decision: a majority has accepted that value.
void invariants::on_decision(uint32_t from, const message<schema::Pvalue>& pvalue) {
  auto& view = view_of(pvalue->getSlot());
  if (view.chosen == SIZE_MAX)
    fail("R1", fmt::format("leader {} tells that {} is decided, which no majority of acceptors has accepted", name(from),
                           describe(*pvalue)));
  else if (view.values[view.chosen].fingerprint != fingerprint(pvalue->getValue()))
    fail("R1", fmt::format("leader {} tells that {} is decided, and {} is chosen", name(from), describe(*pvalue),
                           describe(*view.values[view.chosen].pvalue)));
}

// -- state --------------------------------------------------------------------

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
      fail("A1",
           fmt::format("acceptor {} went back from ballot {} to {}", name(node), text(view.promised), text(role.promised())));
    trace_.say(world_.now(), "acceptor {} promises {}", name(node), text(role.promised()));
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
  bound(node, "durable values in the acceptor's memory, bytes",
        role.accepted().cached_bytes() - role.accepted().not_durable_bytes(), role.accepted().cache_limit_bytes());
  bound(node, "learned slots on the way to a replica, bytes", role.most_owed_bytes(),
        role.limits().peer_limit_bytes + most_probes * (role.limits().piece_bytes + largest_message_));
}

/// Compares what an acceptor has for a slot with what it had; true: it is something new.
bool invariants::look_at_entry(uint32_t node, slot_number slot, bool restarted) {
  auto& view = acceptors_[node];
  auto* found = view.role->accepted().find(slot);
  if (view.accepted.size() < slot)
    view.accepted.resize(slot);
  auto& known = view.accepted[slot - 1];
  if (!found) {
    if (known.told)
      fail("A3", fmt::format("acceptor {} has lost slot {}, which it had told of under ballot {}", name(node), slot,
                             text(known.told_under)));
    else if (known.there && !restarted)
      fail("A3", fmt::format("acceptor {} has dropped slot {}, accepted under ballot {}", name(node), slot, text(known.under)));
    known.there = false;
    return false;
  }
  auto& entry = *found;
  if (known.told && entry.under < known.told_under)
    fail("A3", fmt::format("acceptor {} has slot {} under ballot {}, and had told of {}", name(node), slot, text(entry.under),
                           text(known.told_under)));
  auto renewed = !known.there || entry.where != known.where;
  if (!restarted && !renewed)
    return false;
  if (!restarted && known.there && entry.under < known.under)
    fail("A3", fmt::format("acceptor {} went back from ballot {} to {} for slot {}", name(node), text(known.under),
                           text(entry.under), slot));
  if (!restarted && entry.under != view.role->promised())
    fail("A2", fmt::format("acceptor {} accepted slot {} under ballot {} while it has promised {}", name(node), slot,
                           text(entry.under), text(view.role->promised())));
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
    trace_.say(world_.now(), "acceptor {} accepts {}", name(node), describe(*entry.pvalue));
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
    fail("C1", fmt::format("leader {} went back from ballot {} to {}", name(node), text(view.own), text(role.own_ballot())));
  view.own = role.own_ballot();
  view.active = role.leads();
  if (!view.active)
    return;
  auto promised = static_cast<size_t>(std::popcount(promisers_[view.own]));
  if (promised < majority_)
    fail("adopted", fmt::format("leader {} is active under ballot {}, which {} acceptors have promised", name(node),
                                text(view.own), promised));
  if (!active_under_.insert(view.own).second)
    fail("C1", fmt::format("leader {} becomes active under ballot {} for a second time", name(node), text(view.own)));
}

void invariants::look_at_replica(uint32_t node) {
  auto& view = replicas_[node];
  auto& role = *view.role;
  settle(node);
  auto& limits = role.limits();
  if (role.slot_out() != view.slot_out) {
    if (role.slot_out() < view.slot_out)
      fail("R4", fmt::format("replica {} went back from slot_out {} to {}", name(node), view.slot_out, role.slot_out()));
    view.slot_out = role.slot_out();
    trace_.say(world_.now(), "replica {} has slot_out {}", name(node), view.slot_out);
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
  bound(node, "decisions ahead of slot_out", role.decisions_ahead(), limits.slots_ahead());
  // Refusals and errors may pass the limit of each kind by a message; replies never take as much as those of all requests.
  bound(node, "bytes on the way to a client", role.most_owed_to_a_client(),
        4 * limits.peer_limit_bytes + limits.waiting_limit_bytes + message_limit_bytes);
}

void invariants::look_at_gateway(uint32_t node) {
  auto& limits = gateways_[node]->limits();
  // One command may be above the limit, which takes more room in a message than its arguments.
  bound(node, "the gateway's commands under way, bytes", gateways_[node]->outstanding_bytes(),
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
  for (uint32_t node = 0; node < replicas_.size(); ++node) {
    auto& view = replicas_[node];
    if (!view.role)
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
