#include "synod/actors/leader/leadership.hpp"

#include "synod/messages/message.hpp"

#include <doctest/doctest.h>

using namespace synod;
using std::chrono::milliseconds;

namespace {

constexpr ballot of_one{4, 1, 1};

/// The leader of node 0, which watches that of node 1.
struct fixture {
  leadership subject{0, {milliseconds{100}, milliseconds{500}, milliseconds{5000}}, 7};
  leadership::time_point now = leadership::time_point{} + std::chrono::hours{1};

  fixture() { subject.begin(false, now); }

  void pong(node_id from, ballot known, bool active, bool hears = false, const node_set& reached = {2, 3}) {
    builder<schema::Pong> built;
    built->setNode(from);
    write(known, built->initBallot());
    built->setActive(active);
    built->setHears(hears);
    auto told = built.finish();
    subject.on_pong(*told, reached, now);
  }

  /// How long until silence is enough.
  milliseconds silence() {
    auto until = now;
    while (!subject.silent(until))
      until += milliseconds{1};
    return std::chrono::duration_cast<milliseconds>(until - now);
  }
};

} // namespace

TEST_CASE_FIXTURE(fixture, "the first leader becomes a candidate at once, the others wait for a timeout with jitter") {
  CHECK(silence() >= milliseconds{500});
  CHECK(silence() <= milliseconds{750});
  subject.begin(true, now);
  CHECK(subject.silent(now));
}

TEST_CASE_FIXTURE(fixture, "a sign of life of the active leader puts the timeout off") {
  pong(1, of_one, true);
  CHECK(subject.watched() == of_one);
  CHECK(subject.hears(now));
  now += milliseconds{400};
  CHECK_FALSE(subject.hears(now));
  pong(1, of_one, true);
  CHECK(silence() >= milliseconds{500});
  pong(2, {4, 2, 1}, true);
  CHECK(subject.watched() == ballot{4, 2, 1});
}

TEST_CASE_FIXTURE(fixture, "what is no sign of life of the watched leader does not put the timeout off") {
  now += milliseconds{3000}; // It did not start just now.
  pong(1, of_one, true);
  now += milliseconds{400};
  auto before = silence();
  pong(1, of_one, false);    // It says itself that no quorum answers it.
  pong(2, of_one, true);     // It is not its ballot.
  pong(3, {2, 3, 1}, true);  // A lower one.
  pong(2, {9, 5, 1}, false); // Known, not heard.
  CHECK(silence() == before);
  CHECK(subject.watched() == ballot{9, 5, 1});
}

TEST_CASE_FIXTURE(fixture, "timeouts grow by a factor up to the largest, and shrink by a step down to the smallest") {
  CHECK(subject.timeout() == milliseconds{500});
  subject.preempted(of_one, now);
  CHECK(subject.timeout() == milliseconds{750});
  for (uint64_t round = 5; round < 20; ++round)
    subject.preempted({round, 1, 1}, now);
  CHECK(subject.timeout() == milliseconds{5000});
  subject.on_decisions(10);
  CHECK(subject.timeout() == milliseconds{4990});
  subject.on_decisions(UINT64_MAX);
  CHECK(subject.timeout() == milliseconds{500});
}

TEST_CASE_FIXTURE(fixture, "its own ballot of an earlier start is waited for by nobody") {
  subject.preempted({3, 0, 1}, now);
  CHECK(subject.silent(now));
  CHECK(subject.stand(0) == 4);
}

TEST_CASE_FIXTURE(fixture, "the highest ballot that is known is watched, whichever preempts") {
  subject.preempted({8, 1, 1}, now);
  subject.preempted({5, 2, 1}, now);
  CHECK(subject.watched() == ballot{8, 1, 1});
}

TEST_CASE_FIXTURE(fixture, "a candidate's round is above its own last one and every other that is known") {
  CHECK(subject.stand(0) == 1);
  subject.on_higher_ballot({8, 1, 1}, now);
  CHECK(subject.stand(2) == 9);
  CHECK(subject.stand(20) == 21);
}

TEST_CASE_FIXTURE(fixture, "a connection that breaks is no silence, but the watched leader is not heard on it") {
  pong(1, of_one, true);
  CHECK_FALSE(subject.on_lost(2));
  CHECK(subject.on_lost(1));
  CHECK_FALSE(subject.hears(now));
  CHECK(silence() >= milliseconds{500});
  pong(2, of_one, false, true); // Another one hears it still.
  pong(3, of_one, false, false);
  CHECK(silence() >= milliseconds{500});
  subject.on_found(1, now);
  CHECK(subject.hears(now));
}

TEST_CASE_FIXTURE(fixture, "when nobody hears the watched leader any more, the jitter alone is waited for") {
  pong(1, of_one, true);
  pong(2, of_one, false, false); // From before the connection broke.
  REQUIRE(subject.on_lost(1));
  pong(3, of_one, false, false);
  CHECK(silence() >= milliseconds{500});
  pong(2, of_one, false, false);
  auto jitter = silence();
  CHECK(jitter <= milliseconds{250});
  pong(2, of_one, false, false);
  CHECK(silence() == jitter);
  SUBCASE("it is found again") {
    subject.on_found(1, now);
  }
  SUBCASE("one hears it again") {
    pong(2, of_one, false, true);
  }
  CHECK(silence() >= milliseconds{500});
}

TEST_CASE_FIXTURE(fixture, "one that has to say nothing about the watched leader does not count against it") {
  pong(1, of_one, true);
  REQUIRE(subject.on_lost(1));
  pong(2, {}, false, false); // It has only just started.
  pong(3, of_one, false, false);
  CHECK(silence() >= milliseconds{500});
}

TEST_CASE_FIXTURE(fixture, "a relay is asked once, if it is reached, and then has a timeout to become active") {
  pong(1, of_one, true);
  pong(2, of_one, false, true);
  CHECK_FALSE(subject.take_relay({3}));
  pong(2, of_one, false, true);
  now += milliseconds{1000};
  REQUIRE(subject.silent(now));
  CHECK(subject.take_relay({2, 3}) == 2);
  now -= milliseconds{1000};
  CHECK(silence() >= milliseconds{1000});
  pong(2, of_one, false, true);
  CHECK_FALSE(subject.take_relay({2, 3}));
  pong(1, of_one, true); // A new sign of life.
  pong(2, of_one, false, true);
  CHECK(subject.take_relay({2, 3}) == 2);
}

TEST_CASE_FIXTURE(fixture, "one that does not hear the watched leader any more is no relay") {
  pong(1, of_one, true);
  pong(2, of_one, false, true);
  pong(2, of_one, false, false);
  CHECK_FALSE(subject.take_relay({2, 3}));
}

TEST_CASE_FIXTURE(fixture, "pings are due with every interval") {
  CHECK(subject.ping_due(now));
  subject.pinged(now);
  CHECK_FALSE(subject.ping_due(now + milliseconds{99}));
  CHECK(subject.ping_due(now + milliseconds{100}));
}

TEST_CASE_FIXTURE(fixture, "one that has just started waits until it can have met the leader that others tell of") {
  pong(2, of_one, false, true);
  CHECK(silence() >= milliseconds{2000});
  SUBCASE("it is connected") {
    subject.on_found(1, now);
  }
  SUBCASE("it answers") {
    pong(1, of_one, true);
  }
  CHECK(silence() <= milliseconds{750});
}

TEST_CASE_FIXTURE(fixture, "the time that this leader itself stood still is nobody's silence") {
  pong(1, of_one, true);
  auto before = silence();
  now += milliseconds{3000};
  subject.stood_still(milliseconds{2000}, now);
  now -= milliseconds{1000};
  CHECK(silence() == before);
  now += milliseconds{1000};
  subject.stood_still(std::chrono::hours{1}, now);
  CHECK(silence() == before); // It was not heard after now.
}

TEST_CASE_FIXTURE(fixture, "one that is met for the first time has a timeout to say who leads") {
  now += std::chrono::seconds{10};
  CHECK(subject.silent(now));
  subject.on_found(2, now);
  CHECK(silence() == milliseconds{500});
  now += milliseconds{400};
  pong(2, of_one, false, true); // It hears one that this leader has not met.
  now += std::chrono::seconds{1};
  CHECK(subject.silent(now));
  subject.on_found(1, now);
  CHECK(silence() == milliseconds{500});
  pong(1, of_one, true);
  CHECK(silence() >= milliseconds{500});
  now += std::chrono::seconds{10};
  subject.on_found(1, now); // A connection that comes back again and again keeps nobody waiting.
  CHECK(subject.silent(now));
}

TEST_CASE("the first leader of a new cluster waits for nobody") {
  leadership subject{0, {milliseconds{100}, milliseconds{500}, milliseconds{5000}}, 7};
  auto now = leadership::time_point{} + std::chrono::hours{1};
  subject.begin(true, now);
  subject.on_found(1, now);
  CHECK(subject.silent(now));
}
