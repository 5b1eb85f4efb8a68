#include "synod/actors/role/flow_control.hpp"

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
