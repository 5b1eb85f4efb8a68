#include "synod/actors/replica/log_clock.hpp"

#include <algorithm>

namespace synod {

void log_clock::carry_on(int64_t now_us) {
  auto elapsed = at_us_ == 0 ? 0 : std::max<int64_t>(0, now_us - at_us_);
  at_us_ = std::max(at_us_, now_us);
  log_us_ += elapsed;
  if (!cluster_offset_us_)
    return;
  auto gap = *cluster_offset_us_ + at_us_ - log_us_;
  auto drawn = elapsed * drawn_per_thousand / 1000;
  log_us_ += gap > std::chrono::microseconds{leap}.count() ? gap : std::clamp(gap, -drawn, drawn);
}

void log_clock::saw(int64_t log_time, time_point now) {
  carry_on(us(now));
  log_us_ = std::max(log_us_, log_time * 1000);
}

void log_clock::told(int64_t cluster_time, time_point now) {
  carry_on(us(now));
  cluster_offset_us_ = cluster_time * 1000 - us(now);
}

std::optional<int64_t> log_clock::read(time_point now) {
  carry_on(us(now));
  return cluster_offset_us_ ? std::optional{log_us_ / 1000} : std::nullopt;
}

} // namespace synod
