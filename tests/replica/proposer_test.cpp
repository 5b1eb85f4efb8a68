#include "fresh_state.hpp"
#include "harness.hpp"

#include "synod/actors/replica/proposer.hpp"

#include <doctest/doctest.h>

using namespace synod;
using namespace synod::test;

namespace {

struct fixture {
  explicit fixture(proposer::limits most = {4, 1024, 3, 1 << 20}) : subject{most} {
    performed.state().sessions.open(7, 70, false, 0);
  }

  message<schema::Request> add(uint64_t cid) {
    auto x = request_of(70, cid, {{"INCR", "n"}});
    CHECK(subject.add(x, performed.sessions(), true) == request_queue::outcome::added);
    return x;
  }
  message<schema::Pvalue> propose(bool even_empty = false) {
    return subject.propose({{2, 1, 1}, decided_below, decisions, performed, 1234, now, 6}, even_empty);
  }
  /// Slots below are performed.
  void perform_below(slot_number slot) { performed.state().slot_out = slot; }

  execution performed{fresh()};
  proposer subject;
  pvalue_map decisions;
  slot_number decided_below = 1;
  proposer::time_point now{std::chrono::hours{1}};
};

} // namespace

TEST_CASE_FIXTURE(fixture, "a proposal is a batch of what waits, for the first free slot, under the leader's ballot") {
  add(1);
  add(2);
  decisions.emplace(3, pvalue_of({1, 0, 1}, 3));
  decided_below = 3;
  auto x = propose();
  REQUIRE(x);
  CHECK(x->getSlot() == 4);
  CHECK(ballot_of(x->getBallot()) == ballot{2, 1, 1});
  CHECK(x->getValue().getTime() == 1234);
  CHECK(x->getValue().getRequests().size() == 2);
  CHECK(x->getDecidedBelow() == 1);
  CHECK(x->getProposer() == 6);
  CHECK(subject.last_proposed() == 4);
}

TEST_CASE_FIXTURE(fixture, "while decisions are quick one slot is in flight, and what waits gathers") {
  add(1);
  REQUIRE(propose());
  add(2);
  CHECK_FALSE(propose());
  subject.settle(pvalue_of({2, 1, 1}, 1), now);
  CHECK(propose()->getSlot() == 2);
}

TEST_CASE_FIXTURE(fixture, "where decisions take long more slots are in flight, up to WINDOW (R5)") {
  for (uint64_t cid = 1; cid <= 12; ++cid) {
    add(cid);
    if (auto x = propose(); x && cid < 7) {
      now += std::chrono::milliseconds{100};
      subject.settle(x, now);
      perform_below(x->getSlot() + 1);
    }
  }
  CHECK(subject.in_flight() == 4);
  CHECK(subject.last_proposed() < performed.slot_out() + 4);
  CHECK_FALSE(propose());
}

TEST_CASE_FIXTURE(fixture, "a proposal that lost its slot gives back the very requests it was made of") {
  auto one = add(1);
  auto two = add(2);
  auto mine = propose();
  add(3);
  auto lost = subject.settle(pvalue_of({2, 1, 1}, mine->getSlot(), {open_request(9)}), now);
  REQUIRE(lost.size() == 2);
  CHECK(lost[0].content() == one.content());
  CHECK(lost[1].content() == two.content());
  CHECK(subject.collisions() == 1);
  SUBCASE("they wait in front of the others") {
    subject.put_back(lost, [](auto&) { return true; });
    auto again = propose();
    REQUIRE(again->getValue().getRequests().size() == 3);
    CHECK(again->getValue().getRequests()[0].getCommands().getFirstCid() == 1);
  }
  SUBCASE("where there is no room for one, those before it are left out, too: all come again") {
    bool first = true;
    subject.put_back(lost, [&](auto&) { return !std::exchange(first, false); });
    CHECK(subject.requests().empty());
  }
  SUBCASE("where there is no room, what comes behind is left out, too") {
    subject.put_back(lost, [](auto&) { return false; });
    CHECK(subject.requests().empty());
  }
}

TEST_CASE_FIXTURE(fixture, "the same value, laid out in another block, has not lost its slot") {
  auto x = add(1);
  auto mine = propose();
  auto same = pvalue_of({3, 0, 1}, mine->getSlot(), {x}, 1234, 9);
  CHECK(subject.settle(same, now).empty());
  CHECK(subject.collisions() == 0);
}

TEST_CASE_FIXTURE(fixture, "a proposal is sent again with growing pauses; one that was not sent is due at once") {
  add(1);
  auto mine = propose();
  CHECK(subject.unsent().size() == 1);
  CHECK(subject.due(now).size() == 1);
  subject.sent(mine->getSlot(), now);
  CHECK(subject.unsent().empty());
  CHECK(subject.due(now + std::chrono::milliseconds{299}).empty());
  CHECK(subject.due(now + std::chrono::milliseconds{300}).size() == 1);
  now += std::chrono::milliseconds{300};
  subject.sent(mine->getSlot(), now);
  CHECK(subject.due(now + std::chrono::milliseconds{599}).empty());
}

TEST_CASE_FIXTURE(fixture, "an empty batch is proposed only to carry the time") {
  CHECK_FALSE(propose());
  auto empty = propose(true);
  REQUIRE(empty);
  CHECK(empty->getValue().getRequests().size() == 0);
}

TEST_CASE_FIXTURE(fixture, "another leader: slots are free from where it says, what waits is forgotten, proposals are not") {
  add(1);
  auto mine = propose();
  subject.sent(mine->getSlot(), now);
  add(2);
  subject.begin_anew(2);
  CHECK(subject.requests().empty());
  CHECK(subject.slot_in() == 2);
  CHECK(subject.unsent().size() == 1);
}

TEST_CASE("nothing else is proposed for a slot that has a proposal, though another leader says that it is free") {
  fixture of{{4, 1, 3, 1 << 20}};
  of.add(1);
  CHECK(of.propose()->getSlot() == 1);
  of.subject.begin_anew(1);
  of.add(1); // Its client sends it again.
  CHECK(of.propose()->getSlot() == 2);
  CHECK(of.subject.in_flight() == 2);
}

TEST_CASE("requests of own clients find room where those of others have taken theirs") {
  fixture of{{4, 1024, 3, 1000}};
  for (uint64_t cid = 1; of.subject.has_room(request_of(70, cid, {{"INCR", "n"}}), false); ++cid)
    of.add(cid);
  auto taken = of.subject.requests().bytes();
  CHECK(taken <= 1000);
  auto next = request_of(70, of.subject.requests().size() + 1, {{"SET", "k", std::string(500, 'x')}});
  CHECK_FALSE(of.subject.has_room(next, false));
  CHECK(of.subject.has_room(next, true));
  CHECK_FALSE(of.subject.has_room(request_of(70, 100, {{"SET", "k", std::string(2000 - taken, 'x')}}), true));
}
