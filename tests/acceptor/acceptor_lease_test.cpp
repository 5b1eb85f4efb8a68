// What an acceptor grants the active leader, and what others wait for.
#include "acceptor_fixture.hpp"

using namespace synod;
using namespace synod::test;
using std::chrono::milliseconds;

namespace {

constexpr ballot higher{3, 2, 1};

struct fixture : acceptor_fixture {
  fixture() {
    describe(milliseconds{500});
    restart();
  }

  void ask_lease(probe& from, ballot by, int64_t asked = 77, bool gives_up = false) {
    builder<schema::AskLease> request;
    write(by, request->initBallot());
    request->setAsked(asked);
    request->setGivesUp(gives_up);
    from.send(subject, request.finish());
    run();
  }

  bool is_granted(ballot by) {
    ask_lease(leader, by);
    if (!leader->has<message<schema::Lease>>())
      return false;
    auto [answer] = leader->take<message<schema::Lease>>();
    CHECK(answer->getAcceptor() == 1);
    CHECK(ballot_of(answer->getBallot()) == by);
    CHECK(answer->getAsked() == 77);
    return ballot_of(answer->getWaits()) == ballot{};
  }

  /// Of another leader; it is promised its ballot.
  bool is_promised(ballot asked) {
    ask(other, asked, 1, 0, 9);
    return was_promised(asked);
  }
  bool was_promised(ballot asked) {
    if (!other->has<message<schema::P1b>>())
      return false;
    return ballot_of(std::get<0>(other->take<message<schema::P1b>>())->getBallot()) == asked;
  }

  void wait(milliseconds time) {
    around->boot_time += time;
    pass(time);
  }

  probe other{*this};
};

} // namespace

TEST_CASE_FIXTURE(fixture, "the leader of the acceptor's ballot is granted a lease, and nobody else") {
  p1a(low);
  CHECK(is_granted(low));
  CHECK_FALSE(is_granted(high));
  p1a({1, 0, 2});
  CHECK_FALSE(is_granted(low));
}

TEST_CASE_FIXTURE(fixture,
                  "while a lease lasts no other leader is promised its ballot; when it is over it is, without asking again") {
  p1a(low);
  CHECK(is_granted(low));
  wait(milliseconds{400});
  CHECK_FALSE(is_promised(high));
  wait(milliseconds{95});
  CHECK_FALSE(was_promised(high));
  wait(milliseconds{10});
  CHECK(was_promised(high));
}

TEST_CASE_FIXTURE(fixture, "a lease lasts by the clock that counts while the host is suspended, whatever the timer does") {
  p1a(low);
  CHECK(is_granted(low));
  CHECK_FALSE(is_promised(high));
  pass(milliseconds{2000});
  CHECK_FALSE(was_promised(high));
  around->boot_time += milliseconds{500};
  pass(milliseconds{500});
  CHECK(was_promised(high));
}

TEST_CASE_FIXTURE(fixture, "nothing is accepted under another leader's ballot while a lease lasts; who has it hears of that") {
  p1a(low);
  CHECK(is_granted(low));
  auto accept = [&](ballot under) {
    other.send(subject, p2a_atom_v, value_of(under, 1, 1), uint64_t{1});
    run();
    auto [answer] = other->take<message<schema::P2b>>();
    return answer->getSlots().size() == 1 && ballot_of(answer->getBallot()) == under;
  };
  CHECK_FALSE(accept(high));
  auto [told] = leader->take<message<schema::Lease>>();
  CHECK(ballot_of(told->getWaits()) == high);
  ask_lease(other, high);
  CHECK_FALSE(other->has<message<schema::Lease>>());
  ask_lease(other, high, 0, true); // It has nothing to give up.
  CHECK_FALSE(accept(high));
  crash_and_restart();
  CHECK_FALSE(accept(high));
  CHECK_FALSE(is_promised(higher));
  wait(milliseconds{505});
  CHECK(was_promised(higher));
}

TEST_CASE_FIXTURE(fixture, "what came with a p2a and waits keeps nobody from a lease when its ballot is no higher any more") {
  p1a(low);
  CHECK(is_granted(low));
  other.send(subject, p2a_atom_v, value_of(high, 1, 1), uint64_t{1});
  run();
  CHECK(ballot_of(std::get<0>(leader->take<message<schema::Lease>>())->getWaits()) == high);
  CHECK_FALSE(is_granted(low));
  ballot own{5, 0, 2};
  CHECK(ballot_of(p1a(own)->getBallot()) == own);
  CHECK(is_granted(own));
}

TEST_CASE_FIXTURE(fixture, "of those that wait for the end of a lease the one with the highest ballot is promised it") {
  p1a(low);
  CHECK(is_granted(low));
  probe third{*this};
  ask(third, higher, 1, 0, 3);
  CHECK_FALSE(is_promised(high));
  wait(milliseconds{505});
  REQUIRE(third->has<message<schema::P1b>>());
  CHECK(ballot_of(std::get<0>(third->take<message<schema::P1b>>())->getBallot()) == higher);
  CHECK_FALSE(other->has<message<schema::P1b>>());
  CHECK_FALSE(is_promised(high));
}

TEST_CASE_FIXTURE(fixture, "who comes later with a higher ballot waits in the place of the first") {
  p1a(low);
  CHECK(is_granted(low));
  CHECK_FALSE(is_promised(high));
  probe third{*this};
  ask(third, higher, 1, 0, 3);
  ask_lease(leader, low, 0, true);
  CHECK(third->has<message<schema::P1b>>());
  CHECK_FALSE(other->has<message<schema::P1b>>());
}

TEST_CASE_FIXTURE(fixture, "a lease is not granted any longer when another leader waits; who has it hears of that at once") {
  p1a(low);
  CHECK(is_granted(low));
  CHECK_FALSE(is_promised(high));
  auto [told] = leader->take<message<schema::Lease>>();
  CHECK(ballot_of(told->getWaits()) == high);
  CHECK_FALSE(is_granted(low));
  wait(milliseconds{400});
  CHECK_FALSE(is_granted(low));
  wait(milliseconds{105});
  CHECK(was_promised(high));
}

TEST_CASE_FIXTURE(fixture, "who gives up its lease lets others be promised their ballots at once") {
  p1a(low);
  CHECK(is_granted(low));
  CHECK_FALSE(is_promised(high));
  ask_lease(leader, low, 0, true);
  CHECK(was_promised(high));
}

TEST_CASE_FIXTURE(fixture, "a leader's later ballot does not wait for its own lease, nor what it accepts under it") {
  p1a(low);
  CHECK(is_granted(low));
  CHECK(ballot_of(p1a({5, 0, 2})->getBallot()) == ballot{5, 0, 2});
  CHECK(p2a(value_of({6, 0, 2}, 1, 1))->getSlots().size() == 1);
}

TEST_CASE_FIXTURE(fixture, "a lease is not granted under a ballot that is not durable") {
  storage.waits = true;
  ask(leader, low);
  CHECK_FALSE(is_granted(low));
  finish();
  CHECK(is_granted(low));
  wait(milliseconds{505});
  ask(other, high); // It is promised, though not told yet.
  CHECK_FALSE(is_granted(low));
}

TEST_CASE_FIXTURE(fixture, "an acceptor that starts again lets others wait as if it had granted a lease at the last moment") {
  p1a(low);
  crash_and_restart();
  CHECK_FALSE(is_promised(high));
  CHECK(ballot_of(p1a({2, 0, 2})->getBallot()) == ballot{2, 0, 2});
  crash_and_restart();
  CHECK_FALSE(is_promised(higher));
  wait(milliseconds{505});
  CHECK(was_promised(higher));
}

TEST_CASE_FIXTURE(acceptor_fixture, "where there are no leases none is granted, and nobody waits") {
  p1a(low);
  builder<schema::AskLease> request;
  write(low, request->initBallot());
  leader.send(subject, request.finish());
  run();
  CHECK_FALSE(leader->has<message<schema::Lease>>());
  restart();
  CHECK(ballot_of(p1a(high)->getBallot()) == high);
}
