#include "synod/actors/acceptor/collection.hpp"

#include <doctest/doctest.h>

using namespace synod;

namespace {

struct fixture {
  fixture(configuration members = {{0, 1, 2}, {0, 1, 2}, {0, 1, 2}}) : subject{std::move(members)} {}

  void told(node_id replica, slot_number below, slot_number keep_from = 0) { subject.told(replica, below, keep_from, now); }
  slot_number first_kept(bool spares = true) const { return subject.first_kept(spares, now); }

  collection subject;
  collection::time_point now{std::chrono::hours{1}};
};

struct two_replicas : fixture {
  two_replicas() : fixture{{{3, 4}, {0}, {0, 1, 2, 5, 6}}} {}
};

} // namespace

TEST_CASE_FIXTURE(fixture, "what f+1 replicas hold durably is collected, and no more") {
  CHECK(first_kept() == 1);
  told(0, 50);
  CHECK(first_kept() == 1);
  told(1, 30);
  CHECK(first_kept() == 30);
  told(2, 40);
  CHECK(first_kept() == 40);
  told(0, 60);
  told(2, 60);
  CHECK(first_kept() == 60);
}

TEST_CASE_FIXTURE(fixture, "the last word of a replica counts, also a lower one; a stranger's does not") {
  told(0, 50);
  told(1, 50);
  told(1, 1);
  CHECK(first_kept() == 1);
  told(9, 50);
  CHECK(first_kept() == 1);
}

TEST_CASE_FIXTURE(two_replicas, "with fewer replicas than f+1 all of them have to hold it") {
  told(3, 50);
  CHECK(first_kept() == 1);
  told(4, 20);
  CHECK(first_kept() == 20);
}

TEST_CASE_FIXTURE(fixture, "what a replica is about to need is kept, as long as it says so and there is room") {
  told(0, 50);
  told(1, 50);
  told(2, 1, 30);
  CHECK(first_kept() == 30);
  CHECK(first_kept(false) == 50);
  now += collection::keeping_time - std::chrono::milliseconds{1};
  CHECK(first_kept() == 30);
  now += std::chrono::milliseconds{1};
  CHECK(first_kept() == 50);
  told(2, 1, 45);
  CHECK(first_kept() == 45);
  told(2, 45);
  CHECK(first_kept() == 50);
}
