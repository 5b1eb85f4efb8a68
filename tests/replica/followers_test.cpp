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

  void received(const probe& from, uint64_t mark) { counted.received(from.ptr(), mark, now); }

  clients counted{2000};
  followers subject{counted};
  followers::time_point now{std::chrono::hours{1}};
  uint64_t last_mark = 0;
};

} // namespace

TEST_CASE_FIXTURE(fixture, "each has on its way what it asked for, whatever others did") {
  probe first{*this}, second{*this};
  CHECK(subject.follow(first.ptr(), 200));
  CHECK(subject.follow(second.ptr(), 500));
  CHECK(sent(second, 10) == 5);
  received(first, 200);
  CHECK(sent(first, 10) == 2);
  CHECK(sent(second, 10) == 0);
  received(second, 500);
  CHECK(sent(second, 10) == 5);
}

TEST_CASE_FIXTURE(fixture, "nobody has more on its way than half of what a client may be owed") {
  probe one{*this};
  subject.follow(one.ptr(), std::numeric_limits<uint64_t>::max());
  CHECK(sent(one, 100) == 10);
}

TEST_CASE_FIXTURE(fixture, "a mark stands for those before it, and when all are lost a probe finds the follower again") {
  probe one{*this};
  subject.follow(one.ptr(), 300);
  CHECK(sent(one, 5) == 3);
  received(one, 300); // Those of the first two were lost.
  CHECK(sent(one, 5) == 3);
  now += std::chrono::seconds{2};
  CHECK(sent(one, 5) == 1);
  received(one, last_mark);
  CHECK(sent(one, 5) == 3);
}

TEST_CASE_FIXTURE(fixture, "what a follower is owed besides counts, and it may be a client, too") {
  probe one{*this};
  subject.follow(one.ptr(), 300);
  counted.sent(one.ptr(), 250, now);
  CHECK(sent(one, 5) == 0);
  received(one, 250);
  CHECK(sent(one, 5) == 3);
  CHECK(counted.has_room_for_answers(one.ptr(), now));
}

TEST_CASE_FIXTURE(fixture, "who follows anew says anew how much it takes") {
  probe one{*this};
  CHECK(subject.follow(one.ptr(), 300));
  CHECK(sent(one, 5) == 3);
  CHECK_FALSE(subject.follow(one.ptr(), 500));
  CHECK(sent(one, 5) == 2);
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
  CHECK(subject.size() == followers::most);
  CHECK(sent(late, 1) == 0);
  subject.forget(all[3]->ptr()->address());
  CHECK(subject.follow(late.ptr(), 100));
  CHECK(sent(late, 1) == 1);
}
