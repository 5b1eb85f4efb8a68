#include "synod/actors/leader/cluster_clock.hpp"

#include <doctest/doctest.h>

using namespace synod;

TEST_CASE("a clock is ahead when the median of all lies further back than the limit") {
  cluster_clock subject{{0, 1, 2, 3, 4}, std::chrono::milliseconds{1000}};
  CHECK_FALSE(subject.ahead());
  CHECK(subject.note(1, 5000, 10'000)); // Of two clocks the lower one counts.
  CHECK(subject.ahead());
  CHECK(subject.note(2, 10'000, 10'000));
  CHECK_FALSE(subject.ahead());
  CHECK(subject.note(3, 5000, 10'000));
  CHECK_FALSE(subject.note(4, 8999, 10'000));
  CHECK(subject.ahead());
  CHECK(subject.note(4, 9000, 10'000));
  CHECK_FALSE(subject.ahead());
}

TEST_CASE("a clock that is behind is not ahead") {
  cluster_clock subject{{0, 1, 2}, std::chrono::milliseconds{1000}};
  CHECK_FALSE(subject.note(1, 90'000, 10'000));
  CHECK_FALSE(subject.note(2, 90'000, 10'000));
  CHECK_FALSE(subject.ahead());
}

TEST_CASE("the clock of a node that is no member does not count") {
  cluster_clock subject{{0, 1, 2}, std::chrono::milliseconds{1000}};
  CHECK_FALSE(subject.note(7, 0, 10'000));
  CHECK_FALSE(subject.note(8, 0, 10'000));
  CHECK_FALSE(subject.note(1, 10'000, 10'000));
  CHECK_FALSE(subject.ahead());
}

TEST_CASE("the latest word of a node counts") {
  cluster_clock subject{{0, 1, 2}, std::chrono::milliseconds{1000}};
  CHECK_FALSE(subject.note(1, 10'000, 10'000));
  CHECK_FALSE(subject.note(2, 0, 10'000));
  CHECK(subject.note(1, 0, 10'000));
  CHECK(subject.note(1, 20'000, 20'000));
}
