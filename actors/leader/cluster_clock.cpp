#include "synod/actors/leader/cluster_clock.hpp"

#include <algorithm>
#include <vector>

namespace synod {

namespace {

int64_t ms(cluster_clock::time_point x) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(x.time_since_epoch()).count();
}

cluster_clock::interval shifted(cluster_clock::interval x, int64_t by) {
  return {x.at_least + by, x.at_most + by};
}

} // namespace

void cluster_clock::note(node_id node, int64_t shown, time_point now) {
  if (shown <= 0 || node == self_ || !members_.acceptors().contains(node))
    return;
  auto [known, fresh] = readings_.try_emplace(node);
  auto& x = known->second;
  auto offset = shown - ms(now);
  x.heard = now;
  if (fresh || offset > x.offset || now - x.since > gathering_time) {
    x.offset = offset;
    x.since = now;
  }
}

std::optional<cluster_clock::interval> cluster_clock::find(int64_t own, time_point now) {
  node_set heard;
  std::vector<int64_t> offsets;
  if (members_.acceptors().contains(self_)) {
    heard.insert(self_);
    offsets.push_back(own - ms(now));
  }
  for (auto& [node, x] : readings_)
    if (now - x.heard <= most_age || !agreed_) { // An old one is better than no time at all.
      heard.insert(node);
      offsets.push_back(x.offset);
    }
  if (members_.quorum(phase::promise).satisfied_by(heard)) {
    std::sort(offsets.begin(), offsets.end());
    agreed_ = agreed{{offsets[(offsets.size() - 1) / 2], offsets[offsets.size() / 2]}, now};
  }
  return agreed_ ? std::optional{shifted(agreed_->offsets, ms(now))} : std::nullopt;
}

void cluster_clock::told(interval x, time_point now) {
  agreed_ = agreed{shifted(x, -ms(now)), now};
}

std::optional<bool> cluster_clock::is_wrong_now(int64_t own, time_point now) {
  if (!agreed_ || now - agreed_->when > most_age)
    return std::nullopt;
  auto offset = own - ms(now);
  auto wrong = offset < agreed_->offsets.at_least - limit_.count() || offset > agreed_->offsets.at_most + limit_.count();
  if (wrong == wrong_)
    return std::nullopt;
  wrong_ = wrong;
  return wrong;
}

void write(const std::optional<cluster_clock::interval>& from, schema::ClusterTime::Builder to) {
  if (!from)
    return;
  to.setAtLeast(from->at_least);
  to.setAtMost(from->at_most);
}

std::optional<cluster_clock::interval> interval_of(schema::ClusterTime::Reader x) {
  if (x.getAtLeast() <= 0 || x.getAtMost() < x.getAtLeast())
    return std::nullopt;
  return cluster_clock::interval{x.getAtLeast(), x.getAtMost()};
}

} // namespace synod
