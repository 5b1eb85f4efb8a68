#include "harness.hpp"

#include "synod/actors/leader/recovery.hpp"

#include <doctest/doctest.h>

using namespace synod;
using namespace synod::test;

namespace {

constexpr ballot earlier{2, 1, 1};
constexpr ballot own{5, 0, 1};

/// What a quorum tells of the slots from `first` on.
adopted told_of(slot_number first, std::vector<message<schema::Pvalue>> pvalues) {
  adopted told;
  told.promised = own;
  told.first_slot = first;
  for (auto& each : pvalues)
    told.pvalues[each->getSlot()] = each;
  return told;
}

/// Slots, no-ops negative.
std::vector<int64_t> slots_of(const std::vector<std::pair<slot_number, message<schema::Pvalue>>>& again) {
  std::vector<int64_t> slots;
  for (auto& [slot, pvalue] : again)
    slots.push_back(pvalue ? static_cast<int64_t>(slot) : -static_cast<int64_t>(slot));
  return slots;
}

} // namespace

TEST_CASE("one recovery at a time, of so many slots at most, and none behind the limit") {
  recovery subject;
  CHECK_FALSE(subject.begin(5, 5, 1000));
  CHECK_FALSE(subject.begin(0, 5, 1000));
  CHECK_FALSE(subject.begin(1000, 1001, 1000));
  CHECK_FALSE(subject.under_way());
  CHECK(subject.begin(5, 8, 1000) == recovery::range{5, 8});
  CHECK(subject.under_way());
  CHECK_FALSE(subject.begin(5, 8, 1000));
  subject.end(told_of(5, {}), 1, decided_slots{1});
  CHECK_FALSE(subject.under_way());
  CHECK(subject.begin(5, UINT64_MAX, UINT64_MAX) == recovery::range{5, 5 + recovery::most_slots});
  subject.end(told_of(5, {}), 1, decided_slots{1});
  CHECK(subject.begin(5, UINT64_MAX, 50) == recovery::range{5, 50});
}

TEST_CASE("C2: what a quorum tells is decided again, and nothing else below what the leader was adopted for") {
  recovery subject;
  REQUIRE(subject.begin(3, 9, 100));
  auto again = subject.end(told_of(3, {value_of(earlier, 3, 33), value_of(earlier, 5, 55)}), 10, decided_slots{10});
  CHECK(slots_of(again) == std::vector<int64_t>{3, 5});
  CHECK(again[0].second->getValue().getTime() == 33);
}

TEST_CASE("holes behind what the leader was adopted for are filled, all that were asked for") {
  recovery subject;
  REQUIRE(subject.begin(3, 9, 100));
  auto again = subject.end(told_of(3, {value_of(earlier, 6, 66)}), 4, decided_slots{4});
  CHECK(slots_of(again) == std::vector<int64_t>{-4, -5, 6, -7, -8});
  REQUIRE(subject.begin(4, 6, 100));
  CHECK(slots_of(subject.end(told_of(4, {}), 4, decided_slots{4})) == std::vector<int64_t>{-4, -5});
}

TEST_CASE("A4: of a slot that was decided under the leader's own ballot only that ballot's pvalue is proposed") {
  recovery subject;
  REQUIRE(subject.begin(4, 7, 100));
  decided_slots decided{4};
  decided.insert(4);
  decided.insert(6);
  auto again = subject.end(told_of(4, {value_of(own, 4, 44), value_of(earlier, 5, 55), value_of(earlier, 6, 66)}), 4, decided);
  CHECK(slots_of(again) == std::vector<int64_t>{4, 5});
}
