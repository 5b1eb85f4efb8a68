// Timeouts and delayed messages of the actors of one loop.
#pragma once

#include <caf/detail/simple_actor_clock.hpp>

#include <condition_variable>
#include <functional>
#include <future>
#include <mutex>
#include <thread>
#include <vector>

namespace synod {

/// Belongs to the loop's thread, which keeps the schedule without a lock and without waking anybody; CAF's own clock is told in a
/// thread of its own whenever an actor ends, a commander for example. What other threads ask for is handed to the loop. A thread
/// sleeps until the earliest deadline, and wakes the loop then.
class loop_clock : public caf::detail::simple_actor_clock {
public:
  /// `in_loop`: whether this is the loop's thread; `wake`: has the loop call `advance`, from any thread.
  loop_clock(std::function<bool()> in_loop, std::function<void()> wake) : in_loop_{std::move(in_loop)}, wake_{std::move(wake)} {}

  void start();
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
  using asked = std::packaged_task<void()>; // may hold what cannot be copied

  template <class Do>
  void in_loop(Do what);
  void sleep_until_due();
  void run_sleeper();

  std::function<bool()> in_loop_;
  std::function<void()> wake_;

  // of the loop's thread
  time_point sleeps_until_ = time_point::max(); // the sleeper, as it was told

  std::mutex mutex_;
  std::vector<asked> asked_; // by other threads
  std::condition_variable changed_;
  time_point due_ = time_point::max(); // the sleeper is to wake the loop then
  bool ends_ = false;
  std::thread sleeper_;
};

} // namespace synod
