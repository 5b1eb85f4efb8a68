#include "synod/actors/node/loop_scheduler.hpp"

#include <caf/io/middleman.hpp>

#include <thread>
#include <utility>

namespace synod {

/// What the multiplexer is given to run, since it takes no actors but its own.
class loop_scheduler::turn : public caf::resumable, public caf::ref_counted, public caf::execution_unit {
public:
  explicit turn(loop_scheduler& of) : execution_unit{&of.system()}, scheduler_{of} {}

  subtype_t subtype() const override { return function_object; }
  void intrusive_ptr_add_ref_impl() override { ref(); }
  void intrusive_ptr_release_impl() override { deref(); }
  resume_result resume(caf::execution_unit*, size_t) override {
    scheduler_.run_turn(this == scheduler_.turn_.get());
    return done;
  }
  /// From an actor that is being resumed: another one has a message.
  void exec_later(caf::resumable* actor) override { scheduler_.ready_.push_back(actor); }

private:
  loop_scheduler& scheduler_;
};

loop_scheduler::loop_scheduler(caf::actor_system& system)
  : abstract_coordinator{system},
    clock_{[this] { return in_loop(); }, [this] { tell(); }},
    turn_{caf::make_counted<turn>(*this)},
    arrival_{caf::make_counted<turn>(*this)} {}

loop_scheduler::~loop_scheduler() = default;

void loop_scheduler::start() {
  clock_.start();
  abstract_coordinator::start();
}

/// The loop has ended: what is left will not be resumed. Detached actors may be about to end yet, and have others told of it.
void loop_scheduler::stop() {
  stop_actors();
  clock_.stop();
  auto left = std::exchange(ready_, {});
  {
    std::lock_guard guard{mutex_};
    left.insert(left.end(), arrived_.begin(), arrived_.end());
    arrived_.clear();
  }
  for (auto* each : left)
    cleanup_and_release(each);
}

bool loop_scheduler::in_loop() const {
  return std::this_thread::get_id() == system_.middleman().backend().thread_id();
}

void loop_scheduler::enqueue(caf::resumable* actor) {
  if (in_loop()) {
    ready_.push_back(actor);
    return post_turn();
  }
  {
    std::lock_guard guard{mutex_};
    arrived_.push_back(actor);
  }
  tell();
}

/// The loop, that something has arrived; unless it knows already.
void loop_scheduler::tell() {
  {
    std::lock_guard guard{mutex_};
    if (std::exchange(told_, true))
      return;
  }
  post(*arrival_);
}

void loop_scheduler::post(turn& x) {
  x.ref();
  system_.middleman().backend().exec_later(&x);
}

/// One at a time, behind the sockets.
void loop_scheduler::post_turn() {
  if (!std::exchange(posted_, true))
    post(*turn_);
}

/// Each that is ready has a turn.
void loop_scheduler::run_turn(bool posted) {
  posted_ &= !posted;
  auto clock = false;
  {
    std::lock_guard guard{mutex_};
    clock = std::exchange(told_, false);
    ready_.insert(ready_.end(), arrived_.begin(), arrived_.end());
    arrived_.clear();
  }
  if (clock)
    clock_.advance();
  running_.swap(ready_);
  for (auto* each : running_)
    switch (each->resume(turn_.get(), max_throughput_)) {
      case caf::resumable::resume_later:
        ready_.push_back(each);
        break;
      case caf::resumable::awaiting_message:
      case caf::resumable::done:
        caf::intrusive_ptr_release(each);
        break;
      case caf::resumable::shutdown_execution_unit:
        break;
    }
  running_.clear();
  if (!ready_.empty())
    post_turn();
}

} // namespace synod
