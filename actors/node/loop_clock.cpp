#include "synod/actors/node/loop_clock.hpp"

#include <pthread.h>

#include <utility>

namespace synod {

// -- asked for ----------------------------------------------------------------

/// At once, or as soon as the loop gets to it.
template <class Do>
void loop_clock::in_loop(Do what) {
  if (in_loop_()) {
    what();
    return sleep_until_due();
  }
  {
    std::lock_guard guard{mutex_};
    asked_.emplace_back(std::move(what));
  }
  wake_();
}

void loop_clock::set_ordinary_timeout(time_point when, caf::abstract_actor* whose, caf::atom_value type, uint64_t id) {
  in_loop([=, this, kept = caf::strong_actor_ptr{whose->ctrl()}] { base::set_ordinary_timeout(when, kept->get(), type, id); });
}

void loop_clock::set_request_timeout(time_point when, caf::abstract_actor* whose, caf::message_id id) {
  in_loop([=, this, kept = caf::strong_actor_ptr{whose->ctrl()}] { base::set_request_timeout(when, kept->get(), id); });
}

void loop_clock::set_multi_timeout(time_point when, caf::abstract_actor* whose, caf::atom_value type, uint64_t id) {
  in_loop([=, this, kept = caf::strong_actor_ptr{whose->ctrl()}] { base::set_multi_timeout(when, kept->get(), type, id); });
}

// An actor that cancels may be ending: its id is enough, and outlives it.
void loop_clock::cancel_ordinary_timeout(caf::abstract_actor* whose, caf::atom_value type) {
  in_loop([this, which = ordinary_timeout_cancellation{whose->id(), type}] { handle(which); });
}

void loop_clock::cancel_request_timeout(caf::abstract_actor* whose, caf::message_id id) {
  in_loop([this, which = request_timeout_cancellation{whose->id(), id}] { handle(which); });
}

void loop_clock::cancel_timeouts(caf::abstract_actor* whose) {
  in_loop([this, which = timeouts_cancellation{whose->id()}] { handle(which); });
}

void loop_clock::schedule_message(time_point when, caf::strong_actor_ptr to, caf::mailbox_element_ptr content) {
  in_loop([this, when, to = std::move(to), content = std::move(content)]() mutable {
    base::schedule_message(when, std::move(to), std::move(content));
  });
}

void loop_clock::schedule_message(time_point when, caf::group to, caf::strong_actor_ptr from, caf::message content) {
  in_loop([this, when, to = std::move(to), from = std::move(from), content = std::move(content)]() mutable {
    base::schedule_message(when, std::move(to), std::move(from), std::move(content));
  });
}

void loop_clock::cancel_all() {
  in_loop([this] { base::cancel_all(); });
}

// -- due ----------------------------------------------------------------------

void loop_clock::advance() {
  std::vector<asked> taken;
  {
    std::lock_guard guard{mutex_};
    taken.swap(asked_);
  }
  for (auto& each : taken)
    each();
  if (sleeps_until_ <= now()) {
    sleeps_until_ = time_point::max();
    trigger_expired_timeouts();
  }
  sleep_until_due();
}

/// The sleeper is told of an earlier deadline only: one that was cancelled wakes the loop in vain.
void loop_clock::sleep_until_due() {
  if (schedule_.empty() || schedule_.begin()->first >= sleeps_until_)
    return;
  sleeps_until_ = schedule_.begin()->first;
  {
    std::lock_guard guard{mutex_};
    due_ = sleeps_until_;
  }
  changed_.notify_one();
}

void loop_clock::run_sleeper() {
  std::unique_lock guard{mutex_};
  while (!ends_) {
    if (due_ == time_point::max()) {
      changed_.wait(guard);
    } else if (now() < due_) {
      changed_.wait_until(guard, due_);
    } else {
      due_ = time_point::max();
      guard.unlock();
      wake_();
      guard.lock();
    }
  }
}

void loop_clock::start() {
  sleeper_ = std::thread{[this] {
    ::pthread_setname_np(::pthread_self(), "synod.clock");
    run_sleeper();
  }};
}

void loop_clock::stop() {
  std::vector<asked> dropped; // Without the lock: what they hold may be the last of an actor, which cancels its timeouts then.
  {
    std::lock_guard guard{mutex_};
    ends_ = true;
    dropped.swap(asked_);
  }
  changed_.notify_one();
  sleeper_.join();
  base::cancel_all();
}

} // namespace synod
