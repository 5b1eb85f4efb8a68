#include "harness.hpp"

#include "synod/actors/replica/clients.hpp"
#include "synod/actors/replica/followers.hpp"

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
  subject.received(one.ptr(), first.mark);
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

TEST_CASE_FIXTURE(fixture, "above twice the limit nothing is taken from a client, above four times it is told nothing") {
  subject.sent(one.ptr(), 2000, now);
  CHECK_FALSE(subject.has_room_for_responses(one.ptr()));
  CHECK(subject.has_room_for_refusals(one.ptr()));
  subject.sent(one.ptr(), 2000, now);
  CHECK_FALSE(subject.has_room_for_refusals(one.ptr()));
}

TEST_CASE_FIXTURE(fixture, "a mark that was never sent does not count") {
  subject.sent(one.ptr(), 1500, now);
  subject.received(one.ptr(), 9000);
  CHECK(subject.most_owed_bytes() == 1500);
}

TEST_CASE_FIXTURE(fixture, "who is owed nothing is forgotten at the second look") {
  auto mark = subject.sent(one.ptr(), 10, now).mark;
  subject.sent(two.ptr(), 10, now);
  subject.received(one.ptr(), mark);
  CHECK(subject.forget_idle().empty());
  CHECK(subject.forget_idle() == std::vector{one.ptr()});
  CHECK(subject.size() == 1);
  subject.forget(two.ptr()->address());
  CHECK(subject.size() == 0);
}

TEST_CASE_FIXTURE(fixture, "followers are sent what they granted, up to a limit, each for itself") {
  followers all;
  CHECK(all.grant(one.ptr(), 1));
  CHECK_FALSE(all.grant(one.ptr(), UINT64_MAX));
  CHECK(all.grant(two.ptr(), 2));
  size_t to_one = 0, to_two = 0;
  for (uint64_t i = 0; i < followers::most_credit + 10; ++i)
    all.next([&](auto& each) { ++(each == one.ptr() ? to_one : to_two); });
  CHECK(to_one == followers::most_credit);
  CHECK(to_two == 2);
  all.forget(one.ptr()->address());
  CHECK(all.size() == 1);
}
