#include "timeline.hpp"

#include "synod/messages/roles.hpp"

#include <algorithm>

namespace synod::simulation {

timeline::settings::settings() {
  add_message_types<caf::id_block::synod>();
  set("scheduler.policy", caf::atom("testing"));
}

timeline::timeline(uint64_t seed)
  : actors_{std::make_unique<actors>()},
    coordinator_{dynamic_cast<caf::scheduler::test_coordinator&>(actors_->system.scheduler())},
    random_{seed, "schedule"} {}

timeline::~timeline() {
  // An actor system waits for its actors: one that nobody ends any more is left alone with it. The run has failed by it.
  if (running() > 0)
    static_cast<void>(actors_.release());
}

void timeline::at(duration when, std::function<void()> what) {
  events_.push_back({std::max(when, now_), next_event_++, std::move(what)});
  std::push_heap(events_.begin(), events_.end());
}

void timeline::pin(const caf::actor& actor, strand& on) {
  if (auto* runs = dynamic_cast<caf::resumable*>(caf::actor_cast<caf::abstract_actor*>(actor)))
    where_[runs] = &on;
}

/// Takes over what the coordinator was given, and finds out where it belongs.
void timeline::claim() {
  auto& jobs = coordinator_.jobs;
  while (!jobs.empty()) {
    auto* actor = jobs.front();
    jobs.pop_front();
    auto& known = where_[actor];
    // A scout or commander runs where it was spawned; an address may have had another owner before.
    if (current_ && (!known || known->process != current_->process))
      known = current_;
    place({known, actor, {}});
  }
}

void timeline::place(job x) {
  if (x.on->held || x.on->free_at > now_)
    return park(std::move(x));
  ready_.push_back(std::move(x));
}

void timeline::park(job x) {
  auto& on = *x.on;
  on.waiting.push_back(std::move(x));
  if (!on.held && !on.wake_set) {
    on.wake_set = true;
    at(on.free_at, [this, &on, process = on.process] {
      if (on.process == process)
        wake(on);
    });
  }
}

void timeline::wake(strand& on) {
  on.wake_set = false;
  for (auto& each : std::exchange(on.waiting, {}))
    place(std::move(each));
}

void timeline::release(strand& on) {
  on.held = false;
  wake(on);
}

bool timeline::step(duration end) {
  if (ready_.empty()) {
    auto& timers = coordinator_.clock().schedule();
    auto next = end;
    if (!events_.empty())
      next = std::min(next, events_.front().when);
    if (!timers.empty())
      next = std::min(next, std::chrono::duration_cast<duration>(timers.begin()->first.time_since_epoch()));
    pass_time(next);
    return next < end;
  }
  std::swap(ready_[random_.below(ready_.size())], ready_.back());
  auto next = std::move(ready_.back());
  ready_.pop_back();
  if (next.on->held || next.on->free_at > now_)
    park(std::move(next));
  else
    run(std::move(next));
  return true;
}

void timeline::run(job x) {
  ++steps_;
  auto& on = *x.on;
  as(on, [&] {
    if (x.actor) {
      coordinator_.jobs.push_front(x.actor);
      coordinator_.try_run_once();
    } else {
      x.call();
    }
  });
  if (on.cost > duration{0})
    on.free_at = std::max(on.free_at, now_ + on.cost);
  if (on_step_)
    on_step_(on);
}

void timeline::pass_time(duration to) {
  auto& clock = coordinator_.clock();
  now_ = std::max(now_, to);
  auto behind = now_ - std::chrono::duration_cast<duration>(clock.now().time_since_epoch());
  clock.advance_time(std::max(behind, duration{0}));
  claim();
  while (!events_.empty() && events_.front().when <= now_) {
    std::pop_heap(events_.begin(), events_.end());
    auto what = std::move(events_.back().what);
    events_.pop_back();
    what();
    claim();
  }
}

void timeline::settle(const std::vector<strand*>& on) {
  for (auto* each : on) {
    each->held = false;
    each->free_at = duration{0};
    wake(*each);
  }
  auto take = [&]() -> job {
    for (auto i = ready_.begin(); i != ready_.end(); ++i)
      if (std::find(on.begin(), on.end(), i->on) != on.end()) {
        auto found = std::move(*i);
        ready_.erase(i);
        return found;
      }
    return {};
  };
  for (auto next = take(); next.on; next = take())
    if (next.actor)
      as(*next.on, [&] {
        coordinator_.jobs.push_front(next.actor);
        coordinator_.try_run_once();
      });
}

void timeline::drain(const std::vector<strand*>& dead) {
  settle(dead);
  std::erase_if(where_, [&](auto& x) { return std::find(dead.begin(), dead.end(), x.second) != dead.end(); });
}

} // namespace synod::simulation
