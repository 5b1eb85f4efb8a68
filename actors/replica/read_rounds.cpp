#include "synod/actors/replica/read_rounds.hpp"

#include "synod/actors/role/upheld.hpp"

#include <algorithm>

namespace synod {

read_rounds::read_rounds(configurations members, node_id here, size_t limit_bytes)
  : members_{std::move(members)}, here_{here}, limit_bytes_{limit_bytes} {}

bool read_rounds::add(const message<schema::Query>& asked, const client& from) {
  if (bytes_ + asked.size_bytes() > (holds(from) ? limit_bytes_ / 2 : limit_bytes_))
    return false;
  bytes_ += asked.size_bytes();
  waiting_.push_back({asked, from, 0});
  return true;
}

bool read_rounds::complete(slot_number slot_out) const {
  return members_.promised(slot_out, configurations::no_end, told_);
}

void read_rounds::begin() {
  std::swap(asking_, waiting_);
  ++round_;
  told_.clear();
  highest_ = 0;
  asks_acceptors_ = false;
  again_.reset();
}

read_rounds::whom read_rounds::to_ask(const node_set& reached, slot_number slot_out, time_point now, bool may_be_leased) {
  if (asking_.empty()) {
    if (waiting_.empty())
      return {};
    begin();
    asks_leader_ = may_be_leased;
    if (complete(slot_out)) // Where nobody has to be asked.
      return index(), whom{};
    if (asks_leader_) {
      again_.tried(now);
      return {true, {}};
    }
  }
  if (!asks_leader_ && !std::exchange(asks_acceptors_, true)) {
    again_.reset();
    again_.tried(now);
    return {false, enough(reached, slot_out)};
  }
  if (!again_.due(now))
    return {};
  again_.tried(now);
  return {false, reached};
}

/// The one beside it, then those behind this node first, so that nodes do not all ask the same one.
node_set read_rounds::enough(const node_set& reached, slot_number slot_out) const {
  std::vector<node_id> order{reached.begin(), reached.end()};
  std::rotate(order.begin(), std::lower_bound(order.begin(), order.end(), here_), order.end());
  auto members = members_.acceptors(slot_out, configurations::no_end);
  node_set asked;
  for (auto each = order.begin(); each != order.end() && !members_.promised(slot_out, configurations::no_end, asked); ++each)
    if (members.contains(*each))
      asked.insert(*each);
  return asked;
}

void read_rounds::on_highest(node_id acceptor, uint64_t round, slot_number highest, slot_number slot_out) {
  if (round != round_ || asking_.empty())
    return;
  told_.insert(acceptor);
  highest_ = std::max(highest_, highest);
  if (complete(slot_out))
    index();
}

bool read_rounds::on_leased(uint64_t round, uint64_t configuration, slot_number free_slot) {
  if (round != round_ || asking_.empty())
    return false;
  asks_leader_ = false;
  if (members_.empty() || configuration != members_.latest().number())
    return false;
  highest_ = free_slot - 1;
  index();
  return true;
}

/// It is known now which slot the queries of the round wait for.
void read_rounds::index() {
  waits_for_ = std::max(waits_for_, highest_ + 1);
  indexed_.push_back({highest_, members_.latest().number(), std::move(asking_)});
  asking_.clear();
}

/// Acceptors that were not asked may have accepted what was acknowledged before: in front of those that came later.
void read_rounds::ask_again(std::vector<read> reads) {
  waiting_.insert(waiting_.begin(), std::make_move_iterator(reads.begin()), std::make_move_iterator(reads.end()));
}

std::optional<read_rounds::read> read_rounds::take(slot_number slot_out) {
  while (answerable_.empty()) {
    if (indexed_.empty() || indexed_.front().highest >= slot_out)
      return std::nullopt;
    auto next = std::move(indexed_.front());
    indexed_.pop_front();
    if (next.configuration != members_.latest().number()) {
      ask_again(std::move(next.reads));
      continue;
    }
    answerable_ = std::move(next.reads);
    std::reverse(answerable_.begin(), answerable_.end());
  }
  auto next = std::move(answerable_.back());
  answerable_.pop_back();
  return next;
}

void read_rounds::done(const read& x) {
  upheld(bytes_ >= x.asked.size_bytes(), "bytes of reads", "{} are counted, and a query of {} leaves", bytes_,
         x.asked.size_bytes());
  bytes_ -= x.asked.size_bytes();
}

void read_rounds::hold(read x) {
  auto& queue = held_[x.from];
  if (x.first > 0) // It was begun, so it was the first.
    queue.push_front(std::move(x));
  else
    queue.push_back(std::move(x));
}

std::vector<read_rounds::client> read_rounds::holding() const {
  std::vector<client> all;
  for (auto& [from, queue] : held_)
    all.push_back(from);
  return all;
}

std::optional<read_rounds::read> read_rounds::take_held(const client& from) {
  auto found = held_.find(from);
  if (found == held_.end())
    return std::nullopt;
  auto next = std::move(found->second.front());
  found->second.pop_front();
  if (found->second.empty())
    held_.erase(found);
  return next;
}

void read_rounds::forget(const caf::actor_addr& ended) {
  std::erase_if(held_, [&](auto& each) {
    auto ends = each.first->address() == ended;
    if (ends)
      for (auto& x : each.second)
        done(x);
    return ends;
  });
}

void read_rounds::clear() {
  waiting_.clear();
  asking_.clear();
  indexed_.clear();
  answerable_.clear();
  held_.clear();
  bytes_ = 0;
}

} // namespace synod
