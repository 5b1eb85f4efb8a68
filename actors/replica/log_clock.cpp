#include "synod/actors/replica/log_clock.hpp"

#include <algorithm>

namespace synod {

void log_clock::carry_on(int64_t now_us) {
  auto elapsed = at_us_ == 0 ? 0 : std::max<int64_t>(0, now_us - at_us_);
  at_us_ = std::max(at_us_, now_us);
  log_us_ += elapsed;
  if (!cluster_)
    return;
  auto behind = std::max<int64_t>(0, cluster_->at_least_us + at_us_ - log_us_);
  auto ahead = std::max<int64_t>(0, log_us_ - cluster_->at_most_us - at_us_);
  // This is asked for at short intervals: what is less than a microsecond is kept.
  auto may_draw = elapsed * drawn_per_thousand + undrawn_;
  undrawn_ = may_draw % 1000;
  auto drawn = may_draw / 1000;
  log_us_ += behind > std::chrono::microseconds{leap}.count() ? behind : std::clamp(behind - ahead, -drawn, drawn);
}

void log_clock::saw(int64_t log_time, time_point now) {
  carry_on(us(now));
  log_us_ = std::max(log_us_, log_time * 1000);
}

void log_clock::told(int64_t at_least, int64_t at_most, time_point now) {
  carry_on(us(now));
  cluster_ = offsets{at_least * 1000 - us(now), at_most * 1000 - us(now)};
}

std::optional<int64_t> log_clock::read(time_point now) {
  carry_on(us(now));
  return cluster_ ? std::optional{log_us_ / 1000} : std::nullopt;
}

} // namespace synod
