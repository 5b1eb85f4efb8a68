#include "synod/actors/role/backoff.hpp"

#include <doctest/doctest.h>

using namespace synod;
using std::chrono::milliseconds;

TEST_CASE("pauses grow from the first to the last") {
  backoff subject{milliseconds{100}, milliseconds{500}};
  auto now = backoff::time_point{} + std::chrono::hours{1};
  CHECK(subject.due(now)); // Nothing was tried yet.
  for (auto pause : {100, 200, 400, 500, 500}) {
    CHECK(subject.pause() == milliseconds{pause});
    subject.tried(now);
    CHECK(subject.next() == now + milliseconds{pause});
    CHECK_FALSE(subject.due(now + milliseconds{pause - 1}));
    CHECK(subject.due(now + milliseconds{pause}));
    now += milliseconds{pause};
  }
}

TEST_CASE("behind an answer, pauses begin with the first again") {
  backoff subject{milliseconds{100}, milliseconds{500}};
  auto now = backoff::time_point{} + std::chrono::hours{1};
  subject.tried(now);
  subject.tried(now);
  subject.reset();
  subject.tried(now);
  CHECK(subject.next() == now + milliseconds{100});
}
