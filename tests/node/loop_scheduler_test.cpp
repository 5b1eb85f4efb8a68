#include "synod/actors/node/system_config.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <future>
#include <set>
#include <thread>

using namespace synod;

namespace {

using namespace std::chrono_literals;

class of_function : public caf::event_based_actor {
public:
  using function = std::function<caf::behavior(caf::event_based_actor*)>;

  of_function(caf::actor_config& config, function make) : event_based_actor{config}, make_{std::move(make)} {}
  caf::behavior make_behavior() override { return make_(this); }

private:
  function make_;
};

struct fixture {
  caf::actor spawn(of_function::function make) { return system.spawn<of_function>(std::move(make)); }

  std::thread::id loop_thread() {
    std::promise<std::thread::id> told;
    loop_scheduler::of(system).post(loop_task{[&] { told.set_value(std::this_thread::get_id()); }});
    return told.get_future().get();
  }

  system_config settings;
  caf::actor_system system{settings};
};

} // namespace

TEST_CASE_FIXTURE(fixture, "all actors run in one thread, the one of the sockets") {
  std::promise<std::set<std::thread::id>> all;
  auto last = spawn([&](caf::event_based_actor*) -> caf::behavior {
    auto seen = std::make_shared<std::set<std::thread::id>>();
    return {[=, &all](int left) {
      seen->insert(std::this_thread::get_id());
      if (left == 0)
        all.set_value(*seen);
    }};
  });
  auto first = spawn([&](caf::event_based_actor* self) -> caf::behavior {
    return {[=](int left) {
      self->send(last, left);
      if (left > 0)
        self->send(self, left - 1);
    }};
  });
  caf::anon_send(first, 1000);
  auto seen = all.get_future();
  REQUIRE(seen.wait_for(30s) == std::future_status::ready);
  CHECK(seen.get() == std::set<std::thread::id>{loop_thread()});
}

TEST_CASE_FIXTURE(fixture, "messages from many threads all come, each thread's in their order") {
  constexpr int threads = 4, messages = 5000;
  std::promise<bool> done;
  auto counts = spawn([&](caf::event_based_actor*) -> caf::behavior {
    auto next = std::make_shared<std::vector<int>>(threads, 0);
    auto in_order = std::make_shared<bool>(true);
    auto left = std::make_shared<int>(threads * messages);
    return {[=, &done](int from, int number) {
      *in_order &= (*next)[static_cast<size_t>(from)]++ == number;
      if (--*left == 0)
        done.set_value(*in_order);
    }};
  });
  std::vector<std::thread> senders;
  for (int i = 0; i < threads; ++i)
    senders.emplace_back([=] {
      for (int number = 0; number < messages; ++number)
        caf::anon_send(counts, i, number);
    });
  for (auto& each : senders)
    each.join();
  auto all = done.get_future();
  REQUIRE(all.wait_for(30s) == std::future_status::ready);
  CHECK(all.get());
}

TEST_CASE_FIXTURE(fixture, "an actor that keeps itself busy leaves the others their turns") {
  std::promise<void> turn;
  auto busy = spawn([](caf::event_based_actor* self) -> caf::behavior {
    self->send(self, 0);
    return {[=](int) { self->send(self, 0); }};
  });
  auto other = spawn([&](caf::event_based_actor*) -> caf::behavior { return {[&](int) { turn.set_value(); }}; });
  caf::anon_send(other, 0);
  CHECK(turn.get_future().wait_for(30s) == std::future_status::ready);
  caf::anon_send_exit(busy, caf::exit_reason::user_shutdown);
}

TEST_CASE_FIXTURE(fixture, "delayed messages and timeouts come, not before their time, asked for in the loop or outside") {
  using clock = std::chrono::steady_clock;
  caf::scoped_actor outside{system};
  auto began = clock::now();
  outside->delayed_send(outside, 30ms, 1);
  outside->receive([](int) {});
  CHECK(clock::now() - began >= 30ms);

  std::promise<clock::time_point> told;
  began = clock::now();
  spawn([&](caf::event_based_actor* self) -> caf::behavior {
    self->delayed_send(self, 1h, 1);
    self->delayed_send(self, 40ms, 2);
    self->delayed_send(self, 20ms, 3);
    auto order = std::make_shared<std::vector<int>>();
    return {[=, &told](int which) {
      order->push_back(which);
      if (*order == std::vector{3, 2}) {
        told.set_value(clock::now());
        self->quit();
      }
    }};
  });
  auto end = told.get_future();
  REQUIRE(end.wait_for(30s) == std::future_status::ready);
  CHECK(end.get() - began >= 40ms);
}

TEST_CASE_FIXTURE(fixture, "a request that is not answered times out") {
  auto silent = spawn([](caf::event_based_actor* self) -> caf::behavior {
    auto kept = std::make_shared<std::vector<caf::response_promise>>();
    return {[=](int) {
      kept->push_back(self->make_response_promise());
      return kept->back();
    }};
  });
  std::promise<caf::error> failure;
  spawn([&](caf::event_based_actor* self) -> caf::behavior {
    self->request(silent, 20ms, 1).then([](int) {}, [&](caf::error& why) { failure.set_value(std::move(why)); });
    return {};
  });
  auto why = failure.get_future();
  REQUIRE(why.wait_for(30s) == std::future_status::ready);
  CHECK(why.get() == caf::sec::request_timeout);
  caf::anon_send_exit(silent, caf::exit_reason::user_shutdown);
}

TEST_CASE("a system ends with messages that were not taken, and timeouts that were not reached") {
  for (int i = 0; i < 20; ++i) {
    fixture one;
    auto kept = one.spawn([](caf::event_based_actor* self) -> caf::behavior {
      self->delayed_send(self, 1h, 1);
      return {[](int) {}};
    });
    for (int k = 0; k < 100; ++k)
      caf::anon_send(kept, k);
    caf::anon_send_exit(kept, caf::exit_reason::user_shutdown);
    caf::anon_send(kept, 1);
  }
}
