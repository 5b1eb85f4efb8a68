#include "synod/actors/leader/cluster_clock.hpp"

#include <doctest/doctest.h>

using namespace synod;
using std::chrono::milliseconds;

namespace {

using time_point = cluster_clock::time_point;

constexpr time_point now{std::chrono::hours{5}};

struct fixture {
  std::optional<int64_t> time(int64_t own, time_point when = now) const { return subject.time(own, when); }

  cluster_clock subject{1, configuration{{}, {}, {1, 2, 3}}, milliseconds{1000}};
};

} // namespace

TEST_CASE_FIXTURE(fixture, "the median of three clocks, whichever is wrong") {
  subject.note(2, 10'000, now);
  subject.note(3, 10'010, now);
  CHECK(time(10'005) == 10'005);
  CHECK(time(99'000) == 10'010);
  CHECK(time(1) == 10'000);
  subject.note(2, 77'000, now);
  CHECK(time(10'005) == 10'010);
  CHECK(time(10'020) == 10'020);
}

TEST_CASE_FIXTURE(fixture, "of two the lower one; one alone tells nothing") {
  CHECK_FALSE(time(10'000));
  subject.note(2, 12'000, now);
  CHECK(time(10'000) == 10'000);
  CHECK(time(99'000) == 12'000);
}

TEST_CASE_FIXTURE(fixture, "what was heard is carried on by the steady clock") {
  subject.note(2, 10'000, now);
  subject.note(3, 10'000, now);
  CHECK(time(99'000, now + milliseconds{2500}) == 12'500);
  subject.note(3, 80'000, now + milliseconds{2500}); // The latest word of a node counts.
  CHECK(time(99'000, now + milliseconds{2500}) == 80'000);
}

TEST_CASE_FIXTURE(fixture, "what was heard long ago does not count") {
  subject.note(2, 10'000, now);
  subject.note(3, 10'000, now + std::chrono::seconds{5});
  CHECK(time(99'000, now + std::chrono::seconds{10}) == 20'000);
  CHECK(time(1, now + std::chrono::seconds{12}) == 1); // Of two the lower one.
  CHECK_FALSE(time(99'000, now + std::chrono::seconds{16}));
}

TEST_CASE_FIXTURE(fixture, "a node without an acceptor does not count, nor this node's own word by way of another, nor none") {
  subject.note(7, 1, now);
  subject.note(1, 1, now);
  subject.note(3, 0, now);
  CHECK_FALSE(time(10'000));
  cluster_clock elsewhere{9, configuration{{}, {}, {1, 2, 3}}, milliseconds{1000}};
  elsewhere.note(1, 10'000, now);
  CHECK_FALSE(elsewhere.time(5000, now));
  elsewhere.note(2, 10'000, now);
  CHECK(elsewhere.time(5000, now) == 10'000);
}

TEST_CASE_FIXTURE(fixture, "a node alone is its own majority") {
  cluster_clock alone{1, configuration{{}, {}, {1}}, milliseconds{1000}};
  CHECK(alone.time(10'000, now) == 10'000);
}

TEST_CASE_FIXTURE(fixture,
                  "this node's own clock is reported once when it is far off, ahead or behind, and when it is right again") {
  CHECK_FALSE(subject.is_wrong_now(10'000, now));
  subject.note(2, 10'000, now);
  subject.note(3, 10'000, now);
  for (auto wrong : {11'500, 8500}) {
    CHECK_FALSE(subject.is_wrong_now(10'900, now));
    CHECK(subject.is_wrong_now(wrong, now) == true);
    CHECK_FALSE(subject.is_wrong_now(wrong, now));
    CHECK(subject.is_wrong_now(10'000, now) == false);
  }
}
