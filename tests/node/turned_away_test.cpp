#include "synod/actors/node/turned_away.hpp"

#include <doctest/doctest.h>

using namespace synod;

namespace {

struct fixture {
  fixture() {
    auto known = std::make_shared<cluster>();
    for (auto* name : {"a", "b"})
      known->nodes.push_back({.name = name, .id = id_of_name(name), .address = {}, .resp = {}, .roles = {}});
    subject = std::make_unique<turned_away>(known);
  }

  std::unique_ptr<turned_away> subject;
  turned_away::time_point now{};
};

} // namespace

TEST_CASE_FIXTURE(fixture, "a refusal is told, with the node that it says to be") {
  CHECK(subject->refused("10.0.0.5:99", "b", "no", now) == "a connection from 10.0.0.5:99 that says it is node b is refused: no");
  CHECK(subject->why("b", now) == "a connection from 10.0.0.5:99 that says it is node b is refused: no");
  CHECK(subject->why("a", now).empty());
}

TEST_CASE_FIXTURE(fixture, "a name that is no node's is not repeated") {
  CHECK(subject->refused("10.0.0.5:99", "your bank", "no", now) == "a connection from 10.0.0.5:99 is refused: no");
  CHECK(subject->why("your bank", now).empty());
}

TEST_CASE_FIXTURE(fixture, "the log is not flooded, and says how many it did not tell") {
  CHECK(subject->refused("x", "", "no", now));
  for (int i = 0; i < 1000; ++i)
    CHECK(!subject->refused("x", "", "no", now + std::chrono::seconds{4}));
  auto told = subject->refused("y", "", "never", now + seldom_told::interval);
  CHECK(told == "a connection from y is refused: never (1000 more since the last one that was told)");
  CHECK(!subject->refused("y", "", "never", now + seldom_told::interval));
  CHECK(subject->refused("y", "b", "never", now + seldom_told::interval)); // Strangers do not keep that from being told.
}

TEST_CASE_FIXTURE(fixture, "a refusal is forgotten when its node is let in, and after a while") {
  subject->refused("x", "a", "no", now);
  subject->refused("x", "b", "no", now);
  subject->let_in("a");
  CHECK(subject->why("a", now).empty());
  CHECK(!subject->why("b", now + turned_away::remembered_for).empty());
  CHECK(subject->why("b", now + turned_away::remembered_for + std::chrono::milliseconds{1}).empty());
}
