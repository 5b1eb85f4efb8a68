#include "synod/actors/leader/cluster_clock.hpp"

#include <algorithm>
#include <cstdlib>
#include <vector>

namespace synod {

namespace {

int64_t ms(cluster_clock::time_point x) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(x.time_since_epoch()).count();
}

} // namespace

void cluster_clock::note(node_id node, int64_t shown, time_point now) {
  if (shown > 0 && node != self_ && members_.acceptors().contains(node))
    readings_[node] = {shown - ms(now), now};
}

std::optional<int64_t> cluster_clock::time(int64_t own, time_point now) const {
  node_set heard;
  std::vector<int64_t> shown;
  if (members_.acceptors().contains(self_)) {
    heard.insert(self_);
    shown.push_back(own);
  }
  for (auto& [node, x] : readings_)
    if (now - x.when <= most_age) {
      heard.insert(node);
      shown.push_back(x.offset + ms(now));
    }
  if (!members_.quorum(phase::promise).satisfied_by(heard))
    return std::nullopt;
  auto middle = shown.begin() + static_cast<std::ptrdiff_t>((shown.size() - 1) / 2);
  std::nth_element(shown.begin(), middle, shown.end());
  return *middle;
}

std::optional<bool> cluster_clock::is_wrong_now(int64_t own, time_point now) {
  auto agreed = time(own, now);
  auto wrong = agreed && std::abs(own - *agreed) > limit_.count();
  if (wrong == wrong_)
    return std::nullopt;
  wrong_ = wrong;
  return wrong;
}

} // namespace synod
