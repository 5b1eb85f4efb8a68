#include "explained.hpp"
#include "leader/leader_fixture.hpp"

#include "synod/actors/role/upheld.hpp"
#include "synod/messages/batch.hpp"

#include <doctest/doctest.h>

using namespace synod;
using namespace synod::test;

TEST_CASE_FIXTURE(leader_fixture, "a leader starts with a scout for <0, leader> to all acceptors") {
  start();
  pass(std::chrono::milliseconds{60});
  for (size_t i = 0; i < 3; ++i)
    CHECK(ballot_of(asked(i)->getBallot()) == ballot{0, 0, 1});
  CHECK_FALSE(active());
}

TEST_CASE_FIXTURE(leader_fixture, "a proposal before adoption is not sent to acceptors; an active leader's is, to all of them") {
  start();
  propose(value_of({}, 1, 10));
  CHECK_FALSE(has_p2a());
  become_active();
  propose(value_of(mine, 1, 10));
  for (size_t i = 0; i < 3; ++i)
    CHECK(p2a(i)->getSlot() == 1);
}

TEST_CASE_FIXTURE(leader_fixture, "a leader tells when it began a slot's commander, and when that ended") {
  start();
  become_active();
  CHECK(explained(*this, subject, 1) == "leader");
  outside->wall_clock_ms = 5000;
  propose(value_of(mine, 1, 10));
  CHECK(explained(*this, subject, 1) == "leader: ballot <0,0.1>, proposer 0, proposed at ms 5000");
  outside->wall_clock_ms = 6000;
  vote(0, mine, {1});
  vote(1, mine, {1});
  CHECK(explained(*this, subject, 1) == "leader: ballot <0,0.1>, proposer 0, proposed at ms 5000, decided at ms 6000");
}

TEST_CASE_FIXTURE(leader_fixture, "a batch of more requests than a replica can perform is not proposed") {
  start();
  become_active();
  builder<schema::Pvalue> large;
  large->setSlot(1);
  large->initValue().initRequests(most_requests + 1);
  propose(large.finish());
  CHECK_FALSE(has_p2a());
}

TEST_CASE_FIXTURE(leader_fixture, "C1: for one ballot and slot there is one commander") {
  start();
  become_active();
  propose(value_of(mine, 1, 10));
  CHECK(p2a()->getValue().getTime() == 10);
  propose(value_of(mine, 1, 11));
  CHECK_FALSE(has_p2a());
  vote(0, mine, {1});
  vote(1, mine, {1});
  CHECK(decision()->getValue().getTime() == 10);
  propose(value_of(mine, 1, 12));
  CHECK_FALSE(has_p2a());
}

TEST_CASE_FIXTURE(leader_fixture,
                  "C2, A5: what was accepted under a lower ballot is proposed again, the highest ballot's value") {
  start();
  pass(std::chrono::milliseconds{60});
  promise(0, asked(0), {value_of({0, 0, 0}, 1, 10)});
  promise(1, asked(1), {value_of({0, 0, 0}, 2, 5), value_of({0, 0, 1}, 1, 20)});
  auto first = p2a();
  CHECK(first->getSlot() == 1);
  CHECK(first->getValue().getTime() == 20);
  CHECK(p2a()->getValue().getTime() == 5);
  propose(value_of({}, 1, 30));
  CHECK_FALSE(has_p2a());
}

TEST_CASE_FIXTURE(leader_fixture, "a hole below what was accepted is filled with a no-op") {
  start();
  become_active({value_of({0, 0, 0}, 3, 10)});
  for (slot_number slot = 1; slot <= 3; ++slot) {
    auto pvalue = p2a();
    CHECK(pvalue->getSlot() == slot);
    CHECK(pvalue->getValue().getTime() == (slot == 3 ? 10 : 0));
  }
}

TEST_CASE_FIXTURE(leader_fixture, "slots that an acceptor knows to be decided are not proposed again") {
  start();
  become_active({value_of({0, 0, 0}, 3, 10), value_of({0, 0, 0}, 4, 11)}, 4);
  CHECK(p2a()->getSlot() == 4);
  CHECK_FALSE(has_p2a());
  propose(value_of({}, 2, 99));
  CHECK_FALSE(has_p2a());
}

TEST_CASE_FIXTURE(leader_fixture,
                  "preempted: a higher ballot makes the leader passive, and it comes back above it when that falls silent") {
  start();
  become_active();
  propose(value_of(mine, 1, 10));
  vote(1, {4, 1, 1}, {});
  CHECK_FALSE(active());
  vote(0, mine, {1});
  vote(1, mine, {1});
  CHECK_FALSE(has_decision());
  forget_messages();
  pass(std::chrono::milliseconds{300});
  CHECK_FALSE(acceptors[0]->has<message<schema::P1a>>());
  pass(std::chrono::milliseconds{2000});
  CHECK_FALSE(has_p2a()); // Its commanders ended with its ballot.
  CHECK(ballot_of(asked(0)->getBallot()) == ballot{5, 0, 1});
}

TEST_CASE_FIXTURE(leader_fixture, "C1: a restarted leader never uses a ballot of an earlier start") {
  start(initial(2));
  pass(std::chrono::milliseconds{60});
  CHECK(ballot_of(asked(0)->getBallot()) == ballot{0, 0, 2});
}

TEST_CASE_FIXTURE(leader_fixture, "slots that a replica cannot learn are decided again, with the value that a majority tells") {
  start();
  become_active({}, 10);
  forget_messages();
  ask_to_decide_again(3, 5);
  auto request = asked(0);
  CHECK(request->getFirstSlot() == 3);
  CHECK(request->getEndSlot() == 5);
  CHECK(ballot_of(request->getBallot()) == mine);
  promise(0, request, {value_of({0, 0, 0}, 3, 33)}, 10);
  promise(1, asked(1), {value_of({0, 0, 0}, 3, 33), value_of({0, 0, 0}, 4, 44)}, 10);
  CHECK(p2a()->getValue().getTime() == 33);
  CHECK(p2a()->getValue().getTime() == 44);
  vote(0, mine, {3});
  vote(1, mine, {3});
  CHECK(decision()->getSlot() == 3);
}

TEST_CASE_FIXTURE(leader_fixture,
                  "A4: a slot decided while it is looked for on a replica's behalf is not proposed with another value") {
  start();
  become_active();
  propose(value_of(mine, 1, 10));
  forget_messages();
  ask_to_decide_again(1, 2);
  auto first = asked(0), second = asked(1);
  vote(0, mine, {1});
  vote(1, mine, {1});
  CHECK(decision()->getValue().getTime() == 10);
  // Their answers are from before they accepted it.
  promise(0, first, {value_of({0, 0, 0}, 1, 5)});
  promise(1, second);
  CHECK_FALSE(has_p2a());
}

TEST_CASE_FIXTURE(leader_fixture, "replicas are told the median of the cluster's wall clocks") {
  start();
  become_active();
  auto told = [&] {
    for (auto& each : replicas)
      each->inbox.clear();
    pass(std::chrono::milliseconds{150});
    return std::get<0>(replicas[0]->take<message<schema::Leading>>())->getClusterTime().getAtLeast();
  };
  auto near = [](int64_t a, int64_t b) { return std::abs(a - b) < 1000; };
  auto before = outside->wall_clock_ms;
  CHECK(near(told(), before));
  outside->wall_clock_ms += 3'600'000; // This one's steps.
  CHECK(near(told(), before));
  pong({1, 1, 1}); // Of node 1, whose clock now shows the same.
  CHECK(near(told(), outside->wall_clock_ms));
}

TEST_CASE_FIXTURE(leader_fixture, "an acceptor that comes back while a scout waits is asked by way of its new handle") {
  start();
  pass(std::chrono::milliseconds{60});
  probe again{*this};
  caf::anon_send(subject, peer{1, "acceptor", again.ptr()});
  run();
  pass(std::chrono::milliseconds{1000});
  CHECK(again->has<message<schema::P1a>>());
}

TEST_CASE_FIXTURE(leader_fixture, "a leader proposes nothing that a replica or another leader knows to be decided") {
  start();
  become_active();
  propose(value_of(mine, 5, 10, 5));
  CHECK(p2a()->getSlot() == 5);
  propose(value_of(mine, 4, 10));
  CHECK_FALSE(has_p2a());
}

TEST_CASE_FIXTURE(leader_fixture,
                  "R5: what lies a window behind the decided slots is not proposed, nor more than there may be at a time") {
  auto options = initial();
  options.window = 4;
  start(options);
  become_active();
  propose(value_of(mine, 5, 10));
  CHECK_FALSE(has_p2a());
  propose(value_of(mine, 4, 10));
  CHECK(has_p2a());
  for (slot_number slot = 5; slot <= 400; ++slot) // Their replica says that all before is decided; the acceptors are silent.
    propose(value_of(mine, slot, 10, slot));
  CHECK(status("proposals").getNumber() == 8 + recovery::most_slots);
}

TEST_CASE_FIXTURE(leader_fixture, "a mark of a proposal comes back to its sender") {
  start();
  replicas[1].send(subject, propose_atom_v, value_of({}, 1, 10), uint64_t{70});
  replicas[1].send(subject, propose_atom_v, value_of({}, 2, 10), uint64_t{90});
  replicas[2].send(subject, propose_atom_v, value_of({}, 3, 10), uint64_t{0});
  pass(std::chrono::milliseconds{60});
  auto [received] = replicas[1]->take<message<schema::Received>>();
  CHECK(received->getNode() == 0);
  CHECK(received->getMark() == 90);
  CHECK_FALSE(replicas[1]->has<message<schema::Received>>());
  CHECK_FALSE(replicas[2]->has<message<schema::Received>>());
}

TEST_CASE_FIXTURE(leader_fixture, "C1: a decision for a slot that has no proposal cannot be") {
  start();
  become_active();
  std::string broken;
  auto before = on_broken([&](std::string_view invariant, const std::string&) {
    broken = invariant;
    throw std::runtime_error{"broken"};
  });
  caf::anon_send(subject, decided{1, {9, 9, 9}}); // By a commander of another ballot.
  run();
  CHECK(broken.empty());
  caf::anon_send(subject, decided{1, mine});
  run();
  on_broken(before);
  CHECK(broken == "C1");
}

TEST_CASE_FIXTURE(leader_fixture, "what no acceptor could tell is not proposed") {
  start();
  become_active();
  propose(pvalue_of(mine, 1, {request_of(7, 1, {{"SET", "k", std::string(pvalue_limit_bytes, 'x')}})}));
  CHECK_FALSE(has_p2a());
}

TEST_CASE_FIXTURE(leader_fixture, "a hole that a replica asks about is filled with a no-op") {
  start();
  become_active();
  propose(value_of(mine, 3, 10));
  vote(0, mine, {3});
  vote(1, mine, {3});
  forget_messages();
  ask_to_decide_again(1, 3);
  promise(0, asked(0));
  promise(1, asked(1));
  for (slot_number slot = 1; slot <= 2; ++slot) {
    auto pvalue = p2a();
    CHECK(pvalue->getSlot() == slot);
    CHECK(pvalue->getValue().getTime() == 0);
  }
}

TEST_CASE_FIXTURE(leader_fixture, "replicas are told of the first slot behind all that is proposed or decided") {
  start();
  become_active();
  auto free_slot = [&] {
    forget_messages();
    pass(std::chrono::milliseconds{150});
    return std::get<0>(replicas[0]->take<message<schema::Leading>>())->getFreeSlot();
  };
  CHECK(free_slot() == 1);
  propose(value_of(mine, 5, 10));
  CHECK(free_slot() == 6);
  vote(0, mine, {5});
  vote(1, mine, {5});
  CHECK(free_slot() == 6);
}

TEST_CASE_FIXTURE(leader_fixture, "an active leader takes nobody else's word for the time") {
  start();
  become_active();
  pass(std::chrono::milliseconds{11'000}); // No acceptor shows its clock any more: what was agreed is carried on.
  builder<schema::Ping> ping;
  ping->setNode(1);
  write(cluster_clock::interval{9'000'000, 9'000'000}, ping->initClusterTime());
  other.send(subject, ping.finish()); // It was active, and does not know yet that it is not.
  run();
  forget_messages();
  pass(std::chrono::milliseconds{150});
  CHECK(std::get<0>(replicas[0]->take<message<schema::Leading>>())->getClusterTime().getAtLeast() < 2'000'000);
}
