// One thread for a process's actors and sockets.
#pragma once

#include "synod/actors/node/loop_clock.hpp"

#include <caf/all.hpp>
#include <caf/scheduler/abstract_coordinator.hpp>

#include <uv.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace synod {

/// Has sockets in the loop, which keeps it until it leaves. All of it in the loop's thread.
class loop_resident {
public:
  virtual ~loop_resident() = default;
  /// What happened at the sockets was told; actors have their turn now.
  virtual void on_polled() {}
  /// Each actor that had messages has had its turn.
  virtual void on_turn_end() {}
  /// Closes all handles here: the loop ends then. May be called more than once.
  virtual void on_loop_end() = 0;
};

/// A libuv loop, in a thread of its own, that resumes actors between two looks at its sockets. So a message takes no change of
/// threads on its way from another host's socket through the roles of this one to the next socket: each would be a wake-up, and
/// these are what a lone command costs.
///
/// Actors are resumed in the order in which they came to have messages. After each has had a turn the sockets have one: what was
/// sent leaves before those that came meanwhile are resumed, and a busy role does not keep other hosts waiting.
///
/// Loaded as CAF's scheduler. An actor that waits, or computes for long, is to be spawned detached. What an actor or a resident
/// throws and does not catch ends the process. Throws std::runtime_error where there are no descriptors for it.
class loop_scheduler : public caf::scheduler::abstract_coordinator {
public:
  explicit loop_scheduler(caf::actor_system& system);
  ~loop_scheduler() override;

  static caf::actor_system::module* make(caf::actor_system& system, caf::detail::type_list<>) {
    return new loop_scheduler(system);
  }
  /// Of a system that has one.
  static loop_scheduler& of(caf::actor_system& system) { return dynamic_cast<loop_scheduler&>(system.scheduler()); }

  // From any thread:
  void enqueue(caf::resumable* actor) override;
  loop_clock& clock() noexcept override { return clock_; }
  /// Whether this is the loop's thread.
  bool in_loop() const;
  /// A number that no other process has.
  uint64_t process() const { return process_; }
  /// In the loop, soon; dropped once that has ended.
  void post(loop_task what);

  // In the loop:
  uv_loop_t& loop() { return loop_; }
  caf::execution_unit& unit();
  /// There are actors with messages.
  bool is_busy() const { return !ready_.empty(); }
  /// Some had more messages than they could take in their last turn.
  bool is_behind() const { return is_behind_; }
  size_t residents() const { return residents_.size(); }
  /// Both of these not in `on_polled` and `on_turn_end`.
  void enter(std::shared_ptr<loop_resident> x) { residents_.push_back(std::move(x)); }
  /// Its handles are closed; in the last one's callback.
  void leave(const loop_resident& x);
  /// What nobody else hears goes to `tell`; to nobody before that is said.
  void on_warning(std::function<void(const std::string& what)> tell) { tell_ = std::move(tell); }
  void warn(const std::string& what) const {
    if (tell_)
      tell_(what);
  }

private:
  class resuming;

  void start() override;
  void stop() override;
  void run();
  void end();
  void resume_actors();
  void take_arrived();
  void wake_at(caf::actor_clock::time_point when);
  template <class Add>
  void from_outside(Add add);

  uint64_t process_;
  loop_clock clock_;
  std::unique_ptr<resuming> unit_;
  uv_loop_t loop_;
  uv_async_t arrival_;
  uv_poll_t alarm_;
  int alarm_at_; // a descriptor
  std::thread thread_;

  // of the loop's thread
  std::vector<caf::resumable*> ready_;
  std::vector<caf::resumable*> running_;
  std::vector<std::shared_ptr<loop_resident>> residents_;
  std::function<void(const std::string& what)> tell_;
  bool is_behind_ = false;
  bool ended_ = false;

  // from other threads
  std::mutex mutex_;
  std::vector<caf::resumable*> arrived_;
  std::vector<loop_task> posted_;
  bool told_ = false; // the loop, that something has arrived
};

} // namespace synod
