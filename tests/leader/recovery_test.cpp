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

TEST_CASE("one recovery at a time, of so many slots at most") {
  recovery subject;
  CHECK_FALSE(subject.begin(5, 5));
  CHECK_FALSE(subject.begin(0, 5));
  CHECK_FALSE(subject.under_way());
  CHECK(subject.begin(5, 8) == recovery::range{5, 8});
  CHECK(subject.under_way());
  CHECK_FALSE(subject.begin(5, 8));
  subject.end(told_of(5, {}), 1, decided_slots{1});
  CHECK_FALSE(subject.under_way());
  CHECK(subject.begin(5, UINT64_MAX) == recovery::range{5, 5 + recovery::most_slots});
}

TEST_CASE("C2: what a quorum tells is decided again, and nothing else below what the leader was adopted for") {
  recovery subject;
  auto again = subject.end(told_of(3, {value_of(earlier, 3, 33), value_of(earlier, 5, 55)}), 10, decided_slots{10});
  CHECK(slots_of(again) == std::vector<int64_t>{3, 5});
  CHECK(again[0].second->getValue().getTime() == 33);
}

TEST_CASE("a hole behind what the leader was adopted for is filled, up to the last slot that was told of") {
  recovery subject;
  auto again = subject.end(told_of(3, {value_of(earlier, 6, 66)}), 4, decided_slots{4});
  CHECK(slots_of(again) == std::vector<int64_t>{-4, -5, 6});
  CHECK(slots_of(subject.end(told_of(4, {}), 4, decided_slots{4})) == std::vector<int64_t>{-4});
}

TEST_CASE("A4: of a slot that was decided under the leader's own ballot only that ballot's pvalue is proposed") {
  recovery subject;
  decided_slots decided{4};
  decided.insert(4);
  decided.insert(6);
  auto again = subject.end(told_of(4, {value_of(own, 4, 44), value_of(earlier, 5, 55), value_of(earlier, 6, 66)}), 4, decided);
  CHECK(slots_of(again) == std::vector<int64_t>{4, 5});
}
