#include "synod/actors/role/recent_slots.hpp"

#include <doctest/doctest.h>

using namespace synod;

TEST_CASE("a slot's entry is there until a slot that many later has its place") {
  recent_slots<int> subject;
  constexpr auto most = recent_slots<int>::most;
  CHECK(subject.find(1) == nullptr);
  *subject.at(1) = 10;
  *subject.at(2) = 20;
  *subject.at(1) += 1;
  CHECK(*subject.find(1) == 11);
  CHECK(*subject.find(2) == 20);
  CHECK(subject.find(3) == nullptr);
  CHECK(subject.find(0) == nullptr);
  CHECK(*subject.at(most + 1) == 0); // A new one.
  CHECK(subject.find(1) == nullptr);
  CHECK(subject.at(1) == nullptr);
  CHECK(*subject.find(2) == 20);
}
