#include "harness.hpp"

#include "synod/actors/replica/decisions.hpp"
#include "synod/actors/role/upheld.hpp"

#include <doctest/doctest.h>

#include <stdexcept>

using namespace synod;
using namespace synod::test;

namespace {

message<schema::Pvalue> decision(slot_number slot, size_t bytes = 1000) {
  return pvalue_of({1, 0, 1}, slot, {request_of(7, 1, {{"SET", "k", std::string(bytes, 'x')}})});
}

} // namespace

TEST_CASE("decisions wait for those before them") {
  decisions subject{decisions::limits{16, 1u << 20}};
  CHECK(subject.take(decision(6), 5));
  CHECK_FALSE(subject.has(5));
  CHECK(subject.take(decision(5), 5));
  CHECK(subject.next(5)->getSlot() == 5);
  CHECK(subject.next(6)->getSlot() == 6);
  CHECK(subject.bytes() == 0);
  CHECK(subject.take(decision(4), 7)); // It was performed: nothing is missing.
  CHECK(subject.all().empty());
}

TEST_CASE("no more is kept than the limits say, but for what is to be performed next") {
  auto one = decision(1).size_bytes();
  decisions subject{decisions::limits{16, 3 * one}};
  CHECK_FALSE(subject.take(decision(17), 1));
  for (slot_number slot = 2; slot <= 4; ++slot)
    CHECK(subject.take(decision(slot), 1));
  CHECK_FALSE(subject.take(decision(5), 1));
  CHECK(subject.take(decision(1), 1));
  CHECK(subject.bytes() == 4 * one);
  subject.next(1);
  CHECK_FALSE(subject.has_room_for(decision(5), 2));
  subject.next(2);
  CHECK(subject.take(decision(5), 3));
}

TEST_CASE("a slot that is decided twice is decided the same") {
  decisions subject{decisions::limits{16, 1u << 20}};
  subject.take(decision(3), 1);
  CHECK(subject.take(decision(3), 1));
  CHECK(subject.all().size() == 1);
  std::string found;
  auto before = on_broken([&](std::string_view invariant, const std::string&) {
    found = invariant;
    throw std::runtime_error{"broken"};
  });
  CHECK_THROWS_AS(subject.take(decision(3, 10), 1), std::runtime_error);
  on_broken(before);
  CHECK(found == "R1");
}
