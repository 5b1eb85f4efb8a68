#include "synod/actors/leader/decided_slots.hpp"

#include <doctest/doctest.h>

using namespace synod;

TEST_CASE("slots behind a hole are known to be decided, and count when it is closed") {
  decided_slots subject{3};
  CHECK(subject.contains(2));
  CHECK_FALSE(subject.contains(3));
  subject.insert(5);
  subject.insert(4);
  subject.insert(7);
  CHECK(subject.below() == 3);
  CHECK(subject.end() == 8);
  CHECK(subject.contains(5));
  CHECK_FALSE(subject.contains(6));
  subject.insert(3);
  CHECK(subject.below() == 6);
  subject.insert(2);
  CHECK(subject.below() == 6);
  subject.insert(6);
  CHECK(subject.below() == 8);
  CHECK(subject.end() == 8);
}

TEST_CASE("what others know to be decided below a slot is added") {
  decided_slots subject;
  subject.insert(4);
  subject.insert(6);
  subject.insert_below(4);
  CHECK(subject.below() == 5);
  subject.insert_below(2);
  CHECK(subject.below() == 5);
  subject.insert_below(10);
  CHECK(subject.below() == 10);
  CHECK(subject.end() == 10);
}
