#include "harness.hpp"

#include "synod/actors/replica/followers.hpp"

#include <doctest/doctest.h>

using namespace synod;
using namespace synod::test;

namespace {

struct fixture : actor_world {
  /// How many of the next `decisions` decisions this one is sent.
  uint64_t sent(const probe& to, uint64_t decisions) {
    uint64_t count = 0;
    for (; decisions > 0; --decisions)
      subject.next([&](const caf::strong_actor_ptr& each) { count += each == to.ptr(); });
    return count;
  }

  followers subject;
};

} // namespace

TEST_CASE_FIXTURE(fixture, "each gets what it granted, whatever others did") {
  probe first{*this}, second{*this};
  CHECK(subject.grant(first.ptr(), 2));
  CHECK(subject.grant(second.ptr(), 5));
  CHECK_FALSE(subject.grant(first.ptr(), 1));
  CHECK(sent(first, 2) == 2);
  CHECK(sent(first, 10) == 1);
  CHECK(sent(second, 10) == 0);
}

TEST_CASE_FIXTURE(fixture, "no credit grows without bound") {
  probe one{*this};
  for (auto more : {followers::most_credit, followers::most_credit, std::numeric_limits<uint64_t>::max()})
    subject.grant(one.ptr(), more);
  CHECK(sent(one, followers::most_credit + 10) == followers::most_credit);
}

TEST_CASE_FIXTURE(fixture, "there are so many at most, and one that has ended makes room") {
  std::vector<std::unique_ptr<probe>> all;
  for (size_t i = 0; i <= followers::most; ++i)
    all.push_back(std::make_unique<probe>(*this));
  for (size_t i = 0; i < followers::most; ++i)
    CHECK(subject.grant(all[i]->ptr(), 1));
  auto& late = *all.back();
  CHECK_FALSE(subject.grant(late.ptr(), 1));
  CHECK(subject.size() == followers::most);
  CHECK(sent(late, 1) == 0);
  subject.forget(all[3]->ptr()->address());
  CHECK(subject.grant(late.ptr(), 1));
  CHECK(sent(late, 1) == 1);
}
