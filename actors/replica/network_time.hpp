// How long the network takes, whatever the processors add.
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

namespace synod {

/// The least of the last times that something took, 16 to 32 of them; and what follows for who may send the next question before
/// the last one is answered. On a near network one at a time is best: what comes meanwhile gathers. On a far one it would wait
/// for as long as the network takes, so the next one leaves after a pause that is short beside that.
class network_time {
public:
  using duration = std::chrono::microseconds;

  static constexpr duration far{1000};
  static constexpr duration shortest_pause{250};
  static constexpr int most_under_way = 64; // pauses, in the time that the network takes

  void note(duration took) {
    present_ = std::min(present_, took);
    if (++noted_ < renewed_after)
      return;
    noted_ = 0;
    before_ = std::exchange(present_, duration::max());
  }

  /// None, near: one at a time.
  std::optional<duration> pause() const {
    auto least = std::min(before_, present_);
    if (least < far || least == duration::max())
      return std::nullopt;
    return std::max(shortest_pause, least / most_under_way);
  }

private:
  static constexpr int renewed_after = 16;

  duration present_ = duration::max();
  duration before_ = duration::max();
  int noted_ = 0;
};

} // namespace synod
