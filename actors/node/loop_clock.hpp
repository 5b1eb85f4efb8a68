// Timeouts and delayed messages of the actors of one loop.
#pragma once

#include <caf/detail/simple_actor_clock.hpp>
#include <caf/detail/unique_function.hpp>

#include <functional>
#include <mutex>
#include <vector>

namespace synod {

/// May hold what cannot be copied.
using loop_task = caf::detail::unique_function<void()>;

/// Belongs to the loop's thread, which keeps the schedule without a lock and without waking anybody; CAF's own clock is told in a
/// thread of its own whenever an actor ends, a commander for example. What other threads ask for is handed to the loop.
class loop_clock : public caf::detail::simple_actor_clock {
public:
  /// `in_loop`: whether this is the loop's thread. To have it call `advance`: `wake`, soon, from any thread; `wake_at`, then, in
  /// place of what was said before.
  loop_clock(std::function<bool()> in_loop, std::function<void()> wake, std::function<void(time_point)> wake_at)
    : in_loop_{std::move(in_loop)}, wake_{std::move(wake)}, wake_at_{std::move(wake_at)} {}

  /// The loop has ended.
  void stop();
  /// In the loop: takes what other threads have asked for, and sends what is due.
  void advance();

  void set_ordinary_timeout(time_point when, caf::abstract_actor* whose, caf::atom_value type, uint64_t id) override;
  void set_request_timeout(time_point when, caf::abstract_actor* whose, caf::message_id id) override;
  void set_multi_timeout(time_point when, caf::abstract_actor* whose, caf::atom_value type, uint64_t id) override;
  void cancel_ordinary_timeout(caf::abstract_actor* whose, caf::atom_value type) override;
  void cancel_request_timeout(caf::abstract_actor* whose, caf::message_id id) override;
  void cancel_timeouts(caf::abstract_actor* whose) override;
  void schedule_message(time_point when, caf::strong_actor_ptr to, caf::mailbox_element_ptr content) override;
  void schedule_message(time_point when, caf::group to, caf::strong_actor_ptr from, caf::message content) override;
  void cancel_all() override;

private:
  using base = caf::detail::simple_actor_clock;

  template <class Do>
  void in_loop(Do what);
  void wake_when_due();

  std::function<bool()> in_loop_;
  std::function<void()> wake_;
  std::function<void(time_point)> wake_at_;

  // of the loop's thread
  time_point wakes_at_ = time_point::max();

  std::mutex mutex_;
  std::vector<loop_task> asked_; // by other threads
};

} // namespace synod
