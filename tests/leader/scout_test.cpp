#include "leader/leader_fixture.hpp"

#include "synod/actors/role/upheld.hpp"

#include <doctest/doctest.h>

using namespace synod;
using namespace synod::test;

TEST_CASE_FIXTURE(leader_fixture, "a scout needs a majority") {
  start();
  pass(std::chrono::milliseconds{60});
  promise(0, asked(0));
  CHECK_FALSE(active());
  promise(1, asked(1));
  CHECK(active());
}

TEST_CASE_FIXTURE(leader_fixture, "a promise told twice counts once") {
  start();
  pass(std::chrono::milliseconds{60});
  auto request = asked(0);
  promise(0, request);
  promise(0, request);
  CHECK_FALSE(active());
}

TEST_CASE_FIXTURE(leader_fixture, "a scout pulls an acceptor's pieces one after the other, and counts it when it has all") {
  start();
  pass(std::chrono::milliseconds{60});
  auto request = asked(0);
  promise(1, asked(1));
  promise(0, request, {value_of({0, 1, 1}, 1, 10)}, 1, {}, 2);
  CHECK_FALSE(active());
  auto next = asked(0);
  CHECK(next->getFirstSlot() == 2);
  promise(0, next, {value_of({0, 1, 1}, 2, 20)});
  CHECK(active());
  CHECK(p2a()->getValue().getTime() == 10);
  CHECK(p2a()->getValue().getTime() == 20);
}

TEST_CASE_FIXTURE(leader_fixture, "a scout does not count an acceptor whose last piece is missing when others have told all") {
  start();
  pass(std::chrono::milliseconds{60});
  promise(0, asked(0), {value_of({0, 0, 0}, 1, 10)}, 1, {}, 2);
  promise(1, asked(1));
  CHECK_FALSE(active());
  promise(0, asked(0), {value_of({0, 0, 0}, 2, 20)});
  CHECK(active());
}

TEST_CASE_FIXTURE(leader_fixture, "a piece that comes again is not the next one: a scout asks an acceptor for one at a time") {
  start();
  pass(std::chrono::milliseconds{60});
  auto request = asked(0);
  promise(0, request, {value_of({0, 0, 0}, 1, 10)}, 1, {}, 2);
  CHECK(asked(0)->getFirstSlot() == 2);
  promise(0, request, {value_of({0, 0, 0}, 1, 10)}, 1, {}, 2);
  CHECK_FALSE(acceptors[0]->has<message<schema::P1a>>());
}

TEST_CASE_FIXTURE(leader_fixture, "C2: an answer to an earlier scout under the same ballot is none to the present one") {
  start(initial(3));
  become_active({}, 10);
  auto earlier = asked(2);
  forget_messages();
  ask_to_decide_again(1, 5);
  // It leaves out what is decided, which a leader does not need to become active.
  promise(2, earlier, {}, 10);
  promise(0, asked(0), {value_of({0, 0, 1}, 3, 33)}, 10);
  CHECK_FALSE(has_p2a());
  promise(1, asked(1), {value_of({0, 0, 2}, 3, 44)}, 10);
  CHECK(p2a()->getValue().getTime() == 44);
}

TEST_CASE_FIXTURE(leader_fixture, "C1: a candidate does not take what an earlier scout gathered before it was preempted") {
  start();
  pass(std::chrono::milliseconds{60});
  auto request = asked(0);
  vote(1, {4, 1, 1}, {});
  ping({}, true); // It stands again.
  std::string broken;
  auto before = on_broken([&](std::string_view invariant, const std::string&) {
    broken = invariant;
    throw std::runtime_error{"broken"};
  });
  adopted late;
  late.scout = request->getScout();
  late.promised = ballot_of(request->getBallot());
  caf::anon_send(subject, late);
  run();
  on_broken(before);
  CHECK(broken.empty());
  CHECK_FALSE(active());
}

TEST_CASE_FIXTURE(leader_fixture, "what is asked on a replica's behalf is asked again of those that do not answer") {
  start();
  become_active({}, 10);
  ask_to_decide_again(3, 5);
  promise(0, asked(0), {}, 10);
  forget_messages();
  pass(std::chrono::milliseconds{500});
  CHECK_FALSE(acceptors[0]->has<message<schema::P1a>>());
  CHECK(asked(1)->getFirstSlot() == 3);
}

TEST_CASE_FIXTURE(leader_fixture, "a scout asks again with growing pauses those that do not answer") {
  start();
  pass(std::chrono::milliseconds{60});
  promise(1, asked(1));
  acceptors[0]->inbox.clear();
  acceptors[1]->inbox.clear();
  pass(std::chrono::milliseconds{3000});
  auto again = acceptors[0]->count<message<schema::P1a>>();
  CHECK(again >= 2);
  CHECK(again <= 5);
  CHECK_FALSE(acceptors[1]->has<message<schema::P1a>>());
}

TEST_CASE_FIXTURE(leader_fixture, "a scout that hears of a higher ballot is preempted by it") {
  start();
  pass(std::chrono::milliseconds{60});
  auto request = asked(0);
  promise(0, request, {}, 1, ballot{3, 1, 1});
  promise(1, request);
  promise(2, request);
  CHECK_FALSE(active());
  CHECK(std::string{status("watches").getText().cStr()} == to_string(ballot{3, 1, 1}));
}

TEST_CASE_FIXTURE(leader_fixture, "a scout takes no notice of an answer with less than it asked for") {
  start();
  pass(std::chrono::milliseconds{60});
  auto request = asked(0);
  promise(0, request, {}, 1, ballot{0, 0, 0});
  promise(1, request);
  CHECK_FALSE(active());
  promise(0, request);
  CHECK(active());
}

TEST_CASE_FIXTURE(leader_fixture, "a scout counts promises as the configuration says") {
  auto options = initial();
  options.members = configurations{three_members().latest().with_quorums(3, 1)};
  start(options);
  pass(std::chrono::milliseconds{60});
  auto request = asked(0);
  promise(0, request);
  promise(1, request);
  promise(7, request); // Is no acceptor.
  CHECK_FALSE(active());
  promise(2, request);
  CHECK(active());
}

TEST_CASE_FIXTURE(leader_fixture, "a scout takes no pvalue of a slot that it did not ask about") {
  start();
  become_active({}, 10);
  forget_messages();
  ask_to_decide_again(3, 4);
  auto request = asked(0);
  promise(0, request, {value_of({0, 0, 0}, 3, 33), value_of({0, 0, 0}, 4, 44), value_of({0, 0, 0}, 2, 22)}, 10);
  promise(1, asked(1), {}, 10);
  CHECK(p2a()->getSlot() == 3);
  CHECK_FALSE(has_p2a());
}
