// Virtual time, and which of the runnable actors goes next.
#pragma once

#include "random.hpp"

#include <caf/all.hpp>
#include <caf/scheduler/test_coordinator.hpp>

#include <deque>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

namespace synod::simulation {

/// What runs one after the other: the actors that share a thread of a host. It may be held up: a slow host, a stopped
/// process, a disk that takes its time.
struct strand {
  uint64_t process = 0;  ///< which start of which host; messages stay within it or go through links
  duration free_at{0};   ///< it runs nothing before
  bool held = false;     ///< it runs nothing at all until released
  duration cost{0};      ///< what each job costs
  bool wake_set = false; // an event at free_at is on its way
  struct job {
    strand* on = nullptr;
    caf::resumable* actor = nullptr; // one reference; or:
    std::function<void()> call;
  };
  std::deque<job> waiting; // while it is held or not free
};

/// Runs CAF's test coordinator by a seed: any runnable actor may be next, time passes only when none is. Actors of
/// one strand run one at a time; timers are the coordinator's virtual clock, everything else of the simulation is an
/// event here.
class timeline {
public:
  explicit timeline(uint64_t seed);
  ~timeline();

  caf::actor_system& system() { return actors_->system; }
  /// Actors that have not ended.
  size_t running() const { return actors_->system.registry().running(); }
  duration now() const { return now_; }

  /// Calls `what` when that time has come; in the order of calls among equal times.
  void at(duration when, std::function<void()> what);
  void after(duration pause, std::function<void()> what) { at(now_ + pause, std::move(what)); }

  /// Runs one job, or lets time pass to the next event; false: there was nothing left before `end`, which it is now.
  bool step(duration end);

  /// Called behind every job, with its strand.
  void on_step(std::function<void(strand&)> look) { on_step_ = std::move(look); }

  /// Does something as if on that strand: actors that become runnable by it belong there.
  template <class Do>
  void as(strand& on, Do&& something) {
    claim(); // What became runnable so far did so on the strand before.
    auto* before = std::exchange(current_, &on);
    something();
    claim();
    current_ = before;
  }

  /// This actor runs there, whoever makes it runnable.
  void pin(const caf::actor& actor, strand& on);
  /// Makes a call there, when it is its turn.
  void push(strand& on, std::function<void()> call) { place({&on, nullptr, std::move(call)}); }

  /// Runs all that these strands have to do, whether or not they are free, until nothing is left.
  void settle(const std::vector<strand*>& on);
  /// Lets a strand that was held go on.
  void release(strand& on);
  /// The same for the strands of a dead process, whose actors end by it.
  void drain(const std::vector<strand*>& dead);

  uint64_t steps() const { return steps_; }

private:
  struct settings : caf::actor_system_config {
    settings();
  };
  struct actors {
    settings with;
    caf::actor_system system{with};
  };

  struct event {
    duration when;
    uint64_t number;
    std::function<void()> what;
    bool operator<(const event& other) const {
      return when != other.when ? when > other.when : number > other.number; // the earliest on top of the heap
    }
  };

  using job = strand::job;

  void claim();
  void place(job x);
  void park(job x);
  void wake(strand& on);
  void run(job x);
  void pass_time(duration to);

  std::unique_ptr<actors> actors_;
  caf::scheduler::test_coordinator& coordinator_;
  random_stream random_;
  duration now_{0};
  std::vector<event> events_; // a heap
  uint64_t next_event_ = 0;
  std::vector<job> ready_;
  std::unordered_map<caf::resumable*, strand*> where_;
  strand* current_ = nullptr;
  std::function<void(strand&)> on_step_;
  uint64_t steps_ = 0;
};

} // namespace synod::simulation
