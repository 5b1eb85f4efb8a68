#include "acceptor_fixture.hpp"

using namespace synod;
using namespace synod::test;
using fixture = acceptor_fixture;

namespace {

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

TEST_CASE_FIXTURE(fixture, "an acceptor that cannot write says so, and answers nothing any more") {
  storage.waits = true;
  leader.send(subject, p2a_atom_v, value_of(low, 1, 10), uint64_t{1});
  run();
  storage.platter.behaviour().error_per_million = 1'000'000;
  finish();
  CHECK_FALSE(leader->has<message<schema::P2b>>());
  CHECK(around->ended.find("Input/output error") != std::string::npos);
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
  set("piece-size", static_cast<int64_t>(3 * (value_of(low, 1, 10).size_bytes() + 64)));
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

TEST_CASE_FIXTURE(fixture, "values beyond the cache are read back from the log") {
  set("cache-size", 300);
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
  auto answer = ask_highest(3);
  CHECK(answer->getSlot() == 4);
  CHECK(answer->getRound() == 3);
}

TEST_CASE_FIXTURE(fixture, "a replica learns ballots, and values if it asks for them") {
  p2a(value_of(low, 1, 10));
  p2a(value_of(high, 2, 20));
  for (bool with_values : {false, true}) {
    learn(replica, 1, with_values);
    auto [answer] = replica->take<message<schema::Learned>>();
    REQUIRE(answer->getAccepted().size() == 2);
    CHECK(ballot_of(answer->getAccepted()[1].getBallot()) == high);
    CHECK(answer->getPvalues().size() == (with_values ? 2 : 0));
    CHECK(answer->getNextSlot() == 3); // What it accepts there later it has not told of.
  }
}

// -- while the disk works -----------------------------------------------------

TEST_CASE_FIXTURE(fixture, "nothing is told of what is not durable, and reads are answered meanwhile") {
  p2a(value_of(low, 1, 10));
  storage.waits = true;
  leader.send(subject, p2a_atom_v, value_of(low, 2, 20), uint64_t{1});
  run();
  CHECK_FALSE(leader->has<message<schema::P2b>>());
  CHECK(ask_highest()->getSlot() == 1);
  learn(replica, 1, false);
  auto [learned] = replica->take<message<schema::Learned>>();
  CHECK(learned->getAccepted().size() == 1);
  CHECK(learned->getNextSlot() == 2);
  learn(replica, 2, false);
  CHECK_FALSE(replica->has<message<schema::Learned>>());
  finish();
  CHECK(leader->has<message<schema::P2b>>());
  CHECK(std::get<0>(replica->take<message<schema::Learned>>())->getAccepted().size() == 1);
  CHECK(ask_highest()->getSlot() == 2);
}

TEST_CASE_FIXTURE(fixture, "a promise waits for its record; what was promised durably before is told at once") {
  p1a(low);
  probe another{*this};
  storage.waits = true;
  ask(leader, high);
  CHECK_FALSE(leader->has<message<schema::P1b>>());
  ask(another, ballot{0, 5, 1});
  auto [refused] = another->take<message<schema::P1b>>();
  CHECK(ballot_of(refused->getBallot()) == low);
  ask(another, low); // Preempted by a ballot that nobody may be told of yet.
  CHECK_FALSE(another->has<message<schema::P1b>>());
  finish();
  CHECK(ballot_of(std::get<0>(leader->take<message<schema::P1b>>())->getBallot()) == high);
  CHECK(ballot_of(std::get<0>(another->take<message<schema::P1b>>())->getBallot()) == high);
}

TEST_CASE_FIXTURE(fixture, "what comes while a write is under way goes with the next one") {
  storage.waits = true;
  for (slot_number slot = 1; slot <= 3; ++slot) {
    leader.send(subject, p2a_atom_v, value_of(low, slot, 10), slot);
    run();
  }
  CHECK(storage.count(disk::lane::durable) == 1);
  finish();
  CHECK(std::get<0>(leader->take<message<schema::P2b>>())->getSlots().size() == 1);
  CHECK(storage.count(disk::lane::durable) == 1);
  finish();
  CHECK(std::get<0>(leader->take<message<schema::P2b>>())->getSlots().size() == 2);
  CHECK(storage.count(disk::lane::durable) == 0);
}

TEST_CASE_FIXTURE(fixture, "what comes again is not logged again: a slow disk gets no work by being slow") {
  storage.waits = true;
  for (uint64_t mark = 1; mark <= 5; ++mark) {
    leader.send(subject, p2a_atom_v, value_of(low, 1, 10), mark);
    run();
  }
  finish();
  auto [vote] = leader->take<message<schema::P2b>>();
  CHECK(vote->getSlots().size() == 1);
  CHECK(vote->getMark() == 5);
  CHECK(storage.count(disk::lane::durable) == 0);
  leader.send(subject, p2a_atom_v, value_of(low, 1, 10), uint64_t{6});
  run();
  CHECK(storage.count(disk::lane::durable) == 0);
  std::tie(vote) = leader->take<message<schema::P2b>>();
  REQUIRE(vote->getSlots().size() == 1);
  CHECK(vote->getSlots()[0] == 1);
  CHECK(vote->getMark() == 6);
}

TEST_CASE_FIXTURE(fixture, "an acceptor tells of its past what it was: a later acceptance does not put the answer off") {
  storage.waits = true;
  ask(leader, high);
  probe another{*this};
  another.send(subject, p2a_atom_v, value_of(high, 1, 10), uint64_t{1});
  run();
  finish();
  auto [promise] = leader->take<message<schema::P1b>>();
  CHECK(ballot_of(promise->getBallot()) == high);
  CHECK(promise->getPvalues().size() == 0);
  CHECK_FALSE(another->has<message<schema::P2b>>());
}

TEST_CASE_FIXTURE(fixture, "values are read aside; one question at a time is read for") {
  set("cache-size", 0);
  for (slot_number slot = 1; slot <= 3; ++slot)
    p2a(value_of(low, slot, 10));
  storage.waits = true;
  learn(replica, 1, true);
  CHECK(storage.count(disk::lane::background) == 1);
  CHECK(ask_highest()->getSlot() == 3);
  learn(replica, 1, true);
  learn(replica, 2, true);
  CHECK(storage.count(disk::lane::background) == 1);
  ask(leader, high, 1, 4);
  CHECK(storage.count(disk::lane::background) == 2);
  finish(disk::lane::background);
  auto [learned] = replica->take<message<schema::Learned>>();
  CHECK(learned->getFirstSlot() == 1);
  CHECK(learned->getPvalues().size() == 3);
  CHECK_FALSE(replica->has<message<schema::Learned>>());
  finish(disk::lane::background);
  CHECK_FALSE(leader->has<message<schema::P1b>>()); // The promise is not durable yet.
  finish();
  CHECK(std::get<0>(leader->take<message<schema::P1b>>())->getPvalues().size() == 3);
}

TEST_CASE_FIXTURE(fixture, "a replica that does not return marks is sent no more than a limit") {
  set("peer-limit", 1000);
  p2a(value_of(low, 1, 10));
  uint64_t mark = 0;
  for (int i = 0; i < 20; ++i) {
    learn(replica, 1, true);
    if (replica->has<message<schema::Learned>>())
      mark = std::get<0>(replica->take<message<schema::Learned>>())->getMark();
  }
  CHECK(mark > 0);
  CHECK_FALSE(replica->has<message<schema::Learned>>());
  learn(replica, 1, true, mark);
  CHECK(replica->has<message<schema::Learned>>());
}

TEST_CASE_FIXTURE(fixture, "what an acceptor was not done with when it ended was told to nobody") {
  storage.waits = true;
  leader.send(subject, p2a_atom_v, value_of(low, 1, 10), uint64_t{1});
  run();
  crash_and_restart();
  CHECK_FALSE(leader->has<message<schema::P2b>>());
  CHECK(ask_highest()->getSlot() == 0);
}

TEST_CASE_FIXTURE(fixture, "a log that cannot be used is told, and the acceptor does not start") {
  p2a(value_of(low, 1, 10));
  end(caf::actor_cast<caf::actor>(subject));
  storage.plug();
  around = std::make_shared<test_environment>(system, &storage.files());
  std::vector<std::byte> damage(16, std::byte{0x55});
  std::span<const std::byte> parts[]{damage};
  REQUIRE(!(*storage.files().open("/data/acceptor/000000000001.log"))->write(64, parts));
  identity who{config, 1, 1};
  auto spawned = acceptor_role().spawn({who, options, around});
  REQUIRE_FALSE(spawned);
  auto why = to_string(spawned.error());
  CHECK(why.find("/data/acceptor/000000000001.log") != std::string::npos);
  CHECK(why.find("offset 0") != std::string::npos);
}
