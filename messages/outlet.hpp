// Flow control towards one role on another host.
#pragma once

#include <caf/actor_clock.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>

namespace synod {

/// Counts what is owed to one receiver: bytes sent and not yet known to be received.
/// Every message bears a mark, the count of bytes sent with it; the receiver returns the
/// highest mark it saw. Above `limit_bytes` only a probe a second passes, so that a
/// stopped receiver costs a stated amount and one whose answers were lost is found again.
/// May be shared by several senders.
class outlet {
public:
  explicit outlet(uint64_t limit_bytes) : limit_bytes_{limit_bytes} {}

  /// True if a message of `bytes` may be sent now; counts it and sets its `mark`.
  bool admit(uint64_t bytes, caf::actor_clock::time_point now, uint64_t& mark) {
    auto sent = sent_.load(std::memory_order_relaxed);
    if (sent - received_.load(std::memory_order_relaxed) + bytes > limit_bytes_) {
      auto last = last_probe_.load(std::memory_order_relaxed);
      if (now.time_since_epoch() - last < std::chrono::seconds{1}
          || !last_probe_.compare_exchange_strong(last, now.time_since_epoch()))
        return false;
    }
    mark = sent_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    return true;
  }

  /// The receiver has everything up to `mark`.
  void received(uint64_t mark) {
    if (mark > received_.load(std::memory_order_relaxed) && mark <= sent_.load(std::memory_order_relaxed))
      received_.store(mark, std::memory_order_relaxed);
  }

  uint64_t owed_bytes() const { return sent_.load(std::memory_order_relaxed) - received_.load(std::memory_order_relaxed); }

private:
  uint64_t limit_bytes_;
  std::atomic<uint64_t> sent_{0};
  std::atomic<uint64_t> received_{0};
  std::atomic<caf::actor_clock::time_point::duration> last_probe_{};
};

} // namespace synod
