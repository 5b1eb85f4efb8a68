#include "synod/actors/leader/readiness.hpp"

#include <doctest/doctest.h>

using namespace synod;
using std::chrono::milliseconds;

namespace {

struct fixture {
  void pass(milliseconds x) { now += x; }
  std::optional<node_id> better() { return subject.better(decided_below, {1, 2}, now); }

  fixture() { subject.proposes(now); }

  readiness subject{16, milliseconds{200}};
  readiness::time_point now{std::chrono::hours{1}};
  slot_number decided_below = 1000;
};

} // namespace

TEST_CASE_FIXTURE(fixture, "a leader whose replica is far behind for a while hands over to the one that is furthest") {
  subject.told(100);
  subject.told_by(1, 990, now);
  subject.told_by(2, 1000, now);
  CHECK_FALSE(better());
  pass(readiness::patience);
  CHECK(better() == 2);
  subject.lost(2);
  CHECK(better() == 1);
}

TEST_CASE_FIXTURE(fixture, "one that is within the window leads on") {
  subject.told(985);
  subject.told_by(1, 1000, now);
  pass(10 * readiness::patience);
  subject.told_by(1, 1000, now);
  CHECK_FALSE(better());
  subject.told(984);
  CHECK_FALSE(better());
  pass(readiness::patience);
  subject.told_by(1, 1000, now);
  CHECK(better() == 1);
}

TEST_CASE_FIXTURE(fixture, "one that has fallen silent is not asked") {
  subject.told(100);
  subject.told_by(2, 1000, now);
  pass(readiness::patience);
  subject.told_by(1, 990, now);
  CHECK(better() == 2);
  pass(milliseconds{501});
  subject.told_by(1, 990, now);
  CHECK(better() == 1); // It hears nothing of 2, and 2 may hear nothing of it.
}

TEST_CASE_FIXTURE(fixture, "while something is proposed all is well") {
  subject.told(100);
  subject.told_by(1, 1000, now);
  for (int i = 0; i < 10; ++i) {
    pass(readiness::patience / 2);
    subject.proposes(now);
    CHECK_FALSE(better());
  }
}

TEST_CASE_FIXTURE(fixture, "nobody is better that is as far behind, not reached, or without a replica") {
  subject.told(100);
  subject.told_by(1, 200, now);
  subject.told_by(2, 0, now);
  subject.told_by(3, 1000, now);
  pass(readiness::patience);
  CHECK_FALSE(better());
}

TEST_CASE_FIXTURE(fixture, "a leader without a replica beside it leads on: any replica proposes to it") {
  subject.told_by(1, 1000, now);
  pass(10 * readiness::patience);
  CHECK_FALSE(better());
}
