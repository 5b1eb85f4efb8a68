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

  void remember(const tokens& told) {
    REQUIRE(!subject.remember(*files, told)());
    subject.remembered(told);
  }

  simulation::platter on{1, 0};
  std::unique_ptr<disk> files;
  known_nodes subject;
};

} // namespace

TEST_CASE_FIXTURE(fixture, "a node that was met is known by its directory, after a restart, too") {
  CHECK_FALSE(subject.has({{2, 77}}));
  CHECK_FALSE(subject.differs({{2, 77}}));
  remember({{2, 77}});
  for (auto restart : {false, true}) {
    if (restart)
      start();
    CHECK(subject.has({{2, 77}}));
    CHECK_FALSE(subject.differs({{2, 77}}));
    auto wrong = subject.differs({{1, 5}, {2, 78}});
    REQUIRE(wrong);
    CHECK(wrong->node == 2);
    CHECK(wrong->known == 77);
    CHECK(wrong->told == 78);
  }
}

TEST_CASE_FIXTURE(fixture, "a node is not known before that is durable") {
  auto work = subject.remember(*files, {{2, 77}});
  CHECK_FALSE(subject.has({{2, 77}}));
  CHECK(subject.differs({{2, 78}}));
  on.cut_power();
  start();
  CHECK_FALSE(subject.differs({{2, 78}}));
}

TEST_CASE_FIXTURE(fixture, "what others know is known, too, and works that are done in order lose nothing") {
  auto first = subject.remember(*files, {{2, 77}});
  auto second = subject.remember(*files, {{3, 88}, {4, 99}});
  REQUIRE(!first());
  REQUIRE(!second());
  start();
  CHECK(subject.all() == tokens{{2, 77}, {3, 88}, {4, 99}});
}

TEST_CASE_FIXTURE(fixture, "a node keeps the directory that it was met with first") {
  remember({{2, 77}});
  remember({{2, 78}, {3, 88}});
  CHECK(subject.all() == tokens{{2, 77}, {3, 88}});
}
