#include "harness.hpp"

#include "synod/actors/acceptor/acceptor.hpp"
#include "synod/messages/log.capnp.h"

#include <doctest/doctest.h>

using namespace synod;
using namespace synod::test;

namespace {

constexpr ballot low{1, 0, 1}, high{2, 1, 1};

/// Lets a storage outlive its acceptor, as a disk does.
class borrowed_storage : public storage {
public:
  explicit borrowed_storage(memory_storage& disk) : disk_{disk} {}
  caf::error replay(const visitor& visit) override { return disk_.replay(visit); }
  caf::expected<position> append(record_kind kind, const block_ptr& content) override { return disk_.append(kind, content); }
  caf::error sync() override { return disk_.sync(); }
  caf::expected<block_ptr> read(position where) override { return disk_.read(where); }

private:
  memory_storage& disk_;
};

struct fixture : world {
  fixture() { start({}); }

  void start(acceptor::options options) {
    options.fatal = [this](const std::string& why) { fatal = why; };
    subject = spawn<acceptor>(std::make_unique<borrowed_storage>(disk), options);
    run();
  }

  void crash_and_restart() {
    end(caf::actor_cast<caf::actor>(subject));
    disk.crash();
    start({});
  }

  message<schema::P1b> p1a(ballot asked, slot_number first = 1, slot_number end = 0) {
    builder<schema::P1a> request;
    write(asked, request->initBallot());
    request->setScout(7);
    request->setFirstSlot(first);
    request->setEndSlot(end);
    leader.send(subject, request.finish());
    run();
    return std::get<0>(leader->take<message<schema::P1b>>());
  }

  message<schema::P2b> p2a(const message<schema::Pvalue>& pvalue, uint64_t mark = 1) {
    leader.send(subject, p2a_atom_v, pvalue, mark);
    run();
    return std::get<0>(leader->take<message<schema::P2b>>());
  }

  memory_storage disk;
  std::string fatal;
  acceptor_actor subject;
  probe leader{*this};
};

ballot first_accepted_ballot(const message<schema::P1b>& answer) {
  auto pvalue = message<schema::Pvalue>::from(words_of(answer->getPvalues()[0]));
  return ballot_of((*pvalue)->getBallot());
}

} // namespace

TEST_CASE_FIXTURE(fixture, "A1: an acceptor never goes back to a lower ballot") {
  CHECK(ballot_of(p1a(high)->getBallot()) == high);
  CHECK(ballot_of(p1a(low)->getBallot()) == high);
  CHECK(ballot_of(p1a(high)->getBallot()) == high);
}

TEST_CASE_FIXTURE(fixture, "A1: an acceptor keeps its ballot over a crash") {
  p1a(high);
  crash_and_restart();
  CHECK(ballot_of(p1a(low)->getBallot()) == high);
}

TEST_CASE_FIXTURE(fixture, "A2: an acceptor accepts nothing below its ballot") {
  p1a(high);
  auto answer = p2a(value_of(low, 1, 10));
  CHECK(ballot_of(answer->getBallot()) == high);
  CHECK(answer->getSlots().size() == 0);
  CHECK(p1a(high)->getPvalues().size() == 0);
}

TEST_CASE_FIXTURE(fixture, "an acceptor accepts its ballot's pvalue, and one above it whose p1a it missed") {
  p1a(low);
  auto answer = p2a(value_of(low, 1, 10));
  CHECK(ballot_of(answer->getBallot()) == low);
  REQUIRE(answer->getSlots().size() == 1);
  CHECK(answer->getSlots()[0] == 1);
  CHECK(ballot_of(p2a(value_of(high, 2, 20))->getBallot()) == high);
  CHECK(ballot_of(p1a(low)->getBallot()) == high);
}

TEST_CASE_FIXTURE(fixture, "a vote names the ballot it was given under, also when a higher one is promised before the sync") {
  leader.send(subject, p2a_atom_v, value_of(low, 1, 10), uint64_t{1});
  builder<schema::P1a> request;
  write(high, request->initBallot());
  request->setFirstSlot(1);
  leader.send(subject, request.finish());
  leader.send(subject, p2a_atom_v, value_of(low, 2, 10), uint64_t{2});
  run();
  auto [vote] = leader->take<message<schema::P2b>>();
  CHECK(ballot_of(vote->getBallot()) == low);
  REQUIRE(vote->getSlots().size() == 1);
  CHECK(vote->getSlots()[0] == 1);
  auto [refusal] = leader->take<message<schema::P2b>>();
  CHECK(ballot_of(refusal->getBallot()) == high);
  CHECK(refusal->getSlots().size() == 0);
}

TEST_CASE_FIXTURE(fixture, "A3: what an acceptor accepted it tells every later scout, also after a crash") {
  p2a(value_of(low, 1, 10));
  CHECK(p1a(high)->getPvalues().size() == 1);
  crash_and_restart();
  auto answer = p1a(high);
  REQUIRE(answer->getPvalues().size() == 1);
  CHECK(first_accepted_ballot(answer) == low);
}

TEST_CASE_FIXTURE(fixture, "state reduction: an acceptor keeps the pvalue with the highest ballot of a slot") {
  p2a(value_of(low, 1, 10));
  p2a(value_of(high, 1, 10));
  auto answer = p1a(high);
  REQUIRE(answer->getPvalues().size() == 1);
  CHECK(first_accepted_ballot(answer) == high);
}

TEST_CASE_FIXTURE(fixture, "an acceptor answers nothing before it is durable") {
  leader.send(subject, p2a_atom_v, value_of(low, 1, 10), uint64_t{1});
  disk.fail_next_sync();
  run();
  CHECK_FALSE(leader->has<message<schema::P2b>>());
  CHECK(fatal.find("the disk failed") != std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "one sync covers all that waited") {
  for (slot_number slot = 1; slot <= 5; ++slot)
    leader.send(subject, p2a_atom_v, value_of(low, slot, 10), slot);
  run();
  auto [answer] = leader->take<message<schema::P2b>>();
  CHECK(answer->getSlots().size() == 5);
  CHECK(answer->getMark() == 5);
  CHECK_FALSE(leader->has<message<schema::P2b>>());
}

TEST_CASE_FIXTURE(fixture, "p1b comes in pieces of bounded size, for the slots that were asked for") {
  end(caf::actor_cast<caf::actor>(subject));
  acceptor::options small;
  small.piece_bytes = 3 * (value_of(low, 1, 10).size_bytes() + 64);
  start(small);
  for (slot_number slot = 1; slot <= 8; ++slot)
    p2a(value_of(low, slot, 10));
  auto first = p1a(high, 2);
  CHECK(first->getPvalues().size() == 3);
  CHECK(first->getNextSlot() == 5);
  auto second = p1a(high, 5);
  CHECK(second->getNextSlot() == 8);
  auto third = p1a(high, 8);
  CHECK(third->getPvalues().size() == 1);
  CHECK(third->getNextSlot() == 0);
  auto some = p1a(high, 2, 4);
  CHECK(some->getPvalues().size() == 2);
  CHECK(some->getNextSlot() == 0);
}

TEST_CASE_FIXTURE(fixture, "a candidate is not told of slots that are known to be decided; a scout for them is") {
  for (slot_number slot = 1; slot <= 6; ++slot)
    p2a(value_of(low, slot, 10, slot));
  auto candidate = p1a(high, 1);
  CHECK(candidate->getDecidedBelow() == 6);
  CHECK(candidate->getPvalues().size() == 1);
  CHECK(p1a(high, 1, 4)->getPvalues().size() == 3);
}

TEST_CASE_FIXTURE(fixture, "values beyond the cache are read back from the storage") {
  end(caf::actor_cast<caf::actor>(subject));
  acceptor::options small;
  small.cache_bytes = 300;
  start(small);
  for (slot_number slot = 1; slot <= 20; ++slot)
    p2a(value_of(low, slot, static_cast<int64_t>(100 + slot)));
  auto answer = p1a(high, 1, 21);
  REQUIRE(answer->getPvalues().size() == 20);
  for (unsigned i = 0; i < 20; ++i) {
    auto pvalue = message<schema::Pvalue>::from(words_of(answer->getPvalues()[i]));
    REQUIRE(pvalue);
    CHECK((*pvalue)->getSlot() == i + 1);
    CHECK((*pvalue)->getValue().getTime() == 101 + i);
  }
}

TEST_CASE_FIXTURE(fixture, "reads are told the highest slot that is durable") {
  p2a(value_of(low, 4, 10));
  p2a(value_of(low, 2, 10));
  probe replica{*this};
  builder<schema::AskHighest> ask;
  ask->setRound(3);
  replica.send(subject, ask.finish());
  run();
  auto [answer] = replica->take<message<schema::Highest>>();
  CHECK(answer->getSlot() == 4);
  CHECK(answer->getRound() == 3);
}

TEST_CASE_FIXTURE(fixture, "a replica learns ballots, and values if it asks for them") {
  p2a(value_of(low, 1, 10));
  p2a(value_of(high, 2, 20));
  probe replica{*this};
  for (bool with_values : {false, true}) {
    builder<schema::Learn> ask;
    ask->setFirstSlot(1);
    ask->setWithValues(with_values);
    replica.send(subject, ask.finish());
    run();
    auto [answer] = replica->take<message<schema::Learned>>();
    REQUIRE(answer->getAccepted().size() == 2);
    CHECK(ballot_of(answer->getAccepted()[1].getBallot()) == high);
    CHECK(answer->getPvalues().size() == (with_values ? 2 : 0));
  }
}
