#include "synod/actors/leader/leadership.hpp"

#include <algorithm>
#include <utility>

namespace synod {

namespace {

constexpr double timeout_growth = 1.5;                 // when preempted
constexpr std::chrono::milliseconds timeout_shrink{1}; // per decision

// Nodes try again after a second and a half at the latest.
constexpr std::chrono::milliseconds time_to_connect{2000};

} // namespace

leadership::leadership(node_id self, limits x, uint64_t seed)
  : self_{self}, limits_{x}, random_{static_cast<std::minstd_rand::result_type>(seed)}, timeout_{x.smallest_timeout} {}

void leadership::begin(bool first, time_point now) {
  first_ = first;
  begun_ = heard_ = now;
  patience_ = first ? milliseconds{0} : timeout_ + jitter();
}

bool leadership::hears(time_point now) const {
  return watched_ && !connection_lost_ && now - heard_ < 3 * limits_.ping_interval;
}

void leadership::stood_still(milliseconds so_long, time_point now) {
  heard_ = std::min(heard_ + so_long, now);
  if (all_deaf_until_)
    *all_deaf_until_ += so_long;
}

bool leadership::silent(time_point now) const {
  auto to_be_met = watched_ && watched_->leader != self_ && !met_.contains(watched_->leader);
  if (to_be_met && now - begun_ < time_to_connect)
    return false;
  if (now < answer_until_ && (watched_ || !first_))
    return false;
  return now - heard_ >= patience_ || (all_deaf_until_ && now >= *all_deaf_until_);
}

void leadership::preempted(ballot by, time_point now) {
  auto grown = static_cast<int64_t>(static_cast<double>(timeout_.count()) * timeout_growth);
  timeout_ = std::min(limits_.largest_timeout, milliseconds{grown});
  watch(by, now);
  if (by.leader == self_)
    patience_ = milliseconds{0}; // Its own ballot of an earlier start: there is nobody to wait for.
}

/// Acceptors tell of one when this leader does not lead any more: somebody else does, and does something.
void leadership::on_higher_ballot(ballot told, time_point now) {
  if (!watched_ || told > *watched_)
    watch(told, now);
}

void leadership::watch(ballot active, time_point now) {
  if (!watched_ || active > *watched_)
    watched_ = active;
  heard_ = now;
  patience_ = timeout_ + jitter();
  connection_stands();
  relay_.reset();
  relay_asked_ = false;
}

void leadership::on_pong(schema::Pong::Reader pong, const node_set& reached, time_point now) {
  auto told = ballot_of(pong.getBallot());
  if (watched_ && told == *watched_ && pong.getNode() != watched_->leader)
    pong.getHears() ? note_hearing(pong.getNode()) : note_deaf(pong.getNode(), reached, now);
  auto higher = told != ballot{} && (!watched_ || told > *watched_);
  if (pong.getActive() && told.leader == pong.getNode() && (higher || told == watched_)) {
    met_.insert(told.leader);
    watch(told, now);
  } else if (higher && told.leader != self_) {
    watched_ = told; // Known, not heard: its silence counts from the last sign of life of any leader.
    connection_stands();
  }
}

void leadership::note_hearing(node_id node) {
  relay_ = node;
  deaf_.clear();
  all_deaf_until_.reset();
}

void leadership::note_deaf(node_id node, const node_set& reached, time_point now) {
  if (relay_ == node)
    relay_.reset();
  if (!connection_lost_)
    return;
  deaf_.insert(node);
  auto all = std::all_of(reached.begin(), reached.end(), [this](auto each) { return deaf_.contains(each); });
  if (all && !all_deaf_until_)
    all_deaf_until_ = now + jitter();
}

void leadership::on_decisions(uint64_t count) {
  auto most = static_cast<uint64_t>((timeout_ - limits_.smallest_timeout).count());
  timeout_ -= timeout_shrink * static_cast<int64_t>(std::min(count, most));
}

bool leadership::on_lost(node_id node) {
  if (!watched_ || node != watched_->leader)
    return false;
  connection_lost_ = true;
  return true;
}

void leadership::on_found(node_id node, time_point now) {
  if (met_.insert(node))
    answer_until_ = now + limits_.smallest_timeout;
  if (watched_ && node == watched_->leader)
    connection_stands();
}

void leadership::connection_stands() {
  connection_lost_ = false;
  deaf_.clear();
  all_deaf_until_.reset();
}

std::optional<node_id> leadership::take_relay(const node_set& reached) {
  auto relay = std::exchange(relay_, std::nullopt);
  if (!relay || relay_asked_ || !reached.contains(*relay))
    return std::nullopt;
  relay_asked_ = true;
  patience_ += timeout_ + jitter();
  all_deaf_until_.reset();
  return relay;
}

uint64_t leadership::stand(uint64_t last_round) {
  relay_asked_ = false;
  return std::max(last_round, watched_ ? watched_->round : 0) + 1;
}

leadership::milliseconds leadership::jitter() {
  return milliseconds{std::uniform_int_distribution<int64_t>{0, timeout_.count() / 2}(random_)};
}

} // namespace synod
