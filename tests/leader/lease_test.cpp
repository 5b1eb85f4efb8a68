#include "synod/actors/leader/lease.hpp"

#include <doctest/doctest.h>

using namespace synod;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

namespace {

constexpr lease::time noon = std::chrono::hours{12};

struct fixture {
  lease subject{{milliseconds{1000}, 200'000}};
};

} // namespace

TEST_CASE("without a length there is no lease, and nothing is asked") {
  lease none{{milliseconds{0}, 10'000}};
  CHECK_FALSE(none.on());
  CHECK_FALSE(none.due(noon));
  none.granted(0, noon, noon);
  CHECK(none.granting(noon).empty());
}

TEST_CASE_FIXTURE(fixture, "it is asked for at once, and then four times while a grant is counted on") {
  CHECK(subject.due(noon));
  subject.asked(noon);
  CHECK_FALSE(subject.due(noon + milliseconds{166}));
  CHECK(subject.due(noon + milliseconds{167}));
}

TEST_CASE_FIXTURE(fixture,
                  "a grant is held from when it was asked for, for less than its length, by what both clocks may be wrong") {
  // With an acceptor's clock a fifth too fast 1000 ms are 833 ms; with the leader's a fifth too slow 666 ms are 833 ms.
  subject.granted(1, noon, noon + milliseconds{400});
  CHECK(subject.granting(noon + milliseconds{400}) == node_set{1});
  CHECK(subject.granting(noon + milliseconds{666}) == node_set{1});
  CHECK(subject.granting(noon + milliseconds{667}).empty());
}

TEST_CASE("with clocks that are never wrong a grant is held for its length") {
  lease exact{{milliseconds{1000}, 0}};
  exact.granted(1, noon, noon);
  CHECK(exact.granting(noon + milliseconds{1000} - nanoseconds{1}) == node_set{1});
  CHECK(exact.granting(noon + milliseconds{1000}).empty());
}

TEST_CASE_FIXTURE(fixture, "each acceptor's latest grant counts, whatever order answers come in") {
  subject.granted(1, noon + milliseconds{500}, noon + milliseconds{600});
  subject.granted(1, noon, noon + milliseconds{600});
  subject.granted(2, noon, noon + milliseconds{600});
  CHECK(subject.granting(noon + milliseconds{600}) == node_set{1, 2});
  CHECK(subject.granting(noon + milliseconds{700}) == node_set{1});
}

TEST_CASE_FIXTURE(fixture, "a grant of what was not asked yet is none") {
  subject.granted(1, noon + milliseconds{1}, noon);
  CHECK(subject.granting(noon).empty());
}

TEST_CASE_FIXTURE(fixture, "a lease is held until too few grants are left") {
  auto two = [](const node_set& granting) { return granting.size() >= 2; };
  CHECK(subject.held_until(two).count() == 0);
  subject.granted(0, noon, noon);
  CHECK(subject.held_until(two).count() == 0);
  subject.granted(1, noon + milliseconds{100}, noon + milliseconds{100});
  CHECK(subject.held_until(two) == noon + subject.held_for());
  subject.granted(2, noon + milliseconds{200}, noon + milliseconds{200});
  CHECK(subject.held_until(two) == noon + milliseconds{100} + subject.held_for());
}
