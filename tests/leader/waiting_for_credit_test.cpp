#include "synod/actors/leader/waiting_for_credit.hpp"

#include <doctest/doctest.h>

using namespace synod;

namespace {

using slots = std::vector<slot_number>;

uint64_t ten_bytes(slot_number) {
  return 10;
}

} // namespace

TEST_CASE("what waits for credit goes in the order of slots, as much as fits") {
  waiting_for_credit subject;
  for (slot_number slot : {4u, 2u, 3u, 1u, 2u})
    subject.insert(1, slot);
  CHECK(subject.take(2, 100, false, ten_bytes).empty());
  CHECK(subject.take(1, 9, false, ten_bytes).empty());
  CHECK(subject.take(1, 29, false, ten_bytes) == slots{1, 2});
  CHECK(subject.take(1, 100, false, ten_bytes) == slots{3, 4});
  CHECK(subject.empty());
}

TEST_CASE("the oldest slot is not overtaken by a smaller one") {
  waiting_for_credit subject;
  subject.insert(1, 1);
  subject.insert(1, 2);
  CHECK(subject.take(1, 50, false, [](slot_number slot) { return slot == 1 ? 100u : 10u; }).empty());
}

TEST_CASE("when nothing is on its way one passes, however large") {
  waiting_for_credit subject;
  subject.insert(1, 1);
  subject.insert(1, 2);
  CHECK(subject.take(1, 5, true, ten_bytes) == slots{1});
  CHECK(subject.take(1, 5, false, ten_bytes).empty());
  CHECK(subject.take(1, 5, true, ten_bytes) == slots{2});
}

TEST_CASE("a slot that is decided waits for no acceptor any more") {
  waiting_for_credit subject;
  subject.insert(1, 1);
  subject.insert(2, 1);
  subject.insert(2, 2);
  subject.erase(1);
  CHECK(subject.take(1, 100, false, ten_bytes).empty());
  CHECK(subject.take(2, 100, false, ten_bytes) == slots{2});
  CHECK(subject.empty());
}
