#include "synod/actors/acceptor/acceptor.hpp"

#include "synod/actors/role/error_text.hpp"
#include "synod/actors/role/explained.hpp"
#include "synod/actors/role/robust.hpp"
#include "synod/actors/role/upheld.hpp"
#include "synod/messages/status.hpp"

#include <spdlog/spdlog.h>

#include <limits>

namespace synod {

namespace {

constexpr auto no_end = std::numeric_limits<slot_number>::max();
constexpr size_t answer_bytes = 256; // a P1b or Learned beside its items
constexpr size_t small_bytes = 256;  // a Promise or Collected, at most
constexpr std::chrono::seconds look_interval{1};
constexpr std::chrono::seconds longest_segment_pause{10};
constexpr granted_lease::time shortest_look = std::chrono::milliseconds{1}; // The timer's clock may be faster than the lease's.
constexpr auto look_number = write_ahead_log::first_free_number; // of the look at the disk's room; reads count from 1 behind it

} // namespace

acceptor::acceptor(caf::actor_config& config, memory before, options opts, environment_ptr environment)
  : acceptor_actor::base{config},
    ballot_{before.promised},
    accepted_{std::move(before.accepted)},
    log_{std::move(before.log)},
    answers_{ballot_},
    lease_{opts.lease, ballot_, opts.lease.count() > 0 ? environment->boot_clock() : granted_lease::time{0}},
    learners_{opts.peer_limit_bytes},
    collection_{opts.members},
    options_{std::move(opts)},
    environment_{std::move(environment)},
    room_{options_.reserve_bytes},
    segment_again_{look_interval, longest_segment_pause} {}

acceptor::behavior_type acceptor::make_behavior() {
  robust(*this, environment_);
  hand_over();
  on_tick();
  return {
    [](const peer&) {}, // It only ever answers.
    [this](status_atom) { return status(); },
    [this](explain_atom, uint64_t slot) { return on_explain(slot); },
    [this](const message<schema::P1a>& request) { on_p1a(request, current_sender()); },
    [this](p2a_atom, const message<schema::Pvalue>& pvalue, uint64_t mark) { on_p2a(pvalue, mark); },
    [this](const message<schema::AskLease>& request) { on_ask_lease(request); },
    [this](const message<schema::AskHighest>& request) { on_ask_highest(request); },
    [this](const message<schema::Learn>& request) { on_learn(request); },
    [this](const message<schema::Durable>& told) { on_durable(told); },
    [this](sync_atom) { on_sync(); },
    [this](lease_atom) {
      looks_at_lease_ = false;
      look_at_lease();
    },
    [this](tick_atom) { on_tick(); },
    [this](const done_aside& x) { on_done_aside(x); },
  };
}

// -- figure 2 -----------------------------------------------------------------

// p1a: promise not to accept anything below this ballot (A1).
void acceptor::on_p1a(const message<schema::P1a>& request, const caf::strong_actor_ptr& from) {
  auto asked = ballot_of(request->getBallot());
  if (asked.round > most_round)
    return;
  durable_answers::answer x;
  x.to = from;
  x.asked = {false, request->getScout(), request->getFirstSlot(), request->getEndSlot(), true};
  if (answers_.waits(x.to, x.asked))
    return;
  if (asked > ballot_) {
    if (!may_promise())
      return; // It asks again.
    if (waits_for_lease(asked))
      return hold_back({asked, request, from});
    promise(asked);
  }
  if (asked == ballot_)
    leader_ = x.to;
  // To somebody else's ballot the answer is the ballot alone: preempted. One that is durable and high enough is told at once.
  x.promised = asked < answers_.durable_ballot() ? answers_.durable_ballot() : ballot_;
  if (x.promised == asked) {
    // State reduction (section 4.2): a candidate needs nothing of slots that it will be told are decided.
    auto end = x.asked.end ? x.asked.end : no_end;
    auto first = std::max(x.asked.first, x.asked.end ? accepted_.first_kept() : accepted_.decided_below());
    x.content = accepted_.piece_of(first, end, true, options_.piece_bytes);
    x.content.next = x.content.next >= end ? 0 : x.content.next;
  }
  auto promise_waits_for = x.promised == answers_.durable_ballot() ? 0 : answers_.ballot_waits_for();
  auto record = std::max(promise_waits_for, x.content.waits_for);
  answer(std::move(x), record);
}

bool acceptor::may_promise() const {
  return log_->has_room(record_kind::promise, small_bytes, room_.full());
}

void acceptor::promise(ballot to) {
  ballot_ = to;
  log_->carry({ballot_, accepted_.first_kept()});
  builder<schema::Promise> promise;
  write(ballot_, promise->initBallot());
  answers_.raise(ballot_, log_->append(record_kind::promise, promise.finish().content()).number);
}

// p2a: accept unless a higher ballot was promised (A2). A ballot above its own means that its p1a was missed.
void acceptor::on_p2a(const message<schema::Pvalue>& pvalue, uint64_t mark) {
  auto asked = ballot_of(pvalue->getBallot());
  auto slot = pvalue->getSlot();
  if (asked.round > most_round)
    return;
  if (asked > ballot_ && waits_for_lease(asked)) { // To accept it is to promise its ballot. It comes again.
    answers_.decline(current_sender(), mark);
    hold_back({asked, {}, {}});
    return sync_soon();
  }
  auto* known = accepted_.find(slot);
  if (asked >= ballot_)
    leader_ = current_sender();
  // A vote names the ballot it was given under, whatever is promised until it is durable; without a slot it preempts.
  if (asked < ballot_ || slot == 0) {
    answers_.refuse(current_sender(), asked, mark);
  } else if (slot < accepted_.first_kept()) {
    // It might accept, and collect that at once: what is proposed under a ballot that it may accept is what was decided, if the
    // ballot is higher, or does no harm. (A majority with this vote is one that could have accepted.)
    if (asked > ballot_ && may_promise())
      promise(asked);
    if (asked > ballot_)
      answers_.decline(current_sender(), mark);
    else
      answers_.accept(current_sender(), asked, slot, mark, std::max(answers_.ballot_waits_for(), collected_in_));
  } else if (known && known->under == asked) {
    // Asked once more, since the answer is late or lost. It is not logged again: a slow disk gets no work by being slow.
    answers_.accept_again(current_sender(), asked, slot, mark, known->record);
  } else if (!log_->has_room(record_kind::pvalue, pvalue.size_bytes(), room_.full())) {
    answers_.decline(current_sender(), mark);
  } else {
    log_->carry({asked, accepted_.first_kept()});
    auto logged = log_->append(record_kind::pvalue, pvalue.content());
    if (asked > ballot_)
      answers_.raise(asked, logged.number);
    ballot_ = asked;
    accepted_.accept(pvalue, logged.number, logged.where);
    history_.accepted(slot, asked, environment_->wall_clock_ms());
    answers_.accept(current_sender(), asked, slot, mark, logged.number);
    ++accepts_;
  }
  sync_soon();
}

// -- leases -------------------------------------------------------------------

// The leader of this acceptor's ballot wants to be the only one for a while. What is not durable might be forgotten, and another
// leader's ballot promised then.
void acceptor::on_ask_lease(const message<schema::AskLease>& request) {
  auto by = ballot_of(request->getBallot());
  if (request->getGivesUp()) {
    lease_.give_up(by);
    return look_at_lease();
  }
  look_at_lease();
  if (!lease_.on() || by != ballot_ || by != answers_.durable_ballot())
    return;
  leader_ = current_sender();
  if (held_back_) // Or it would wait for ever.
    return send_lease(leader_, request->getAsked(), held_back_->asked);
  auto now = environment_->boot_clock();
  upheld(!lease_.forbids(by, now), "lease", "{} is granted one while {} has it", to_string(by), to_string(lease_.holder()));
  lease_.grant(by, now);
  send_lease(leader_, request->getAsked(), {});
}

void acceptor::send_lease(const caf::strong_actor_ptr& to, int64_t asked, ballot waits) {
  builder<schema::Lease> answer;
  answer->setAcceptor(options_.node);
  write(ballot_, answer->initBallot());
  answer->setAsked(asked);
  write(waits, answer->initWaits());
  send(caf::actor_cast<leader_actor>(to), answer.finish());
}

/// Another leader has a lease, which is not over.
bool acceptor::waits_for_lease(ballot asked) const {
  return lease_.on() && lease_.forbids(asked, environment_->boot_clock());
}

/// A leader's ballot that may not be promised yet. Who has the lease hears of it.
void acceptor::hold_back(held_back x) {
  if (held_back_ && held_back_->asked > x.asked)
    return; // It is preempted when the lease is over.
  if (leader_)
    send_lease(leader_, 0, x.asked);
  if (!held_back_ || held_back_->asked < x.asked || x.request)
    held_back_ = std::move(x);
  look_at_lease();
}

/// What was held back is answered as soon as the lease is over, or its ballot is no higher any more.
void acceptor::look_at_lease() {
  if (!held_back_)
    return;
  if (held_back_->asked > ballot_ && waits_for_lease(held_back_->asked)) {
    if (!std::exchange(looks_at_lease_, true))
      delayed_send(this, std::max(lease_.left(environment_->boot_clock()), shortest_look), lease_atom_v);
    return;
  }
  auto next = *std::exchange(held_back_, std::nullopt);
  if (next.request)
    on_p1a(next.request, next.from);
}

// -- questions of replicas ----------------------------------------------------

// Reads: the highest slot that may have been decided, as far as this acceptor knows. What is not durable was not acknowledged.
void acceptor::on_ask_highest(const message<schema::AskHighest>& request) {
  builder<schema::Highest> answer;
  answer->setAcceptor(options_.node);
  answer->setRound(request->getRound());
  answer->setSlot(accepted_.highest_durable());
  send(caf::actor_cast<replica_actor>(current_sender()), answer.finish());
}

// A replica that is behind: tell what is accepted; it compares what a majority says.
void acceptor::on_learn(const message<schema::Learn>& request) {
  durable_answers::answer x;
  x.to = current_sender();
  x.asked = {true, 0, request->getFirstSlot(), 0, request->getWithValues()};
  learners_.asks(caf::actor_cast<caf::actor_addr>(x.to), request->getMark());
  if (answers_.waits(x.to, x.asked))
    return;
  x.content = accepted_.durable_piece_of(x.asked.first, no_end, x.asked.with_values, options_.piece_bytes);
  if (x.content.next == no_end) // All that there is; not all that there will be.
    x.content.next = std::max(x.asked.first, accepted_.highest() + 1);
  if (!learners_.admit(answer_bytes + x.content.bytes, clock().now(), x.mark))
    return; // Too much is on the way to it; it asks again.
  auto record = x.content.waits_for;
  answer(std::move(x), record);
}

// -- garbage collection -------------------------------------------------------

// A replica holds durably what slots led to: with f+1 of them the slots are not needed any more (section 4.2).
void acceptor::on_durable(const message<schema::Durable>& told) {
  reconfigure(told->getConfigurations());
  collection_.told(told->getNode(), told->getBelow(), told->getKeepFrom(), clock().now());
  auto first_kept = first_to_keep();
  if (first_kept <= accepted_.first_kept() || !log_->has_room(record_kind::collected, small_bytes, room_.full()))
    return; // It is told again.
  accepted_.collect(first_kept);
  log_->carry({ballot_, first_kept});
  builder<schema::Collected> collected;
  collected->setFirstKept(first_kept);
  collected_in_ = log_->append(record_kind::collected, collected.finish().content()).number;
  sync_soon();
}

/// Whoever tells that a later configuration's replicas have not got, knows of that configuration.
void acceptor::reconfigure(schema::Configurations::Reader told) {
  auto list = told.getList();
  if (list.size() == 0 || list[list.size() - 1].getConfiguration().getNumber() <= collection_.members().number())
    return;
  if (auto known = configurations_of(told); !known.empty())
    collection_.reconfigure(known.latest());
}

/// With what replicas are about to need, if that takes no more than it may beside what is kept in any case.
slot_number acceptor::first_to_keep() const {
  auto now = clock().now();
  auto spared = collection_.first_kept(true, now), needed = collection_.first_kept(false, now);
  auto segment_of = [this](slot_number slot) { return accepted_.first_segment(slot).value_or(log_->last_segment()); };
  auto bytes = (segment_of(needed) - segment_of(spared)) * log_->segment_bytes();
  return bytes <= options_.spare_limit_bytes ? spared : needed;
}

/// Segments go when it is durable that what they hold was collected: it must not look as if nothing had been accepted.
void acceptor::release_segments() {
  if (collected_in_ == 0 || collected_in_ > log_->durable())
    return;
  collected_in_ = 0;
  log_->release_before(accepted_.first_segment());
}

// -- what is durable ----------------------------------------------------------

/// Gives a piece as soon as this record is durable and its values are in memory.
void acceptor::answer(durable_answers::answer x, record_number record) {
  x.decided_below = accepted_.decided_below();
  std::optional<durable_answers::read> begins;
  if (!answers_.hold(std::move(x), record, begins))
    return; // It asks again.
  if (begins)
    aside(log_->read(look_number + begins->number, std::move(begins->where), std::move(begins->into)));
  if (record <= log_->durable())
    tell_what_is_due();
  else
    sync_soon();
}

/// Lets what waits be written, together with all that is in the mailbox now: the message to itself comes behind that (group
/// commit). While a write is under way, its end is what the next one waits for.
void acceptor::sync_soon() {
  if (sync_pending_ || (log_->writing() && !answers_.some_due()))
    return;
  sync_pending_ = true;
  send(this, sync_atom_v);
}

void acceptor::on_sync() {
  sync_pending_ = false;
  if (answers_.some_due())
    tell_what_is_due();
  hand_over();
}

void acceptor::on_done_aside(const done_aside& x) {
  if (x.number == write_ahead_log::segment_number && is_want_of_room(x.failure))
    log_->segment_failed();
  else if (x.failure)
    return fail(x.failure);
  else if (x.number >= first_explained_number)
    return on_explained(x.number);
  else if (x.number == look_number && looked_at_)
    room_.seen(**std::exchange(looked_at_, nullptr));
  else if (x.number > look_number)
    answers_.values_read(x.number - look_number);
  else
    log_->done(x.number);
  note_room();
  // Reads must know of a slot before anybody else can know that it was accepted, or one that is begun then misses it.
  accepted_.durable(log_->durable());
  release_segments();
  tell_what_is_due();
  hand_over();
}

void acceptor::hand_over() {
  if (auto write = log_->next_write()) {
    answers_.write_begins();
    ++syncs_;
    aside(std::move(*write));
  }
  if (auto release = log_->next_release())
    aside(std::move(*release));
  if (auto segment = log_->next_segment()) {
    segment_again_.tried(clock().now());
    aside(std::move(*segment));
    look_at_room();
  }
}

// -- room ---------------------------------------------------------------------

void acceptor::on_tick() {
  delayed_send(this, look_interval, tick_atom_v);
  look_at_room();
  if (log_->lacks_segment() && segment_again_.due(clock().now())) {
    log_->try_segment_again();
    hand_over();
  }
  if (room_.full())
    tell_leader();
}

/// One look at a time; the disk tells when it has looked.
void acceptor::look_at_room() {
  if (looked_at_)
    return;
  looked_at_ = std::make_shared<caf::expected<uint64_t>>(uint64_t{0});
  aside({disk::lane::background, look_number,
         [&files = environment_->files(), directory = log_->directory(), into = looked_at_]() -> caf::error {
           *into = files.free_bytes(directory);
           return *into ? caf::error{} : into->error();
         }});
}

/// Told once when it begins to be full, and once when that ends.
void acceptor::note_room() {
  room_.lacks_segment(log_->lacks_segment());
  if (!log_->lacks_segment())
    segment_again_.reset();
  auto full = room_.take_change();
  if (!full)
    return;
  log_->be_sparing(*full);
  auto left_bytes = room_.free_bytes().value_or(0);
  if (*full)
    environment_->log().warn(
      "acceptor: the disk is full: {} bytes are free, and {} should be; nothing new is begun until there is room", left_bytes,
      options_.reserve_bytes);
  else
    environment_->log().info("acceptor: the disk has room again: {} bytes are free", left_bytes);
  tell_leader();
}

/// It is told again and again while the disk is full, and believes it for a while only: no message needs to arrive.
void acceptor::tell_leader() {
  if (leader_)
    send_p2b({leader_, answers_.durable_ballot(), {}, 0});
}

void acceptor::aside(write_ahead_log::work x) {
  environment_->files().aside(x.lane, std::move(x.run), caf::actor_cast<caf::actor>(this), x.number);
}

void acceptor::tell_what_is_due() {
  auto due = answers_.release(log_->durable());
  for (auto& each : due.votes)
    send_p2b(each);
  for (auto& each : due.answers)
    each.asked.learns ? send_learned(each) : send_p1b(each);
}

void acceptor::send_p2b(const durable_answers::vote& x) {
  builder<schema::P2b> answer{128 + 8 * x.slots.size()};
  answer->setAcceptor(options_.node);
  write(x.under, answer->initBallot());
  answer->setMark(x.mark);
  auto slots = answer->initSlots(static_cast<unsigned>(x.slots.size()));
  auto now_ms = environment_->wall_clock_ms();
  for (unsigned i = 0; i < slots.size(); ++i) {
    slots.set(i, x.slots[i]);
    history_.durable(x.slots[i], x.under, now_ms);
  }
  answer->setFull(room_.full());
  answer->setWallClock(now_ms);
  send(caf::actor_cast<leader_actor>(x.leader), answer.finish());
}

void acceptor::send_p1b(durable_answers::answer& x) {
  builder<schema::P1b> answer{answer_bytes + x.content.bytes};
  answer->setAcceptor(options_.node);
  write(x.promised, answer->initBallot());
  answer->setScout(x.asked.scout);
  answer->setFirstSlot(x.asked.first);
  answer->setNextSlot(x.content.items.empty() ? 0 : x.content.next);
  answer->setWallClock(environment_->wall_clock_ms());
  answer->setDecidedBelow(x.decided_below);
  answer->setFirstKept(accepted_.first_kept());
  answer->setFull(room_.full());
  auto list = answer->initPvalues(static_cast<unsigned>(x.content.items.size()));
  for (unsigned i = 0; i < list.size(); ++i)
    list.set(i, x.content.items[i].pvalue.as_data());
  send(caf::actor_cast<leader_actor>(x.to), answer.finish());
}

void acceptor::send_learned(durable_answers::answer& x) {
  builder<schema::Learned> answer{answer_bytes + x.content.bytes};
  answer->setAcceptor(options_.node);
  answer->setFirstSlot(x.asked.first);
  answer->setNextSlot(x.content.next);
  answer->setDecidedBelow(x.decided_below);
  answer->setMark(x.mark);
  answer->setFirstKept(accepted_.first_kept());
  auto size = static_cast<unsigned>(x.content.items.size());
  auto accepted = answer->initAccepted(size);
  auto pvalues = answer->initPvalues(x.asked.with_values ? size : 0);
  for (unsigned i = 0; i < size; ++i) {
    auto& each = x.content.items[i];
    accepted[i].setSlot(each.slot);
    write(each.under, accepted[i].initBallot());
    if (x.asked.with_values)
      pvalues.set(i, each.pvalue.as_data());
  }
  send(caf::actor_cast<replica_actor>(x.to), answer.finish());
}

// -- what became of a slot ----------------------------------------------------

// explain: what is known of the slot, with its value, from the log if need be.
acceptor::explanation acceptor::on_explain(slot_number slot) {
  auto to = make_response_promise<message<schema::RoleStatus>>();
  auto known = history_.entries(slot);
  add(known, "first kept slot", static_cast<int64_t>(accepted_.first_kept()));
  auto* x = slot < accepted_.first_kept() ? nullptr : accepted_.find(slot);
  auto collected = slot < accepted_.first_kept();
  add(known, "state",
      collected        ? "collected"
      : !x             ? "nothing accepted"
      : is_durable(*x) ? "accepted"
                       : "accepted, not durable yet");
  if (x)
    add(known, "ballot", to_string(x->under));
  if (x && x->pvalue)
    add_value(known, x->pvalue);
  if (!x || x->pvalue || explaining_.size() >= most_explaining) {
    to.deliver(role_status("acceptor", known));
    return to;
  }
  auto number = first_explained_number + explained_++;
  auto value = std::make_shared<std::vector<block_ptr>>();
  explaining_.emplace(number, explaining{to, std::move(known), value});
  aside(log_->read(number, {x->where}, std::move(value)));
  return to;
}

/// Its value was read from the log.
void acceptor::on_explained(uint64_t number) {
  auto found = explaining_.extract(number);
  if (!found)
    return;
  auto& x = found.mapped();
  if (!x.value->empty())
    add_value(x.known, message<schema::Pvalue>{x.value->front()});
  x.to.deliver(role_status("acceptor", x.known));
}

// -- the end ------------------------------------------------------------------

void acceptor::on_exit() {
  answers_.clear();
  leader_ = nullptr;
  held_back_.reset();
  explaining_.clear();
  auto end = log_->close();
  environment_->files().aside(end.lane, std::move(end.run), {}, end.number); // If it fails, the log just was not closed in order.
}

void acceptor::fail(const caf::error& why) {
  environment_->fatal("acceptor: " + text_of(why));
  quit(why);
}

message<schema::RoleStatus> acceptor::status() const {
  return role_status("acceptor", {{"ballot", to_string(ballot_)},
                                  {"accepted slots", static_cast<int64_t>(accepted_.entries().size())},
                                  {"highest slot", static_cast<int64_t>(accepted_.highest_durable())},
                                  {"first kept slot", static_cast<int64_t>(accepted_.first_kept())},
                                  {"log bytes", static_cast<int64_t>(log_->kept_bytes())},
                                  {"disk free bytes", static_cast<int64_t>(room_.free_bytes().value_or(0))},
                                  {"full", std::string{room_.full() ? "yes" : "no"}},
                                  {"lease", waits_for_lease({}) ? to_string(lease_.holder()) : std::string{"-"}},
                                  {"decided below", static_cast<int64_t>(accepted_.decided_below())},
                                  {"accepts", static_cast<int64_t>(accepts_)},
                                  {"syncs", static_cast<int64_t>(syncs_)},
                                  {"cached bytes", static_cast<int64_t>(accepted_.cached_bytes())}});
}

} // namespace synod
