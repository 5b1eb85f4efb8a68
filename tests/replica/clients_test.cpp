#include "harness.hpp"

#include "synod/actors/replica/clients.hpp"

#include <doctest/doctest.h>

using namespace synod;
using namespace synod::test;

namespace {

struct fixture : actor_world {
  probe one{*this}, two{*this};
  clients subject{1000};
  clients::time_point now{std::chrono::hours{1}};
};

} // namespace

TEST_CASE_FIXTURE(fixture, "a client that is owed its limit is not sent answers, until it returns a mark") {
  CHECK(subject.has_room_for_answers(one.ptr(), now));
  auto first = subject.sent(one.ptr(), 600, now);
  CHECK(first.fresh);
  CHECK(subject.has_room_for_answers(one.ptr(), now));
  auto second = subject.sent(one.ptr(), 600, now);
  CHECK_FALSE(second.fresh);
  CHECK(second.mark == 1200);
  CHECK_FALSE(subject.has_room_for_answers(one.ptr(), now));
  CHECK(subject.has_room_for_answers(two.ptr(), now));
  CHECK(subject.has_room_for_responses(one.ptr()));
  subject.received(one.ptr(), first.mark, now);
  CHECK(subject.has_room_for_answers(one.ptr(), now));
  CHECK(subject.most_owed_bytes() == 600);
}

TEST_CASE_FIXTURE(fixture, "one whose marks were lost is sent an answer a second") {
  subject.sent(one.ptr(), 5000, now);
  now += std::chrono::milliseconds{999};
  CHECK_FALSE(subject.has_room_for_answers(one.ptr(), now));
  now += std::chrono::milliseconds{1};
  CHECK(subject.has_room_for_answers(one.ptr(), now));
}

TEST_CASE_FIXTURE(fixture, "above eight times the limit nothing is taken from a client, above ten times it is told nothing") {
  subject.sent(one.ptr(), 8000, now);
  CHECK_FALSE(subject.has_room_for_responses(one.ptr()));
  CHECK(subject.has_room_for_refusals(one.ptr()));
  subject.sent(one.ptr(), 2000, now);
  CHECK_FALSE(subject.has_room_for_refusals(one.ptr()));
}

TEST_CASE_FIXTURE(fixture, "a mark that was never sent does not count") {
  subject.sent(one.ptr(), 1500, now);
  subject.received(one.ptr(), 9000, now);
  CHECK(subject.most_owed_bytes() == 1500);
}

TEST_CASE_FIXTURE(fixture, "who is owed nothing is forgotten at the second look") {
  auto mark = subject.sent(one.ptr(), 10, now).mark;
  subject.sent(two.ptr(), 10, now);
  subject.received(one.ptr(), mark, now);
  CHECK(subject.forget_idle().empty());
  CHECK(subject.forget_idle() == std::vector{one.ptr()});
  CHECK(subject.size() == 1);
  subject.forget(two.ptr()->address());
  CHECK(subject.size() == 0);
}

TEST_CASE_FIXTURE(fixture, "one that is owed its limit is waited for while it returns marks, and no longer") {
  auto mark = subject.sent(one.ptr(), 600, now).mark;
  CHECK_FALSE(subject.catches_up(now));
  subject.sent(one.ptr(), 3000, now);
  CHECK(subject.catches_up(now));
  now += std::chrono::milliseconds{200};
  subject.received(one.ptr(), mark, now);
  now += std::chrono::milliseconds{200};
  CHECK(subject.catches_up(now));
  subject.received(one.ptr(), mark, now); // Not a new one.
  now += std::chrono::milliseconds{200};
  CHECK_FALSE(subject.catches_up(now));
}

TEST_CASE_FIXTURE(fixture, "one that is owed much is waited for while it takes that in, but not for ever") {
  auto mark = subject.sent(one.ptr(), 5000, now).mark - 4000;
  for (int i = 0; i < 9; ++i) {
    now += std::chrono::milliseconds{200};
    subject.received(one.ptr(), mark + static_cast<uint64_t>(i), now);
    CHECK(subject.catches_up(now));
  }
  now += std::chrono::milliseconds{200};
  subject.received(one.ptr(), mark + 9, now);
  CHECK_FALSE(subject.catches_up(now)); // It returns marks of a byte each.
  subject.received(one.ptr(), mark + 3500, now);
  subject.sent(one.ptr(), 5000, now);
  CHECK(subject.catches_up(now)); // It took in all but a little meanwhile.
}
