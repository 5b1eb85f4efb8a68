#include "harness.hpp"

#include "synod/actors/replica/followers.hpp"

#include <doctest/doctest.h>

using namespace synod;
using namespace synod::test;

namespace {

struct fixture : actor_world {
  /// How many of the next `decisions` decisions, of 100 bytes each, this one is sent.
  uint64_t sent(const probe& to, uint64_t decisions) {
    uint64_t count = 0;
    for (; decisions > 0; --decisions)
      subject.next(100, now, [&](const caf::strong_actor_ptr& each, uint64_t mark) {
        count += each == to.ptr();
        if (each == to.ptr())
          last_mark = mark;
      });
    return count;
  }

  followers subject{1000};
  followers::time_point now{std::chrono::hours{1}};
  uint64_t last_mark = 0;
};

} // namespace

TEST_CASE_FIXTURE(fixture, "each has on its way what it asked for, and a probe, whatever others did") {
  probe first{*this}, second{*this};
  CHECK(subject.follow(first.ptr(), 200));
  CHECK(subject.follow(second.ptr(), 500));
  CHECK(sent(second, 10) == 6);
  CHECK(subject.received(first.ptr(), 300));
  CHECK(sent(first, 10) == 2);
  CHECK(sent(second, 10) == 0);
  CHECK(subject.received(second.ptr(), 600));
  CHECK(sent(second, 10) == 5);
}

TEST_CASE_FIXTURE(fixture, "nobody has more on its way than the limit, and a probe") {
  probe one{*this};
  subject.follow(one.ptr(), std::numeric_limits<uint64_t>::max());
  CHECK(sent(one, 100) == 11);
}

TEST_CASE_FIXTURE(fixture, "a mark stands for those before it, and when all are lost a probe finds the follower again") {
  probe one{*this};
  subject.follow(one.ptr(), 300);
  CHECK(sent(one, 5) == 4);
  subject.received(one.ptr(), 400); // Those of the first three were lost.
  CHECK(sent(one, 5) == 3);
  now += std::chrono::seconds{2};
  CHECK(sent(one, 5) == 1);
  subject.received(one.ptr(), last_mark);
  CHECK(sent(one, 5) == 3);
}

TEST_CASE_FIXTURE(fixture, "who follows anew begins anew") {
  probe one{*this};
  CHECK(subject.follow(one.ptr(), 300));
  CHECK(sent(one, 5) == 4);
  CHECK_FALSE(subject.follow(one.ptr(), 300));
  CHECK(sent(one, 5) == 4);
  CHECK(subject.size() == 1);
}

TEST_CASE_FIXTURE(fixture, "there are so many at most, and one that has ended makes room") {
  std::vector<std::unique_ptr<probe>> all;
  for (size_t i = 0; i <= followers::most; ++i)
    all.push_back(std::make_unique<probe>(*this));
  for (size_t i = 0; i < followers::most; ++i)
    CHECK(subject.follow(all[i]->ptr(), 100));
  auto& late = *all.back();
  CHECK_FALSE(subject.follow(late.ptr(), 100));
  CHECK_FALSE(subject.received(late.ptr(), 100));
  CHECK(subject.size() == followers::most);
  CHECK(sent(late, 1) == 0);
  subject.forget(all[3]->ptr()->address());
  CHECK(subject.follow(late.ptr(), 100));
  CHECK(sent(late, 1) == 1);
}
