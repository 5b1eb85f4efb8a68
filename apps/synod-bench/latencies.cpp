#include "latencies.hpp"

#include <algorithm>
#include <cmath>

namespace synod::bench {

namespace {

constexpr double shortest = 1, longest = 1e9; // microseconds
constexpr double precision = 1.01;

} // namespace

latencies::latencies()
  : steps_{std::make_tuple(
    axis{static_cast<unsigned>(std::ceil(std::log(longest / shortest) / std::log(precision))), shortest, longest})} {}

void latencies::add(double microseconds) {
  steps_(std::clamp(microseconds, shortest, longest * 0.999));
  ++count_;
  sum_ += microseconds;
  most_ = std::max(most_, microseconds);
}

double latencies::quantile(double share) const {
  auto wanted = static_cast<uint64_t>(std::ceil(share * static_cast<double>(count_)));
  double found = 0;
  auto done = false;
  each([&](double microseconds, uint64_t up_to) {
    if (!std::exchange(done, done || up_to >= wanted))
      found = microseconds;
  });
  return found;
}

void latencies::each(const std::function<void(double microseconds, uint64_t up_to)>& use) const {
  uint64_t up_to = 0;
  for (auto&& step : boost::histogram::indexed(steps_))
    if (*step > 0)
      use(std::min(step.bin().upper(), most_), up_to += *step);
}

} // namespace synod::bench
