// Log time, as a proposer carries it on.
#pragma once

#include <caf/actor_clock.hpp>

#include <chrono>
#include <cstdint>
#include <optional>

namespace synod {

/// What a proposer puts into a batch as its time: log time as it was when it was last seen to move, carried on by the steady
/// clock and drawn towards the cluster's time of day (leader/cluster_clock.hpp) by a small rate. So a wall clock that steps, on
/// whatever host, neither ends anything early nor keeps anything alive. Only when the cluster's time is far ahead, as after an
/// outage of all, log time leaps to it: what ran out meanwhile is gone. It never goes back.
///
/// Times of day are milliseconds since 1970.
class log_clock {
public:
  using time_point = caf::actor_clock::time_point;

  /// Further behind than this it leaps; otherwise it is drawn by so much of the time that passes.
  static constexpr std::chrono::milliseconds leap{500};
  static constexpr int64_t drawn_per_thousand = 20;

  /// Log time is so much, from performed batches.
  void saw(int64_t log_time, time_point now);
  /// The cluster's time of day is between these: the clocks in the middle, one of which may be wrong. Between them log time goes
  /// on by itself.
  void told(int64_t at_least, int64_t at_most, time_point now);

  /// The time for a batch that is proposed now; none: the cluster's time is not known, as before the first leader has told it
  /// after a start. (Log time may be that of long ago then, and what began by it would end with the leap.)
  std::optional<int64_t> read(time_point now);

private:
  static int64_t us(time_point x) { return std::chrono::duration_cast<std::chrono::microseconds>(x.time_since_epoch()).count(); }

  void carry_on(int64_t now_us);

  struct offsets {
    int64_t at_least_us;
    int64_t at_most_us;
  };

  int64_t log_us_ = 0;             // log time at at_us_
  int64_t at_us_ = 0;              // by the steady clock
  int64_t undrawn_ = 0;            // thousandths of a microsecond
  std::optional<offsets> cluster_; // the cluster's time of day against the steady clock
};

} // namespace synod
