#include "synod/actors/leader/readiness.hpp"

#include <doctest/doctest.h>

using namespace synod;
using std::chrono::milliseconds;

namespace {

struct fixture {
  void pass(milliseconds x) { now += x; }
  std::optional<node_id> better() { return subject.better(decided_below, {1, 2}, now); }

  fixture() { subject.proposes(now); }

  readiness subject{16};
  readiness::time_point now{std::chrono::hours{1}};
  slot_number decided_below = 1000;
};

} // namespace

TEST_CASE_FIXTURE(fixture, "a leader whose replica is far behind for a while hands over to the one that is furthest") {
  subject.told(100);
  subject.told_by(1, 990);
  subject.told_by(2, 1000);
  CHECK_FALSE(better());
  pass(readiness::patience);
  CHECK(better() == 2);
  subject.lost(2);
  CHECK(better() == 1);
}

TEST_CASE_FIXTURE(fixture, "one that is within the window leads on") {
  subject.told(985);
  subject.told_by(1, 1000);
  pass(10 * readiness::patience);
  CHECK_FALSE(better());
  subject.told(984);
  CHECK_FALSE(better());
  pass(readiness::patience);
  CHECK(better() == 1);
}

TEST_CASE_FIXTURE(fixture, "while something is proposed all is well") {
  subject.told(100);
  subject.told_by(1, 1000);
  for (int i = 0; i < 10; ++i) {
    pass(readiness::patience / 2);
    subject.proposes(now);
    CHECK_FALSE(better());
  }
}

TEST_CASE_FIXTURE(fixture, "nobody is better that is as far behind, not reached, or without a replica") {
  subject.told(100);
  subject.told_by(1, 200);
  subject.told_by(2, 0);
  subject.told_by(3, 1000);
  pass(readiness::patience);
  CHECK_FALSE(better());
}

TEST_CASE_FIXTURE(fixture, "a leader without a replica beside it leads on: any replica proposes to it") {
  subject.told_by(1, 1000);
  pass(10 * readiness::patience);
  CHECK_FALSE(better());
}
