#include "synod/actors/acceptor/granted_lease.hpp"

#include <doctest/doctest.h>

using namespace synod;
using std::chrono::milliseconds;

namespace {

constexpr granted_lease::time noon = std::chrono::hours{12};
constexpr ballot first{1, 1, 1}, later{3, 1, 1}, restarted{2, 1, 2}, others{2, 2, 1};

struct fixture {
  granted_lease subject{milliseconds{500}, {}, noon};
};

} // namespace

TEST_CASE_FIXTURE(fixture, "who has granted nothing forbids nothing") {
  CHECK_FALSE(subject.forbids(others, noon));
  CHECK(subject.left(noon).count() == 0);
}

TEST_CASE_FIXTURE(fixture, "while a lease lasts no other leader's ballot may be promised, but any of its own") {
  subject.grant(first, noon);
  CHECK(subject.holder() == first);
  CHECK(subject.forbids(others, noon + milliseconds{499}));
  CHECK(subject.left(noon + milliseconds{499}) == milliseconds{1});
  CHECK_FALSE(subject.forbids(others, noon + milliseconds{500}));
  CHECK_FALSE(subject.forbids(later, noon));
  CHECK_FALSE(subject.forbids(restarted, noon));
}

TEST_CASE_FIXTURE(fixture, "a lease that is granted again lasts on from then") {
  subject.grant(first, noon);
  subject.grant(first, noon + milliseconds{400});
  CHECK(subject.forbids(others, noon + milliseconds{899}));
}

TEST_CASE_FIXTURE(fixture, "its leader gives it up, under that ballot or a later one; nobody else does") {
  subject.grant(later, noon);
  subject.give_up(first);
  CHECK(subject.forbids(others, noon));
  subject.give_up({9, 2, 1});
  CHECK(subject.forbids(others, noon));
  subject.give_up(later);
  CHECK_FALSE(subject.forbids(others, noon));
}

TEST_CASE("who starts again takes it that a lease was granted at the last moment") {
  granted_lease subject{milliseconds{500}, first, noon};
  CHECK(subject.forbids(others, noon + milliseconds{499}));
  CHECK_FALSE(subject.forbids(restarted, noon));
  CHECK_FALSE(subject.forbids(others, noon + milliseconds{500}));
}

TEST_CASE("where there are no leases nothing is forbidden") {
  granted_lease subject{milliseconds{0}, first, noon};
  CHECK_FALSE(subject.on());
  CHECK_FALSE(subject.forbids(others, noon));
}
