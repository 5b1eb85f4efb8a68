#include "synod/actors/replica/read_rounds.hpp"

#include "synod/actors/role/upheld.hpp"

#include <algorithm>
#include <iterator>

namespace synod {

namespace {

void append(std::vector<read_rounds::read>& all, std::vector<read_rounds::read> more) {
  std::move(more.begin(), more.end(), std::back_inserter(all));
}

} // namespace

read_rounds::read_rounds(configurations members, node_id here, size_t limit_bytes)
  : members_{std::move(members)}, here_{here}, limit_bytes_{limit_bytes} {}

bool read_rounds::add(const message<schema::Query>& asked, const client& from) {
  if (bytes_ + asked.size_bytes() > (holds(from) ? limit_bytes_ / 2 : limit_bytes_))
    return false;
  bytes_ += asked.size_bytes();
  waiting_.push_back({asked, from, 0});
  return true;
}

bool read_rounds::complete(const asked_round& x, slot_number slot_out) const {
  return members_.promised(slot_out, configurations::no_end, x.told);
}

// -- asking -----------------------------------------------------------------------

bool read_rounds::may_begin(time_point now) const {
  auto pause = distance_.pause();
  return rounds_.empty() || (pause && now - began_ >= *pause && rounds_.size() < most_rounds);
}

std::optional<read_rounds::time_point> read_rounds::next_begins() const {
  auto pause = distance_.pause();
  return pause && !waiting_.empty() && !rounds_.empty() && rounds_.size() < most_rounds ? std::optional{began_ + *pause}
                                                                                        : std::nullopt;
}

node_set read_rounds::to_ask(const node_set& reached, slot_number slot_out, time_point now) {
  if ((!waiting_.empty() || measures_) && may_begin(now)) {
    if (rounds_.empty()) {
      again_.reset();
      again_.tried(now);
    }
    measures_ = false;
    rounds_.push_back({++round_, std::exchange(waiting_, {}), now});
    began_ = now;
    if (!complete(rounds_.back(), slot_out))
      return enough(reached, slot_out);
    while (!rounds_.empty()) // Nobody has to be asked.
      index_first(now);
    return {};
  }
  if (rounds_.empty() || !again_.due(now))
    return {};
  again_.tried(now);
  for (auto each : reached)
    if (!rounds_.front().told.contains(each))
      slow_.insert(each);
  return reached;
}

/// The one beside it, then those behind this node first, so that nodes do not all ask the same one; those that were slow last.
node_set read_rounds::enough(const node_set& reached, slot_number slot_out) const {
  std::vector<node_id> order{reached.begin(), reached.end()};
  std::rotate(order.begin(), std::lower_bound(order.begin(), order.end(), here_), order.end());
  std::stable_partition(order.begin(), order.end(), [this](auto each) { return !slow_.contains(each); });
  auto members = members_.acceptors(slot_out, configurations::no_end);
  node_set asked;
  for (auto each = order.begin(); each != order.end() && !members_.promised(slot_out, configurations::no_end, asked); ++each)
    if (members.contains(*each))
      asked.insert(*each);
  return asked;
}

// -- answers ----------------------------------------------------------------------

/// It tells of a later moment than earlier rounds asked for, so it goes for them, too: the oldest are complete first.
void read_rounds::on_highest(node_id acceptor, uint64_t round, slot_number highest, slot_number slot_out, time_point now) {
  if (!rounds_.empty() && rounds_.front().number <= round) // Otherwise it was slow indeed.
    slow_.erase(acceptor);
  for (auto& each : rounds_)
    if (each.number <= round && round <= round_) {
      each.told.insert(acceptor);
      each.highest = std::max(each.highest, highest);
    }
  while (!rounds_.empty() && complete(rounds_.front(), slot_out)) {
    distance_.note(std::chrono::duration_cast<network_time::duration>(now - rounds_.front().since));
    measured_ = now;
    measures_ = false;
    index_first(now);
  }
}

/// Those of the rounds that are asked, too: what comes behind them must not be answered first.
void read_rounds::use_lease(std::chrono::nanoseconds boot_clock) {
  if (boot_clock.count() >= leased_->getUntil() || members_.empty() || leased_->getConfiguration() != members_.latest().number())
    return;
  auto all = take_asked();
  if (all.empty())
    return;
  ++leased_rounds_;
  index(leased_->getFreeSlot() - 1, std::move(all));
}

/// It is known now which slot the queries of the oldest round wait for. The next one has not waited in vain yet.
void read_rounds::index_first(time_point now) {
  auto first = std::move(rounds_.front());
  rounds_.pop_front();
  again_.reset();
  again_.tried(now);
  index(first.highest, std::move(first.reads));
}

void read_rounds::index(slot_number highest, std::vector<read> reads) {
  if (reads.empty())
    return;
  waits_for_ = std::max(waits_for_, highest + 1);
  indexed_.push_back({highest, members_.latest().number(), std::move(reads)});
}

/// Of the rounds that are asked, and behind them what waits. The rounds go on, for what they tell of the network.
std::vector<read_rounds::read> read_rounds::take_asked() {
  if (std::all_of(rounds_.begin(), rounds_.end(), [](auto& x) { return x.reads.empty(); }))
    return std::exchange(waiting_, {});
  std::vector<read> all;
  for (auto& each : rounds_)
    append(all, std::exchange(each.reads, {}));
  append(all, std::exchange(waiting_, {}));
  return all;
}

/// Acceptors that were not asked may have accepted what was acknowledged before. What comes behind these asks again, too: whoever
/// reads twice must not see what is older at last.
void read_rounds::ask_again() {
  std::vector<read> all;
  for (auto& each : indexed_)
    append(all, std::move(each.reads));
  append(all, take_asked());
  indexed_.clear();
  rounds_.clear();
  waiting_ = std::move(all);
}

std::optional<read_rounds::read> read_rounds::take(slot_number slot_out) {
  if (answerable_.empty()) {
    if (indexed_.empty() || indexed_.front().highest >= slot_out)
      return std::nullopt;
    if (indexed_.front().configuration != members_.latest().number()) {
      ask_again();
      return std::nullopt;
    }
    answerable_ = std::move(indexed_.front().reads);
    indexed_.pop_front();
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
  rounds_.clear();
  indexed_.clear();
  answerable_.clear();
  held_.clear();
  bytes_ = 0;
}

} // namespace synod
