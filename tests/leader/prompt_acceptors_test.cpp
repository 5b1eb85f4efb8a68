#include "synod/actors/leader/prompt_acceptors.hpp"

#include <doctest/doctest.h>

using namespace synod;
using namespace std::chrono_literals;

namespace {

struct fixture {
  void vote(node_id acceptor, int times) {
    for (int i = 0; i < times; ++i)
      subject.voted(acceptor);
  }
  node_set look(prompt_acceptors::time_point::duration waits = 0ms) {
    return subject.look(all, reached, quorum{all, 2}, waits, now);
  }
  /// 1 and 3 are quick.
  void choose() {
    vote(1, 60);
    vote(3, 50);
    vote(2, 10);
    now += 1s;
    REQUIRE(look() == node_set{2});
  }

  node_set all{1, 2, 3}, reached{1, 2, 3};
  prompt_acceptors subject;
  prompt_acceptors::time_point now{1h};
};

} // namespace

TEST_CASE_FIXTURE(fixture, "those whose votes come first are asked at once, the others later") {
  look();
  CHECK(look().empty());
  choose();
}

TEST_CASE_FIXTURE(fixture, "a few votes say nothing") {
  vote(1, 30);
  vote(2, 30);
  now += 1h;
  CHECK(look().empty());
}

TEST_CASE_FIXTURE(fixture, "when a slot waits everybody is asked, and counted for longer each time") {
  subject.forget(now);
  choose();
  CHECK(look(100ms) == node_set{2});
  CHECK(look(101ms).empty());
  vote(1, 60);
  vote(2, 60);
  now += 1999ms;
  CHECK(look().empty());
  now += 1ms;
  CHECK(look() == node_set{3});
  for (int i = 0; i < 20; ++i) { // The longest is a minute.
    CHECK(look(1s).empty());
    vote(1, 60);
    vote(2, 60);
    now += 60s;
    CHECK(look() == node_set{3});
  }
}

TEST_CASE_FIXTURE(fixture, "when one that was asked later has to help, everybody is asked at once again") {
  subject.forget(now);
  choose();
  vote(2, 4); // Now and then that happens.
  CHECK(look() == node_set{2});
  vote(2, 1);
  CHECK(look().empty());
}

TEST_CASE_FIXTURE(fixture, "slots that wait while everybody is asked do not prolong the count") {
  subject.forget(now);
  CHECK(look(1s).empty());
  CHECK(look(1s).empty());
  choose();
}

TEST_CASE_FIXTURE(fixture, "while one is not reached all others are asked at once") {
  subject.forget(now);
  choose();
  reached = {1, 2};
  CHECK(look().empty());
  reached = all;
  CHECK(look().empty());
}

TEST_CASE_FIXTURE(fixture, "who is quick is counted anew every now and then") {
  subject.forget(now);
  choose();
  now += 29999ms;
  CHECK(look() == node_set{2});
  now += 1ms;
  CHECK(look().empty());
  vote(2, 60);
  vote(1, 60);
  now += 1s;
  CHECK(look() == node_set{3});
}

TEST_CASE_FIXTURE(fixture, "where all are needed all are asked") {
  vote(1, 60);
  vote(2, 60);
  now += 1h;
  CHECK(subject.look(all, reached, quorum{all, 3}, 0ms, now).empty());
}
