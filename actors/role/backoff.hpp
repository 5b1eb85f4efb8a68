// Growing pauses between attempts.
#pragma once

#include <caf/actor_clock.hpp>

#include <algorithm>
#include <chrono>

namespace synod {

/// One waiter's pauses: the first as given, each further one twice as long, up to the last. Who waits has a clock of his own:
/// an answer to somebody else does not put this one off.
class backoff {
public:
  using time_point = caf::actor_clock::time_point;

  backoff(std::chrono::milliseconds first, std::chrono::milliseconds last) : first_{first}, last_{last}, pause_{first} {}

  /// An attempt is made now; the next one is due when the present pause is over, and the one behind that later still.
  void tried(time_point now) {
    due_ = now + pause_;
    pause_ = std::min(2 * pause_, last_);
  }

  /// There was an answer, or the matter has changed: the next attempt made begins with the first pause again.
  void reset() { pause_ = first_; }

  bool due(time_point now) const { return now >= due_; }
  /// When the next attempt is due; long ago: there was none yet.
  time_point next() const { return due_; }
  /// How long the pause behind the next attempt will be.
  std::chrono::milliseconds pause() const { return pause_; }

private:
  std::chrono::milliseconds first_;
  std::chrono::milliseconds last_;
  std::chrono::milliseconds pause_;
  time_point due_{};
};

} // namespace synod
