#include "harness.hpp"

#include "platter.hpp"
#include "synod/actors/node/known_nodes.hpp"

#include <doctest/doctest.h>

using namespace synod;

namespace {

using tokens = known_nodes::tokens;

struct fixture {
  fixture() { start(); }

  void start() {
    files = on.plug();
    subject = {};
    REQUIRE(!subject.open(*files, "/data"));
  }

  void remember(const tokens& told) { REQUIRE(!subject.remember_now(*files, told)); }

  simulation::platter on{1, 0};
  std::unique_ptr<disk> files;
  known_nodes subject;
};

} // namespace

TEST_CASE_FIXTURE(fixture, "a node that was met is known by its directory, after a restart, too") {
  CHECK_FALSE(subject.has({{"b", 77}}));
  CHECK_FALSE(subject.differs({{"b", 77}}));
  remember({{"b", 77}});
  for (auto restart : {false, true}) {
    if (restart)
      start();
    CHECK(subject.has({{"b", 77}}));
    CHECK_FALSE(subject.differs({{"b", 77}}));
    auto wrong = subject.differs({{"a", 5}, {"b", 78}});
    REQUIRE(wrong);
    CHECK(wrong->node == "b");
    CHECK(wrong->known == 77);
    CHECK(wrong->told == 78);
  }
}

TEST_CASE_FIXTURE(fixture, "a node is not known before that is durable") {
  auto work = subject.remember(*files, {{"b", 77}});
  CHECK_FALSE(subject.has({{"b", 77}}));
  CHECK(subject.differs({{"b", 78}}));
  on.cut_power();
  start();
  CHECK_FALSE(subject.differs({{"b", 78}}));
}

TEST_CASE_FIXTURE(fixture, "what others know is known, too, and works that are done in order lose nothing") {
  auto first = subject.remember(*files, {{"b", 77}});
  auto second = subject.remember(*files, {{"c", 88}, {"d", 99}});
  REQUIRE(!first());
  REQUIRE(!second());
  start();
  CHECK(subject.all() == tokens{{"b", 77}, {"c", 88}, {"d", 99}});
}

TEST_CASE_FIXTURE(fixture, "a node keeps the directory that it was met with first") {
  remember({{"b", 77}});
  remember({{"b", 78}, {"c", 88}});
  CHECK(subject.all() == tokens{{"b", 77}, {"c", 88}});
}
