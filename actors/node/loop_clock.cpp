#include "synod/actors/node/loop_clock.hpp"

#include <utility>

namespace synod {

// -- asked for ----------------------------------------------------------------

/// At once, or as soon as the loop gets to it.
template <class Do>
void loop_clock::in_loop(Do what) {
  if (in_loop_()) {
    what();
    return wake_when_due();
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
  std::vector<loop_task> taken;
  {
    std::lock_guard guard{mutex_};
    taken.swap(asked_);
  }
  for (auto& each : taken)
    each();
  if (wakes_at_ <= now()) {
    wakes_at_ = time_point::max();
    trigger_expired_timeouts();
  }
  wake_when_due();
}

/// At an earlier deadline only: one that was cancelled wakes the loop in vain.
void loop_clock::wake_when_due() {
  if (schedule_.empty() || schedule_.begin()->first >= wakes_at_)
    return;
  wakes_at_ = schedule_.begin()->first;
  wake_at_(wakes_at_);
}

void loop_clock::stop() {
  std::vector<loop_task>
    dropped; // Without the lock: what they hold may be the last of an actor, which cancels its timeouts then.
  {
    std::lock_guard guard{mutex_};
    dropped.swap(asked_);
  }
  base::cancel_all();
}

} // namespace synod
