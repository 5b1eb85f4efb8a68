#include "harness.hpp"

#include "synod/actors/leader/undecided.hpp"

#include <doctest/doctest.h>

using namespace synod;
using namespace synod::test;
using std::chrono::milliseconds;

namespace {

struct fixture {
  undecided<int> subject; // commanders are numbers
  undecided<int>::time_point begin = undecided<int>::time_point{} + std::chrono::hours{1};

  bool add(slot_number slot, int commander, milliseconds at) {
    return subject.insert(slot, value_of({}, slot, 1), commander, begin + at);
  }
  std::vector<int> told(milliseconds at) {
    std::vector<int> all;
    subject.send_again(begin + at, [&](auto& each) { all.push_back(each.commander); });
    return all;
  }
};

} // namespace

TEST_CASE_FIXTURE(fixture, "C1: a slot has one commander") {
  CHECK(subject.empty());
  CHECK(add(3, 30, milliseconds{0}));
  CHECK_FALSE(add(3, 31, milliseconds{0}));
  CHECK(subject.find(3)->commander == 30);
  CHECK(subject.end_slot() == 4);
  CHECK(subject.erase(3));
  CHECK_FALSE(subject.erase(3));
  CHECK_FALSE(subject.contains(3));
  CHECK(subject.find(3) == nullptr);
  CHECK(subject.end_slot() == 0);
}

TEST_CASE_FIXTURE(fixture, "commanders send again with growing pauses, each by its own clock, the lowest slot first") {
  add(2, 20, milliseconds{0});
  add(1, 10, milliseconds{0});
  add(3, 30, milliseconds{150});
  CHECK(told(milliseconds{199}).empty());
  CHECK(told(milliseconds{200}) == std::vector{10, 20});
  CHECK(told(milliseconds{350}) == std::vector{30});
  CHECK(told(milliseconds{599}).empty());
  subject.erase(1);
  CHECK(told(milliseconds{600}) == std::vector{20});
  CHECK(told(milliseconds{750}) == std::vector{30});
}

TEST_CASE_FIXTURE(fixture, "pauses grow up to the last one") {
  add(1, 10, milliseconds{0});
  milliseconds at{0};
  std::vector<milliseconds> pauses;
  for (auto last = at; pauses.size() < 6; at += milliseconds{10})
    if (!told(at).empty()) {
      pauses.push_back(at - last);
      last = at;
    }
  CHECK(pauses
        == std::vector{milliseconds{200}, milliseconds{400}, milliseconds{800}, milliseconds{1600}, milliseconds{2000},
                       milliseconds{2000}});
}
