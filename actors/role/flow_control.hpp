// Flow control: what may be on its way to a slow or stopped receiver, and what comes back from it.
#pragma once

#include <caf/all.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

namespace synod {

/// At the sender: counts what is owed to one receiver, bytes sent and not yet known to be received.
/// Every message bears a mark, the count of bytes sent with it; the receiver returns the
/// highest mark it saw. Above `limit_bytes`, or a single larger message, only a probe a second passes, and above twice as much
/// one after pauses that double until something is received: so a stopped receiver costs a stated amount, however long it is
/// stopped, and one whose answers were lost is found again.
/// May be shared by several senders.
class flow_control {
public:
  using time_point = caf::actor_clock::time_point;

  explicit flow_control(uint64_t limit_bytes) : limit_bytes_{limit_bytes} {}

  /// True if a message of `bytes` may be sent now; counts it and sets its `mark`.
  bool admit(uint64_t bytes, time_point now, uint64_t& mark) {
    auto owed = owed_bytes();
    // Whatever its size, a message passes when nothing else is on its way.
    if (owed > 0 && owed + bytes > limit_bytes_ && !may_probe(owed + bytes, now)) {
      held_back_.store(true, std::memory_order_relaxed);
      return false;
    }
    mark = sent_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    return true;
  }

  /// The receiver has everything up to `mark`. True: something was not admitted since the last time that this was true, and
  /// there is credit now, so it is to be sent.
  bool received(uint64_t mark) {
    if (mark > received_.load(std::memory_order_relaxed) && mark <= sent_.load(std::memory_order_relaxed)) {
      received_.store(mark, std::memory_order_relaxed);
      probe_pause_.store(first_pause, std::memory_order_relaxed);
    }
    return owed_bytes() < limit_bytes_ && held_back_.exchange(false, std::memory_order_relaxed);
  }

  uint64_t owed_bytes() const { return sent_.load(std::memory_order_relaxed) - received_.load(std::memory_order_relaxed); }

private:
  static constexpr time_point::duration first_pause = std::chrono::seconds{1};

  bool may_probe(uint64_t owed, time_point now) {
    auto pause = owed > 2 * limit_bytes_ ? probe_pause_.load(std::memory_order_relaxed) : first_pause;
    auto last = last_probe_.load(std::memory_order_relaxed);
    if (now.time_since_epoch() - last < pause || !last_probe_.compare_exchange_strong(last, now.time_since_epoch()))
      return false;
    if (owed > 2 * limit_bytes_)
      probe_pause_.store(2 * pause, std::memory_order_relaxed);
    return true;
  }

  uint64_t limit_bytes_;
  std::atomic<uint64_t> sent_{0};
  std::atomic<uint64_t> received_{0};
  std::atomic<time_point::duration> last_probe_{};
  std::atomic<time_point::duration> probe_pause_{first_pause}; // beyond twice the limit
  std::atomic<bool> held_back_{false};
};

/// At the receiver: the highest mark of each sender, until it is returned. How much came is counted from the sender's last
/// mark on, which is remembered as long as the sender lives; a lower one begins a new count (peers::renew).
class marks {
public:
  void note(const caf::strong_actor_ptr& sender, uint64_t mark) {
    auto known = std::find_if(marks_.begin(), marks_.end(), [&](auto& x) { return x.sender.compare(sender) == 0; });
    if (known == marks_.end())
      known = marks_.insert(known, {caf::actor_cast<caf::actor_addr>(sender)});
    bytes_ += mark > known->last ? mark - known->last : 0;
    known->last = mark;
    known->highest = known->due ? std::max(known->highest, mark) : mark;
    known->due = true;
  }

  bool empty() const {
    return std::none_of(marks_.begin(), marks_.end(), [](auto& x) { return x.due; });
  }
  /// So much came that senders should know of it now rather than with the next tick.
  bool urgent() const { return bytes_ >= urgent_bytes; }

  /// Hands over what is to be returned: each sender with its mark.
  std::vector<std::pair<caf::strong_actor_ptr, uint64_t>> take() {
    bytes_ = 0;
    std::vector<std::pair<caf::strong_actor_ptr, uint64_t>> taken;
    std::erase_if(marks_, [&](auto& x) {
      auto sender = caf::actor_cast<caf::strong_actor_ptr>(x.sender);
      if (sender && std::exchange(x.due, false))
        taken.emplace_back(sender, x.highest);
      return !sender;
    });
    return taken;
  }

private:
  static constexpr uint64_t urgent_bytes = 1u << 20;

  struct noted {
    caf::actor_addr sender; // Weak: roles that note each other's marks must not keep each other alive.
    uint64_t last = 0;
    uint64_t highest = 0; // since marks were returned last
    bool due = false;
  };

  std::vector<noted> marks_;
  uint64_t bytes_ = 0;
};

} // namespace synod
