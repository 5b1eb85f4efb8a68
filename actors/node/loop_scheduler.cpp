#include "synod/actors/node/loop_scheduler.hpp"

#include "synod/actors/node/admission.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace synod {

namespace {

thread_local const loop_scheduler* loop_of_this_thread = nullptr;

uint64_t fresh_number() {
  auto bytes = fresh_random_bytes();
  uint64_t number = 0;
  std::memcpy(&number, bytes.data(), sizeof number);
  return number;
}

void require(int failure) {
  if (failure != 0)
    throw std::runtime_error{std::string{"sockets cannot be waited for: "} + uv_strerror(failure)};
}

/// The first loop of a process makes a pipe for signals, behind a descriptor of its own, and aborts when it gets none: so that is
/// tried before.
int problem_of_first_loop() {
  int loop = ::eventfd(0, EFD_CLOEXEC), pipe[2] = {-1, -1};
  auto failure = loop < 0 || ::pipe2(pipe, O_CLOEXEC) != 0 ? uv_translate_sys_error(errno) : 0;
  for (auto each : {loop, pipe[0], pipe[1]})
    if (each >= 0)
      ::close(each);
  return failure;
}

} // namespace

/// What actors that are resumed here see of it.
class loop_scheduler::resuming : public caf::execution_unit {
public:
  explicit resuming(loop_scheduler& of) : execution_unit{&of.system()}, ready_{of.ready_} {}

  /// From an actor that is being resumed: another one has a message.
  void exec_later(caf::resumable* actor) override { ready_.push_back(actor); }

private:
  std::vector<caf::resumable*>& ready_;
};

loop_scheduler::loop_scheduler(caf::actor_system& system)
  : abstract_coordinator{system},
    process_{fresh_number()},
    clock_{[this] { return in_loop(); }, [this] { from_outside([] {}); }, [this](auto when) { wake_at(when); }},
    unit_{std::make_unique<resuming>(*this)} {
  require(problem_of_first_loop());
  require(uv_loop_init(&loop_));
  require(uv_async_init(&loop_, &arrival_, [](uv_async_t* x) { static_cast<loop_scheduler*>(x->data)->take_arrived(); }));
  arrival_.data = this;
  alarm_at_ = ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  require(alarm_at_ < 0 ? uv_translate_sys_error(errno) : uv_poll_init(&loop_, &alarm_, alarm_at_));
  alarm_.data = this;
  require(uv_poll_start(&alarm_, UV_READABLE, [](uv_poll_t* x, int, int) {
    auto& self = *static_cast<loop_scheduler*>(x->data);
    uint64_t times = 0;
    static_cast<void>(::read(self.alarm_at_, &times, sizeof times)); // Which may have been set anew meanwhile.
    self.clock_.advance();
  }));
}

loop_scheduler::~loop_scheduler() {
  uv_close(reinterpret_cast<uv_handle_t*>(&arrival_), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&alarm_), nullptr);
  uv_run(&loop_, UV_RUN_DEFAULT); // Lets them close.
  uv_loop_close(&loop_);
  ::close(alarm_at_);
}

void loop_scheduler::start() {
  thread_ = std::thread{[this] {
    ::pthread_setname_np(::pthread_self(), "synod.loop");
    run();
  }};
  abstract_coordinator::start();
}

/// What is left will not be resumed. Detached actors may be about to end yet, and have others told of it.
void loop_scheduler::stop() {
  stop_actors();
  post(loop_task{[this] { ended_ = true; }});
  thread_.join();
  clock_.stop();
  auto left = std::exchange(ready_, {});
  std::vector<loop_task> dropped; // Without the lock: what they hold may be the last of an actor, whose end others are told.
  {
    std::lock_guard guard{mutex_};
    left.insert(left.end(), arrived_.begin(), arrived_.end());
    arrived_.clear();
    dropped.swap(posted_);
  }
  dropped.clear();
  for (auto* each : left)
    cleanup_and_release(each);
}

void loop_scheduler::run() {
  loop_of_this_thread = this;
  sigset_t broken_pipe; // That the other end is gone the write says, too.
  sigemptyset(&broken_pipe);
  sigaddset(&broken_pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
  while (!ended_) {
    uv_run(&loop_, ready_.empty() ? UV_RUN_ONCE : UV_RUN_NOWAIT);
    for (auto& each : residents_)
      each->on_polled();
    resume_actors();
    for (auto& each : residents_)
      each->on_turn_end();
  }
  end();
}

void loop_scheduler::end() {
  uv_unref(reinterpret_cast<uv_handle_t*>(&arrival_));
  uv_unref(reinterpret_cast<uv_handle_t*>(&alarm_));
  do { // Lets the residents' handles close; one may enter yet.
    for (auto& each : std::vector{residents_})
      each->on_loop_end();
    uv_run(&loop_, UV_RUN_ONCE);
  } while (uv_loop_alive(&loop_) != 0);
}

bool loop_scheduler::in_loop() const {
  return loop_of_this_thread == this;
}

caf::execution_unit& loop_scheduler::unit() {
  return *unit_;
}

void loop_scheduler::leave(const loop_resident& x) {
  std::erase_if(residents_, [&](auto& each) { return each.get() == &x; });
}

/// Each that is ready has a turn.
void loop_scheduler::resume_actors() {
  is_behind_ = false;
  running_.swap(ready_);
  for (auto* each : running_)
    switch (each->resume(unit_.get(), max_throughput_)) {
      case caf::resumable::resume_later:
        is_behind_ = true;
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
}

// -- other threads ------------------------------------------------------------

void loop_scheduler::enqueue(caf::resumable* actor) {
  if (in_loop())
    ready_.push_back(actor);
  else
    from_outside([&] { arrived_.push_back(actor); });
}

void loop_scheduler::post(loop_task what) {
  from_outside([&] { posted_.push_back(std::move(what)); });
}

/// Wakes the loop, unless it knows already.
template <class Add>
void loop_scheduler::from_outside(Add add) {
  {
    std::lock_guard guard{mutex_};
    add();
    if (std::exchange(told_, true))
      return;
  }
  uv_async_send(&arrival_);
}

void loop_scheduler::take_arrived() {
  std::vector<loop_task> posted;
  {
    std::lock_guard guard{mutex_};
    told_ = false;
    ready_.insert(ready_.end(), arrived_.begin(), arrived_.end());
    arrived_.clear();
    posted.swap(posted_);
  }
  for (auto& each : posted)
    each();
  clock_.advance();
}

// -- time -----------------------------------------------------------------------

/// In place of what it was told before. By what is left until then, which every clock means alike.
void loop_scheduler::wake_at(caf::actor_clock::time_point when) {
  auto left = std::max<caf::actor_clock::duration_type>(when - clock_.now(), std::chrono::nanoseconds{1}); // 0 would be never.
  auto seconds = std::chrono::floor<std::chrono::seconds>(left);
  itimerspec at{};
  at.it_value.tv_sec = seconds.count();
  at.it_value.tv_nsec = std::chrono::nanoseconds{left - seconds}.count();
  ::timerfd_settime(alarm_at_, 0, &at, nullptr);
}

} // namespace synod
