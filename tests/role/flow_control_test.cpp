#include "synod/actors/role/flow_control.hpp"

#include "harness.hpp"

#include <doctest/doctest.h>

using namespace synod;

TEST_CASE("flow control lets through what its limit allows, then a probe a second until it hears of what arrived") {
  using std::chrono::milliseconds;
  flow_control to{100};
  auto now = caf::actor_clock::time_point{} + std::chrono::hours{1};
  uint64_t mark = 0;
  CHECK(to.admit(60, now, mark));
  CHECK(to.admit(40, now, mark));
  CHECK(mark == 100);
  CHECK(to.admit(10, now, mark));
  CHECK_FALSE(to.admit(10, now + milliseconds{999}, mark));
  CHECK(mark == 110);
  CHECK(to.admit(10, now + milliseconds{1000}, mark));
  CHECK_FALSE(to.admit(10, now + milliseconds{1500}, mark));
  CHECK(to.owed_bytes() == 120);
  to.received(1000); // More than was sent: not from a peer of ours.
  CHECK(to.owed_bytes() == 120);
  to.received(mark);
  to.received(60); // Late.
  CHECK(to.owed_bytes() == 0);
  CHECK(to.admit(100, now + milliseconds{1500}, mark));
}

TEST_CASE("beyond twice its limit flow control probes after pauses that double, until something is received") {
  using std::chrono::seconds;
  flow_control to{100};
  auto now = caf::actor_clock::time_point{} + std::chrono::hours{1};
  uint64_t mark = 0;
  auto probes = [&](int for_seconds) {
    int passed = 0;
    for (int i = 0; i < for_seconds; ++i) {
      passed += to.admit(100, now, mark);
      now += seconds{1};
    }
    return passed;
  };
  CHECK(probes(2) == 2); // The limit, and a probe up to twice as much.
  CHECK(probes(3600) <= 12);
  CHECK(to.owed_bytes() <= 1400);
  to.received(mark - 150);
  CHECK(to.owed_bytes() == 150);
  CHECK(probes(4) >= 2);
}

TEST_CASE("a mark is returned once, and is urgent when a mebibyte came since the last one was returned") {
  test::actor_world in;
  test::probe sender{in}, other{in};
  constexpr uint64_t mebibyte = 1u << 20;
  marks subject;
  CHECK(subject.empty());
  subject.note(sender.ptr(), mebibyte - 1);
  CHECK_FALSE(subject.urgent());
  subject.note(other.ptr(), 1);
  CHECK(subject.urgent());
  auto taken = subject.take();
  REQUIRE(taken.size() == 2);
  CHECK(taken[0] == std::pair{sender.ptr(), mebibyte - 1});
  CHECK(taken[1] == std::pair{other.ptr(), uint64_t{1}});
  CHECK(subject.empty());
  CHECK(subject.take().empty());
  subject.note(sender.ptr(), mebibyte + 1);
  CHECK_FALSE(subject.urgent()); // Two bytes have come.
  CHECK(subject.take().size() == 1);
  subject.note(sender.ptr(), 3 * mebibyte);
  CHECK(subject.urgent());
}

TEST_CASE("a sender that counts anew gets its new marks") {
  test::actor_world in;
  test::probe sender{in};
  marks subject;
  subject.note(sender.ptr(), 5'000'000);
  subject.take();
  subject.note(sender.ptr(), 100);
  CHECK_FALSE(subject.urgent());
  auto taken = subject.take();
  REQUIRE(taken.size() == 1);
  CHECK(taken[0].second == 100);
  subject.note(sender.ptr(), 2'000'000);
  CHECK(subject.urgent());
}

TEST_CASE("a sender that is gone gets no mark") {
  test::actor_world in;
  marks subject;
  {
    test::probe sender{in};
    subject.note(sender.ptr(), 5);
  }
  in.run();
  CHECK(subject.take().empty());
}
