// One thread for a process's actors and its links to other hosts.
#pragma once

#include "synod/actors/node/loop_clock.hpp"

#include <caf/all.hpp>
#include <caf/scheduler/abstract_coordinator.hpp>

#include <mutex>
#include <vector>

namespace synod {

/// Resumes actors in the thread in which CAF's multiplexer waits for sockets. So a message takes no change of threads on its way
/// from another host's socket through the roles of this one to the next socket: each would be a wake-up, and these are what a
/// lone command costs.
///
/// Actors are resumed in the order in which they came to have messages. After each has had a turn the sockets have one: what was
/// sent leaves before those that came meanwhile are resumed, and a busy role does not keep other hosts waiting.
///
/// Loaded as CAF's scheduler, with the middleman. An actor that waits, or computes for long, is to be spawned detached.
class loop_scheduler : public caf::scheduler::abstract_coordinator {
public:
  explicit loop_scheduler(caf::actor_system& system);
  ~loop_scheduler() override;

  static caf::actor_system::module* make(caf::actor_system& system, caf::detail::type_list<>) {
    return new loop_scheduler(system);
  }

  /// From any thread.
  void enqueue(caf::resumable* actor) override;
  loop_clock& clock() noexcept override { return clock_; }

private:
  class turn;

  void start() override;
  void stop() override;
  bool in_loop() const;
  void tell();
  void post(turn& x);
  void post_turn();
  void run_turn(bool posted);

  loop_clock clock_;
  caf::intrusive_ptr<turn> turn_;    // posted by the loop's own thread
  caf::intrusive_ptr<turn> arrival_; // posted by others

  // of the loop's thread
  std::vector<caf::resumable*> ready_;
  std::vector<caf::resumable*> running_;
  bool posted_ = false; // turn_ is

  std::mutex mutex_;
  std::vector<caf::resumable*> arrived_; // from other threads
  bool told_ = false;                    // the loop, that something has arrived
};

} // namespace synod
