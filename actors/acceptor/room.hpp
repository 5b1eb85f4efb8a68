// How much room an acceptor's disk has left.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

namespace synod {

/// Whether the disk is full: it has less room than the reserve, or a segment of the log could not be made for want of it. It is
/// not any more when there is an eighth more than the reserve, and the segment: so that it does not come and go with every file.
class room {
public:
  explicit room(uint64_t reserve_bytes) : reserve_bytes_{reserve_bytes} {}

  /// What a look at the disk has found.
  void seen(uint64_t free_bytes) {
    free_bytes_ = free_bytes;
    auto enough = is_below_ ? reserve_bytes_ + reserve_bytes_ / 8 : reserve_bytes_;
    is_below_ = free_bytes < enough;
  }
  /// A segment could not be made, or it could.
  void lacks_segment(bool lacks) { lacks_segment_ = lacks; }

  bool full() const { return is_below_ || lacks_segment_; }
  /// None: nobody has looked yet.
  std::optional<uint64_t> free_bytes() const { return free_bytes_; }

  /// Whether it is full, when that has changed since the last time.
  std::optional<bool> take_change() { return std::exchange(told_, full()) == full() ? std::nullopt : std::optional{full()}; }

private:
  uint64_t reserve_bytes_;
  std::optional<uint64_t> free_bytes_;
  bool is_below_ = false;
  bool lacks_segment_ = false;
  bool told_ = false;
};

} // namespace synod
