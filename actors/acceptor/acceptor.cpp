#include "synod/actors/acceptor/acceptor.hpp"

#include "synod/messages/log.capnp.h"

#include <limits>

namespace synod {

namespace {

constexpr size_t slot_bytes = 64; // of a piece, beside the value: its number, its ballot

} // namespace

acceptor::acceptor(caf::actor_config& config, std::unique_ptr<storage> stable, options opts)
  : acceptor_actor::base{config}, storage_{std::move(stable)}, options_{std::move(opts)} {}

acceptor::behavior_type acceptor::make_behavior() {
  set_default_handler(caf::drop); // Whoever sends what no role understands is not answered.
  replay();
  return {
    [](const peer&) {}, // It only ever answers.
    [this](status_atom) { return status(); },
    [this](const message<schema::P1a>& request) { on_p1a(request); },
    [this](p2a_atom, const message<schema::Pvalue>& pvalue, uint64_t mark) { on_p2a(pvalue, mark); },
    [this](const message<schema::AskHighest>& request) { on_ask_highest(request); },
    [this](const message<schema::Learn>& request) { on_learn(request); },
    [this](sync_atom) { on_sync(); },
    [](const done_aside&) {},
  };
}

void acceptor::replay() {
  auto failure = storage_->replay([this](record_kind kind, const block_ptr& content, storage::position where) {
    if (kind == record_kind::promise) {
      ballot_ = std::max(ballot_, ballot_of(message<schema::Promise> { content } -> getBallot()));
    } else if (kind == record_kind::pvalue) {
      message<schema::Pvalue> pvalue{content};
      ballot_ = std::max(ballot_, ballot_of(pvalue->getBallot()));
      accept(pvalue, where);
    }
  });
  if (failure)
    fail(failure);
  if (!accepted_.empty())
    highest_durable_ = accepted_.rbegin()->first;
}

// p1a: promise not to accept anything below this ballot (A1).
void acceptor::on_p1a(const message<schema::P1a>& request) {
  auto asked = ballot_of(request->getBallot());
  if (asked > ballot_) {
    ballot_ = asked;
    builder<schema::Promise> promise;
    write(ballot_, promise->initBallot());
    if (auto written = storage_->append(record_kind::promise, promise.finish().content()); !written)
      return fail(written.error());
  }
  reply_when_durable([this, request, leader = caf::actor_cast<leader_actor>(current_sender())] {
    builder<schema::P1b> answer{options_.piece_bytes / 4};
    std::vector<message<schema::Pvalue>> pvalues;
    slot_number next = 0;
    // To somebody else's ballot the answer is the ballot alone: preempted.
    if (ballot_ == ballot_of(request->getBallot())) {
      auto end = request->getEndSlot() ? request->getEndSlot() : std::numeric_limits<slot_number>::max();
      // State reduction (section 4.2): a candidate needs nothing of slots that it will be told are decided.
      auto first = request->getEndSlot() ? request->getFirstSlot() : std::max(request->getFirstSlot(), decided_below_);
      next = for_piece(first, end, true, [&](slot_number, entry& x) { pvalues.push_back(value_of(x)); });
      next = next >= end ? 0 : next;
    }
    answer->setAcceptor(options_.node);
    write(ballot_, answer->initBallot());
    answer->setScout(request->getScout());
    answer->setFirstSlot(request->getFirstSlot());
    answer->setNextSlot(next);
    answer->setDecidedBelow(decided_below_);
    auto list = answer->initPvalues(static_cast<unsigned>(pvalues.size()));
    for (unsigned i = 0; i < list.size(); ++i)
      list.set(i, pvalues[i].as_data());
    send(leader, answer.finish());
  });
}

// p2a: accept unless a higher ballot was promised (A2). A ballot above its own means that its p1a was missed.
void acceptor::on_p2a(const message<schema::Pvalue>& pvalue, uint64_t mark) {
  auto leader = caf::actor_cast<leader_actor>(current_sender());
  auto asked = ballot_of(pvalue->getBallot());
  auto slot = pvalue->getSlot();
  auto accepting = asked >= ballot_ && slot > 0;
  if (accepting) {
    ballot_ = asked;
    auto written = storage_->append(record_kind::pvalue, pvalue.content());
    if (!written)
      return fail(written.error());
    accept(pvalue, *written);
    ++accepts_;
  }
  reply_when_durable(nullptr);
  // A vote names the ballot it was given under, whatever is promised until the sync; without a slot it preempts.
  auto& vote = vote_for(leader, ballot_);
  if (accepting)
    vote.slots.push_back(slot);
  vote.mark = std::max(vote.mark, mark);
}

/// Remembers the pvalue with the highest ballot per slot (A3: replaced only by a higher ballot's, which carries the chosen value,
/// A5).
void acceptor::accept(const message<schema::Pvalue>& pvalue, storage::position where) {
  auto& x = accepted_[pvalue->getSlot()];
  if (x.pvalue)
    cached_bytes_ -= x.pvalue.size_bytes();
  x = {ballot_of(pvalue->getBallot()), where, pvalue};
  cached_bytes_ += pvalue.size_bytes();
  cached_from_ = std::min(cached_from_, pvalue->getSlot());
  decided_below_ = std::max(decided_below_, pvalue->getDecidedBelow());
  forget_oldest_values();
}

void acceptor::forget_oldest_values() {
  for (auto i = accepted_.lower_bound(cached_from_); cached_bytes_ > options_.cache_bytes && i != accepted_.end(); ++i) {
    if (i->second.pvalue)
      cached_bytes_ -= i->second.pvalue.size_bytes();
    i->second.pvalue = {};
    cached_from_ = i->first + 1;
  }
}

// Reads: the highest slot that may have been decided, as far as this acceptor knows. What is not durable was not acknowledged.
void acceptor::on_ask_highest(const message<schema::AskHighest>& request) {
  builder<schema::Highest> answer;
  answer->setAcceptor(options_.node);
  answer->setRound(request->getRound());
  answer->setSlot(highest_durable_);
  send(caf::actor_cast<replica_actor>(current_sender()), answer.finish());
}

// A replica that is behind: tell what is accepted; it compares what a majority says.
void acceptor::on_learn(const message<schema::Learn>& request) {
  reply_when_durable([this, request, replica = caf::actor_cast<replica_actor>(current_sender())] {
    std::vector<std::pair<slot_number, entry*>> found;
    auto next = for_piece(request->getFirstSlot(), std::numeric_limits<slot_number>::max(), request->getWithValues(),
                          [&](slot_number slot, entry& x) { found.emplace_back(slot, &x); });
    if (next == std::numeric_limits<slot_number>::max()) // All that there is; not all that there will be.
      next = std::max(request->getFirstSlot(), accepted_.empty() ? 1 : accepted_.rbegin()->first + 1);
    builder<schema::Learned> answer{request->getWithValues() ? options_.piece_bytes / 4 : slot_bytes * found.size()};
    answer->setAcceptor(options_.node);
    answer->setFirstSlot(request->getFirstSlot());
    answer->setNextSlot(next);
    answer->setDecidedBelow(decided_below_);
    auto size = static_cast<unsigned>(found.size());
    auto accepted = answer->initAccepted(size);
    auto pvalues = answer->initPvalues(request->getWithValues() ? size : 0);
    for (unsigned i = 0; i < size; ++i) {
      accepted[i].setSlot(found[i].first);
      write(found[i].second->accepted_under, accepted[i].initBallot());
      if (request->getWithValues())
        pvalues.set(i, value_of(*found[i].second).as_data());
    }
    send(replica, answer.finish());
  });
}

/// Hands slots from `first` on to `use` until a piece is full; returns the first slot that is not covered.
template <class Use>
slot_number acceptor::for_piece(slot_number first, slot_number end, bool with_values, Use use) {
  size_t bytes = 0;
  auto i = accepted_.lower_bound(first);
  for (; i != accepted_.end() && i->first < end; ++i) {
    auto size = slot_bytes + (with_values ? value_of(i->second).size_bytes() : 0);
    if (bytes > 0 && bytes + size > options_.piece_bytes)
      return i->first;
    bytes += size;
    use(i->first, i->second);
  }
  return i == accepted_.end() ? end : std::min(end, i->first);
}

message<schema::Pvalue> acceptor::value_of(entry& x) {
  if (x.pvalue)
    return x.pvalue;
  auto content = storage_->read(x.where);
  if (!content) {
    fail(content.error());
    return {};
  }
  return message<schema::Pvalue>{std::move(*content)};
}

/// Queues an answer until everything appended so far is durable. The sync is a message to itself: it comes
/// behind all that already waits in the mailbox, so that one sync covers that too (group commit).
void acceptor::reply_when_durable(std::function<void()> reply) {
  if (reply)
    replies_.push_back(std::move(reply));
  if (!sync_pending_) {
    sync_pending_ = true;
    send(this, sync_atom_v);
  }
}

acceptor::vote& acceptor::vote_for(const leader_actor& leader, ballot under) {
  for (auto& each : votes_)
    if (each.leader == leader && each.under == under)
      return each;
  return votes_.emplace_back(vote{leader, under, {}, 0});
}

void acceptor::on_sync() {
  sync_pending_ = false;
  if (auto failure = storage_->sync())
    return fail(failure);
  ++syncs_;
  if (!accepted_.empty())
    highest_durable_ = accepted_.rbegin()->first;
  for (auto& each : votes_) {
    builder<schema::P2b> answer{128 + 8 * each.slots.size()};
    answer->setAcceptor(options_.node);
    write(each.under, answer->initBallot());
    answer->setMark(each.mark);
    auto slots = answer->initSlots(static_cast<unsigned>(each.slots.size()));
    for (unsigned i = 0; i < slots.size(); ++i)
      slots.set(i, each.slots[i]);
    send(each.leader, answer.finish());
  }
  votes_.clear();
  for (auto& reply : std::exchange(replies_, {}))
    reply();
}

void acceptor::on_exit() {
  votes_.clear();
  replies_.clear();
  if (auto failure = storage_->close())
    options_.fatal("acceptor: " + to_string(failure));
}

void acceptor::fail(const caf::error& why) {
  options_.fatal("acceptor: " + to_string(why));
  quit(why);
}

message<schema::RoleStatus> acceptor::status() const {
  return role_status("acceptor", {{"ballot", to_string(ballot_)},
                                  {"accepted slots", static_cast<int64_t>(accepted_.size())},
                                  {"highest slot", static_cast<int64_t>(highest_durable_)},
                                  {"decided below", static_cast<int64_t>(decided_below_)},
                                  {"accepts", static_cast<int64_t>(accepts_)},
                                  {"syncs", static_cast<int64_t>(syncs_)},
                                  {"cached bytes", static_cast<int64_t>(cached_bytes_)}});
}

} // namespace synod
