// What is looked at when a message between roles is sent or comes, and what state machines are told to do.
#include "invariants.hpp"

#include <algorithm>

namespace synod::simulation {

namespace {

constexpr int64_t clocks_differ_ms = 5;

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
    if (view.later_process == process_)
      of_.go_on_with_later(node_, slot);
    if (view.process != process_)
      return; // Killed: what it does now nobody sees.
    of_.settle(node_);
    // R2
    if (slot != view.next_slot && view.next_slot != 0)
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

  void on_restore() override {
    auto& view = of_.replicas_[node_];
    if (view.process == process_)
      view.next_slot = 0;
  }

private:
  invariants& of_;
  uint32_t node_;
  uint64_t process_;
};

invariants::invariants(timeline& in, trace& told, int64_t true_time_ms, const cluster& all, reference expected)
  : timeline_{in},
    trace_{told},
    reference_{std::move(expected)},
    acceptors_(all.nodes.size()),
    leaders_(all.nodes.size()),
    gateways_(all.nodes.size()),
    replicas_(all.nodes.size()),
    durable_(all.nodes.size(), 1),
    true_time_ms_{true_time_ms} {
  for (auto& each : all.nodes) {
    names_.push_back(each.name);
    ids_.push_back(each.id);
  }
}

/// Counted anew: a check does not ask what it checks.
bool invariants::is_majority(const configuration& members, uint64_t voters) const {
  size_t count = 0;
  for (size_t i = 0; i < ids_.size(); ++i)
    count += (voters >> i & 1) != 0 && members.acceptors().contains(ids_[i]);
  return 2 * count > members.acceptors().size();
}

size_t invariants::durable_needed(const configuration& members) const {
  return std::min(members.acceptors().size() / 2 + 1, members.replicas().size());
}

/// So many of the replicas have a snapshot of that slot or a later one on their disks.
size_t invariants::holders(const configuration& members, slot_number below) const {
  size_t count = 0;
  for (size_t i = 0; i < ids_.size(); ++i)
    count += durable_[i] >= below && members.replicas().contains(ids_[i]);
  return count;
}

/// A configuration without it rules, and enough of that one's replicas hold durably what it was asked for.
void invariants::leaves(uint32_t node) {
  auto without = false;
  for (auto& [from, members] : reference_.members())
    without =
      !members.find(ids_[node]) && (without || (members.number() > 0 && holders(members, from) >= durable_needed(members)));
  if (reference_.latest().find(ids_[node]))
    fail("members", fmt::format("node {} leaves, and configuration {} has got it", name(node), reference_.latest().number()));
  else if (!without)
    fail("members", fmt::format("node {} leaves, and too few members hold durably what it was asked for", name(node)));
  durable_[node] = 0; // Nobody has that any more.
}

void invariants::fail(std::string invariant, std::string what) {
  if (broken_)
    return;
  trace_.say(timeline_.now(), "BROKEN: {}: {}", invariant, what);
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
  view.first_kept = 1;
  check_collected(node, a->accepted().first_kept());
  view.promised = a->promised();
  if (view.told && a->promised() < *view.told)
    fail("A1", fmt::format("acceptor {} had told ballot {}, and has {} after a restart", name(node), to_string(*view.told),
                           to_string(a->promised())));
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

void invariants::lost_disk(uint32_t node) {
  acceptors_[node] = {};
  without_disk_.insert(node);
}

std::unique_ptr<state_machine> invariants::observe(uint32_t node, std::unique_ptr<state_machine> machine) {
  auto observed =
    std::make_unique<observed_machine>(std::move(machine), std::make_shared<machine_observer>(*this, node, ++processes_));
  auto& view = replicas_[node];
  if (view.role) {
    view.later_process = processes_;
    view.later = observed.get();
  } else {
    view = {};
    view.process = processes_;
    view.machine = observed.get();
  }
  return observed;
}

/// A replica goes on from a snapshot that another one gave it, with slot `slot`.
void invariants::go_on_with_later(uint32_t node, slot_number slot) {
  settle(node);
  auto& view = replicas_[node];
  view.process = std::exchange(view.later_process, 0);
  view.machine = std::exchange(view.later, nullptr);
  view.next_slot = slot;
  view.present.reset();
  trace_.say(timeline_.now(), "replica {} goes on from a snapshot of slot {}", name(node), slot);
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
    for (auto encoded : (*p1b)->getPvalues()) {
      borrowed<schema::Pvalue> pvalue{words_of(encoded)};
      on_told(from, pvalue->getSlot(), ballot_of(pvalue->getBallot()));
    }
  } else if (auto* learned = as<schema::Learned>(content)) {
    for (auto x : (*learned)->getAccepted())
      on_told(from, x.getSlot(), ballot_of(x.getBallot()));
  } else if (auto* highest = as<schema::Highest>(content)) {
    on_highest(from, (*highest)->getSlot());
  } else if (auto* leased = as<schema::Leased>(content)) {
    on_leased(from, *leased);
  } else if (auto* pvalue = as<schema::Pvalue>(content, 1)) {
    if (content.match_element<propose_atom>(0))
      on_propose(*pvalue);
    else if (content.match_element<p2a_atom>(0))
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
  else if (auto* p1b = as<schema::P1b>(content))
    on_p1b(to, *p1b);
}

invariants::slot_view& invariants::view_of(slot_number slot) {
  if (slots_.size() < slot)
    slots_.resize(std::max<size_t>(slot, 2 * slots_.size()));
  return slots_[slot - 1];
}

void invariants::on_propose(const message<schema::Pvalue>& pvalue) {
  auto& asked = view_of(pvalue->getSlot()).asked_ms;
  if (asked == 0)
    asked = true_time_now();
}

/// While a leader holds the lease nothing is decided that it does not know of, by the configurations that it knows.
void invariants::on_leased(uint32_t from, const message<schema::Leased>& told) {
  for (auto slot = told->getFreeSlot(); told->getUntil() > 0 && slot <= slots_.size(); ++slot) {
    auto& view = view_of(slot);
    if (view.chosen == SIZE_MAX || view.values[view.chosen].pvalue->getConfiguration() > told->getConfiguration())
      continue;
    fail("lease", fmt::format("leader {} holds the lease, and knows of no proposal from slot {} on; chosen is {}", name(from),
                              told->getFreeSlot(), describe(*view.values[view.chosen].pvalue)));
  }
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
  check_time(from, *pvalue, view);
  check_promises(from, pvalue);
  view.values.push_back({under, sum, 0, pvalue});
  check_against_chosen(slot, view, view.values.back());
}

/// A majority of the acceptors that choose there has promised the ballot, and told what it had accepted there. (For slots that
/// are decided again a scout of its own asks.)
void invariants::check_promises(uint32_t from, const message<schema::Pvalue>& pvalue) {
  auto slot = pvalue->getSlot();
  auto& members = reference_.ruling(slot);
  if (pvalue->getConfiguration() != members.number())
    fail("members", fmt::format("leader {} proposes slot {} for configuration {}, and {} rules it", name(from), slot,
                                pvalue->getConfiguration(), members.number()));
  auto& candidate = candidates_[ballot_of(pvalue->getBallot())];
  if (slot < candidate.first_slot || candidate.checked == members.number())
    return;
  uint64_t told = 0;
  for (size_t i = 0; i < ids_.size(); ++i)
    if (auto found = candidate.told.find(ids_[i]); found != candidate.told.end() && found->second == 0)
      told |= uint64_t{1} << i;
  if (!is_majority(members, told))
    fail("adopted", fmt::format("leader {} proposes {}, and of the acceptors of configuration {} no majority has told it all",
                                name(from), describe(*pvalue), members.number()));
  candidate.checked = members.number();
}

/// No wrong clock makes log time run ahead of the true time: nothing ends early. (That it does not stand still is seen at the
/// end.)
void invariants::check_time(uint32_t from, const schema::Pvalue::Reader& pvalue, const slot_view& view) {
  auto now = true_time_now();
  auto time = pvalue.getValue().getTime();
  if (view.values.empty() && time > 0) // A leader's no-op has none.
    last_asked_ms_ = std::max(last_asked_ms_, view.asked_ms);
  if (time > now + clocks_differ_ms)
    fail("log time",
         fmt::format("leader {} proposes slot {} with time {}, and it is {}", name(from), pvalue.getSlot(), time, now));
}

int64_t invariants::true_time_now() const {
  return true_time_ms_ + std::chrono::duration_cast<std::chrono::milliseconds>(timeline_.now()).count();
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
  auto [known, fresh] = candidates_.try_emplace(asked, candidacy{request->getScout(), request->getFirstSlot(), {}});
  if (known->second.scout != request->getScout())
    fail("C1", fmt::format("leader {} becomes a candidate with ballot {} for a second time", name(from), to_string(asked)));
}

/// A piece of what an acceptor has accepted: the next one, one that came before, or no answer to that candidate's scout.
void invariants::on_p1b(uint32_t to, const message<schema::P1b>& answer) {
  auto* asker = leaders_[to].role;
  auto known = candidates_.find(ballot_of(answer->getBallot()));
  if (!asker || known == candidates_.end() || asker->own_ballot() != known->first || answer->getScout() != known->second.scout)
    return;
  auto& told = known->second.told.try_emplace(answer->getAcceptor(), known->second.first_slot).first->second;
  if (told == answer->getFirstSlot())
    told = answer->getNextSlot();
}

/// An acceptor tells what it promised.
void invariants::on_promised(uint32_t acceptor, ballot promised) {
  auto& view = acceptors_[acceptor];
  if (view.role && promised > view.role->promised_durably())
    fail("stable storage", fmt::format("acceptor {} tells ballot {}, and {} is durable", name(acceptor), to_string(promised),
                                       to_string(view.role->promised_durably())));
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
  if (slot < role->accepted().first_kept())
    return; // As if it had accepted, and collected at once.
  if (!known || known->under < under)
    fail("A3", fmt::format("acceptor {} tells that it accepted slot {} under ballot {}, and has {}", name(acceptor), slot,
                           to_string(under), known ? to_string(known->under) : "nothing"));
  else if (known->under == under && !role->is_durable(*known))
    fail("stable storage", fmt::format("acceptor {} tells that it accepted slot {} under ballot {} before that is durable",
                                       name(acceptor), slot, to_string(under)));
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
                                  name(acceptor), slot, to_string(under)));
  found->voters |= uint64_t{1} << acceptor;
  if (!is_majority(reference_.ruling(slot), found->voters))
    return;
  if (view.chosen == SIZE_MAX) {
    view.chosen = static_cast<size_t>(found - view.values.begin());
    trace_.say(timeline_.now(), "chosen: {}", describe(*found->pvalue));
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

} // namespace synod::simulation
