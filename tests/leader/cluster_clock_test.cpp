#include "synod/actors/leader/cluster_clock.hpp"
#include "synod/messages/message.hpp"

#include <doctest/doctest.h>

using namespace synod;
using std::chrono::milliseconds;

namespace {

using time_point = cluster_clock::time_point;

constexpr time_point now{std::chrono::hours{5}};

struct fixture {
  /// Where both clocks in the middle show the same.
  std::optional<int64_t> time(int64_t own, time_point when = now) {
    auto found = subject.find(own, when);
    CHECK((!found || found->at_least == found->at_most));
    return found ? std::optional{found->at_least} : std::nullopt;
  }

  cluster_clock subject{1, configuration{node_set{}, node_set{}, node_set{1, 2, 3}}, milliseconds{1000}};
};

using interval = cluster_clock::interval;

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

TEST_CASE_FIXTURE(fixture, "of two either may be wrong; one alone tells nothing") {
  CHECK_FALSE(time(10'000));
  subject.note(2, 12'000, now);
  CHECK(subject.find(10'000, now) == interval{10'000, 12'000});
  CHECK(subject.find(99'000, now) == interval{12'000, 99'000});
}

TEST_CASE_FIXTURE(fixture, "what was heard is carried on by the steady clock") {
  subject.note(2, 10'000, now);
  subject.note(3, 10'000, now);
  CHECK(time(99'000, now + milliseconds{2500}) == 12'500);
  subject.note(3, 80'000, now + milliseconds{2500}); // The latest word of a node counts.
  CHECK(time(99'000, now + milliseconds{2500}) == 80'000);
}

TEST_CASE_FIXTURE(fixture, "what was long on its way tells nothing new, until it is all that comes") {
  subject.note(2, 10'000, now);
  subject.note(3, 10'000, now);
  auto later = now + milliseconds{4000};
  subject.note(2, 10'000, later);
  CHECK(time(99'000, later) == 14'000);
  later = now + milliseconds{6000};
  subject.note(2, 10'000, later); // It has stepped back.
  CHECK(time(1, later) == 10'000);
}

TEST_CASE_FIXTURE(fixture, "what was heard long ago does not count; where too few are heard the median is carried on") {
  subject.note(2, 10'000, now);
  subject.note(3, 10'000, now + std::chrono::seconds{5});
  CHECK(time(99'000, now + std::chrono::seconds{10}) == 20'000);
  CHECK(subject.find(1, now + std::chrono::seconds{12}) == interval{1, 17'000});
  subject.note(2, 19'000, now + std::chrono::seconds{12});
  CHECK(time(17'000, now + std::chrono::seconds{12}) == 17'000);
  CHECK(time(99'000, now + std::chrono::hours{1}) == 17'000 + 3'588'000);
}

TEST_CASE_FIXTURE(fixture, "the first time is found of what was heard ever: without one nothing could be proposed") {
  cluster_clock elsewhere{9, configuration{node_set{}, node_set{}, node_set{1, 2, 3}}, milliseconds{1000}};
  elsewhere.note(1, 10'000, now);
  elsewhere.note(2, 40'000, now + std::chrono::seconds{30});
  CHECK(elsewhere.find(5000, now + std::chrono::seconds{30}) == interval{40'000, 40'000});
}

TEST_CASE_FIXTURE(fixture, "a node without an acceptor does not count, nor this node's own word by way of another, nor none") {
  subject.note(7, 1, now);
  subject.note(1, 1, now);
  subject.note(3, 0, now);
  CHECK_FALSE(time(10'000));
  subject.note(2, 12'000, now);
  CHECK(subject.find(10'000, now) == interval{10'000, 12'000});
  cluster_clock elsewhere{9, configuration{node_set{}, node_set{}, node_set{1, 2, 3}}, milliseconds{1000}};
  elsewhere.note(1, 10'000, now);
  CHECK_FALSE(elsewhere.find(5000, now));
  elsewhere.note(2, 10'000, now);
  CHECK(elsewhere.find(5000, now) == interval{10'000, 10'000});
}

TEST_CASE_FIXTURE(fixture, "a node alone is its own majority") {
  cluster_clock alone{1, configuration{node_set{}, node_set{}, node_set{1}}, milliseconds{1000}};
  CHECK(alone.find(10'000, now) == interval{10'000, 10'000});
}

TEST_CASE_FIXTURE(fixture,
                  "this node's own clock is reported once when it is far off, ahead or behind, and when it is right again") {
  CHECK_FALSE(subject.is_wrong_now(10'000, now));
  subject.told({10'000, 10'100}, now);
  for (auto wrong : {11'500, 8500}) {
    CHECK_FALSE(subject.is_wrong_now(10'900, now));
    CHECK(subject.is_wrong_now(wrong, now) == true);
    CHECK_FALSE(subject.is_wrong_now(wrong, now));
    CHECK(subject.is_wrong_now(10'000, now) == false);
  }
  CHECK(subject.is_wrong_now(99'000, now) == true);
  // Of a cluster that is not heard any more it knows nothing.
  CHECK_FALSE(subject.is_wrong_now(10'000, now + std::chrono::minutes{1}));
}

TEST_CASE("a time that is not known is none") {
  builder<schema::ClusterTime> built;
  write(std::nullopt, *built);
  CHECK_FALSE(interval_of(*built));
  write(interval{5, 7}, *built);
  CHECK(interval_of(*built) == interval{5, 7});
}
