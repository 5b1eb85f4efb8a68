#include "harness.hpp"

#include "synod/actors/leader/pvalues.hpp"
#include "synod/messages/batch.hpp"

#include <doctest/doctest.h>

using namespace synod;
using namespace synod::test;

TEST_CASE("a no-op is an empty batch") {
  auto nothing = no_op({3, 1, 1}, 7, 5, 2);
  CHECK(ballot_of(nothing->getBallot()) == ballot{3, 1, 1});
  CHECK(nothing->getSlot() == 7);
  CHECK(nothing->getDecidedBelow() == 5);
  CHECK(nothing->getValue().getRequests().size() == 0);
  CHECK(nothing->getValue().getTime() == 0);
  CHECK(nothing->getProposer() == 1);
}

TEST_CASE("a pvalue of the ballot at hand stays the block that it is") {
  auto mine = value_of({3, 1, 1}, 7, 1);
  CHECK(under_ballot({3, 1, 1}, mine, 5).content() == mine.content());
}

TEST_CASE("a pvalue of another ballot is copied with its value") {
  auto built = pvalue_of({2, 0, 1}, 7, {request_of(1, 2, {{"SET", "key", "value"}})}, 9, 4);
  builder<schema::Pvalue> proposed;
  proposed->setBallot(built->getBallot());
  proposed->setSlot(7);
  proposed->setDecidedBelow(4);
  proposed->setProposer(6);
  proposed->setValue(built->getValue());
  auto other = proposed.finish();
  auto mine = under_ballot({3, 1, 1}, other, 5);
  CHECK(ballot_of(mine->getBallot()) == ballot{3, 1, 1});
  CHECK(mine->getSlot() == 7);
  CHECK(mine->getDecidedBelow() == 5);
  CHECK(mine->getProposer() == 6);
  CHECK(same_value(mine->getValue(), other->getValue()));
  CHECK(under_ballot({3, 1, 1}, other, 2)->getDecidedBelow() == 4);
}
