#include "synod/actors/leader/cluster_clock.hpp"

#include <algorithm>
#include <vector>

namespace synod {

bool cluster_clock::note(node_id node, int64_t shown, int64_t own) {
  if (!nodes_.contains(node))
    return false;
  offsets_[node] = shown - own;
  auto before = ahead_;
  ahead_ = median_offset() < -limit_.count();
  return ahead_ != before;
}

int64_t cluster_clock::median_offset() const {
  std::vector<int64_t> offsets{0};
  for (auto& [node, offset] : offsets_)
    offsets.push_back(offset);
  auto middle = offsets.begin() + static_cast<std::ptrdiff_t>((offsets.size() - 1) / 2);
  std::nth_element(offsets.begin(), middle, offsets.end());
  return *middle;
}

} // namespace synod
