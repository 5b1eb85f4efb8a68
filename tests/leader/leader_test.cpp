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
  CHECK(ballot_of(asked(0)->getBallot()) == ballot{5, 0, 1});
}

TEST_CASE_FIXTURE(leader_fixture, "a passive leader pings the one it watches and stays passive while that answers") {
  start();
  become_active();
  vote(1, {4, 1, 1}, {});
  forget_messages();
  for (int i = 0; i < 40; ++i) {
    pass(std::chrono::milliseconds{100});
    REQUIRE(other->has<message<schema::Ping>>());
    other->take<message<schema::Ping>>();
    pong({4, 1, 1});
  }
  CHECK_FALSE(acceptors[0]->has<message<schema::P1a>>());
}

TEST_CASE_FIXTURE(leader_fixture,
                  "one that does not hear the active leader asks another that does to lead, before it becomes a candidate") {
  start();
  become_active();
  probe third{*this};
  caf::anon_send(subject, peer{2, "leader", third.ptr()});
  vote(1, {4, 1, 1}, {});
  forget_messages();
  bool asked_to_lead = false;
  for (int i = 0; i < 100 && !asked_to_lead; ++i) {
    pass(std::chrono::milliseconds{50});
    REQUIRE_FALSE(acceptors[0]->has<message<schema::P1a>>());
    while (third->has<message<schema::Ping>>()) {
      asked_to_lead |= std::get<0>(third->take<message<schema::Ping>>())->getAsksToLead();
      builder<schema::Pong> pong;
      pong->setNode(2);
      write({4, 1, 1}, pong->initBallot());
      pong->setHears(true);
      pong->setWallClock(outside->wall_clock_ms);
      third.send(subject, pong.finish());
    }
    run();
  }
  CHECK(asked_to_lead);
  pass(std::chrono::milliseconds{3000});
  CHECK(acceptors[0]->has<message<schema::P1a>>());
}

TEST_CASE_FIXTURE(leader_fixture, "an idle leader is preempted by the ballot of another that pings it") {
  start();
  become_active();
  ping({4, 1, 1});
  CHECK_FALSE(active());
}

TEST_CASE_FIXTURE(leader_fixture, "a leader that is asked to lead does, if it hears the one that leads") {
  start();
  become_active();
  vote(1, {4, 1, 1}, {});
  forget_messages();
  ping({}, true);
  CHECK(ballot_of(asked(0)->getBallot()) == ballot{5, 0, 1});
}

TEST_CASE_FIXTURE(leader_fixture, "an active leader that no majority answers says so when it is pinged") {
  start();
  become_active();
  auto says_active = [&] {
    ping({});
    return std::get<0>(other->take<message<schema::Pong>>())->getActive();
  };
  propose(value_of(mine, 1, 10));
  CHECK(says_active());
  pass(std::chrono::milliseconds{800});
  CHECK_FALSE(says_active());
}

TEST_CASE_FIXTURE(leader_fixture, "a candidate steps down for one that leads after all, unless acceptors have heard of it") {
  auto options = initial();
  options.first = false;
  start(options);
  pong({5, 1, 1});
  forget_messages();
  pass(std::chrono::milliseconds{800});
  auto request = asked(0);
  auto is = [&](const char* state) { return std::string{status("state").getText().cStr()} == state; };
  CHECK(is("candidate"));
  SUBCASE("nobody has") {
    pong({5, 1, 1});
    CHECK(is("passive"));
  }
  SUBCASE("one has: the other one is preempted in any case") {
    promise(0, request);
    pong({5, 1, 1});
    CHECK(is("candidate"));
  }
}

TEST_CASE_FIXTURE(leader_fixture, "the timeout grows when preempted and shrinks with decisions") {
  start();
  become_active();
  auto timeout = [&] { return status("timeout ms").getNumber(); };
  CHECK(timeout() == 500);
  vote(1, {4, 1, 1}, {});
  CHECK(timeout() == 750);
  forget_messages();
  pass(std::chrono::milliseconds{3000});
  auto request = asked(0);
  mine = ballot_of(request->getBallot());
  promise(0, request);
  promise(1, asked(1));
  for (slot_number slot = 1; slot <= 10; ++slot) {
    propose(value_of(mine, slot, 1));
    vote(0, mine, {slot});
    vote(1, mine, {slot});
  }
  CHECK(timeout() == 740);
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

TEST_CASE_FIXTURE(leader_fixture, "a passive leader hands on what a replica sends, and not what another leader handed on") {
  auto options = initial();
  options.first = false;
  start(options);
  pong({5, 1, 1});
  propose(value_of({5, 1, 1}, 1, 10));
  CHECK(other->count<propose_atom, message<schema::Pvalue>, uint64_t>() == 1);
  other.send(subject, propose_atom_v, value_of({5, 1, 1}, 1, 10), uint64_t{0});
  run();
  CHECK(other->count<propose_atom, message<schema::Pvalue>, uint64_t>() == 1);
}

TEST_CASE_FIXTURE(leader_fixture, "an idle leader learns from a replica that slots were decided under a higher ballot") {
  start();
  become_active();
  builder<schema::HigherBallot> told;
  write(ballot{7, 1, 1}, told->initBallot());
  replicas[1].send(subject, told.finish());
  run();
  CHECK_FALSE(active());
}

TEST_CASE_FIXTURE(leader_fixture, "one preemption makes the timeout grow once, however many acceptors tell of it") {
  start();
  become_active();
  for (slot_number slot = 1; slot <= 5; ++slot)
    vote(slot % 3, {4, 1, 1}, {});
  CHECK(status("timeout ms").getNumber() == 750);
}

TEST_CASE_FIXTURE(leader_fixture, "a passive leader's timeout shrinks with the decisions that another tells of") {
  start();
  become_active();
  vote(1, {4, 1, 1}, {});
  pong({4, 1, 1}, 101);
  CHECK(status("timeout ms").getNumber() == 650);
  CHECK(status("decided below").getNumber() == 101);
  pong({4, 1, 1}, 101);
  CHECK(status("timeout ms").getNumber() == 650);
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

TEST_CASE_FIXTURE(leader_fixture, "what is handed on to another leader waits for its word of what arrived") {
  auto options = initial();
  options.first = false;
  options.peer_limit_bytes = 3 * value_of({5, 1, 1}, 1, 10).size_bytes();
  start(options);
  pong({5, 1, 1});
  for (slot_number slot = 1; slot <= 10; ++slot)
    propose(value_of({5, 1, 1}, slot, 10));
  auto handed_on = other->count<propose_atom, message<schema::Pvalue>, uint64_t>();
  CHECK(handed_on >= 3);
  CHECK(handed_on <= 4); // the limit, and a probe
  CHECK(status("most bytes owed to a peer").getNumber() > 0);
  builder<schema::Received> received;
  received->setNode(1);
  received->setMark(static_cast<uint64_t>(status("most bytes owed to a peer").getNumber()));
  other.send(subject, received.finish());
  run();
  CHECK(status("most bytes owed to a peer").getNumber() == 0);
}

TEST_CASE_FIXTURE(leader_fixture, "a connection that breaks and comes back within the timeout is no reason to lead") {
  start();
  become_active();
  vote(1, {4, 1, 1}, {});
  forget_messages();
  caf::anon_send(subject, peer{1, "leader", nullptr});
  pass(std::chrono::milliseconds{400});
  CHECK_FALSE(acceptors[0]->has<message<schema::P1a>>());
  caf::anon_send(subject, peer{1, "leader", other.ptr()});
  pong({4, 1, 1});
  pass(std::chrono::milliseconds{400});
  CHECK_FALSE(acceptors[0]->has<message<schema::P1a>>());
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

TEST_CASE_FIXTURE(leader_fixture, "a leader whose replica is too far behind to propose asks one that is level to lead") {
  start();
  become_active({}, 10'000);
  auto tell = [&](slot_number below) {
    builder<schema::Performed> performed;
    performed->setBelow(below);
    replicas[0].send(subject, performed.finish());
    run();
  };
  auto asked_to_lead = [&] {
    forget_messages();
    for (int i = 0; i < 10; ++i) {
      pong({}, 1, 10'000);
      pass(std::chrono::milliseconds{100});
    }
    while (other->has<message<schema::Ping>>())
      if (std::get<0>(other->take<message<schema::Ping>>())->getAsksToLead())
        return true;
    return false;
  };
  tell(100);
  CHECK(asked_to_lead());
  tell(9'900);
  CHECK_FALSE(asked_to_lead());
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

TEST_CASE_FIXTURE(leader_fixture, "a leader says that it is active when it is, and neither before nor as a candidate") {
  auto options = initial();
  options.first = false;
  start(options);
  auto says_active = [&] {
    ping({});
    return std::get<0>(other->take<message<schema::Pong>>())->getActive();
  };
  CHECK_FALSE(says_active());
  pass(std::chrono::milliseconds{800});
  auto request = asked(0);
  CHECK_FALSE(says_active());
  promise(0, request);
  promise(1, request);
  CHECK(says_active());
}

TEST_CASE_FIXTURE(leader_fixture, "other leaders are told what is decided, also by one that does not lead any more") {
  start();
  become_active({}, 10);
  auto told = [&] {
    ping({});
    return std::get<0>(other->take<message<schema::Pong>>())->getDecidedBelow();
  };
  CHECK(told() == 10);
  vote(1, {4, 1, 1}, {});
  CHECK(told() == 10);
}

TEST_CASE_FIXTURE(leader_fixture, "a passive leader pings with the ballot that it watches, and never with its own") {
  auto options = initial();
  options.first = false;
  start(options);
  auto told = [&] {
    forget_messages();
    pass(std::chrono::milliseconds{150});
    return ballot_of(std::get<0>(other->take<message<schema::Ping>>())->getBallot());
  };
  CHECK(told() == ballot{}); // Its own would preempt the first leader's, which is in the same round.
  pong({5, 1, 1});
  CHECK(told() == ballot{5, 1, 1});
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

TEST_CASE_FIXTURE(leader_fixture, "a leader that stood still does not take that for another's silence") {
  auto options = initial();
  options.first = false;
  start(options);
  pong({5, 1, 1});
  pass(std::chrono::milliseconds{60});
  stand_still(std::chrono::milliseconds{3000});
  pass(std::chrono::milliseconds{300});
  CHECK_FALSE(acceptors[0]->has<message<schema::P1a>>());
  pass(std::chrono::milliseconds{600});
  CHECK(acceptors[0]->has<message<schema::P1a>>());
}

TEST_CASE_FIXTURE(leader_fixture, "a leader that does not reach a majority of the acceptors becomes no candidate until it does") {
  auto options = initial();
  options.first = false;
  start(options);
  for (uint32_t i = 1; i < 3; ++i)
    caf::anon_send(subject, peer{i, "acceptor", nullptr});
  pass(std::chrono::milliseconds{3000});
  CHECK_FALSE(acceptors[0]->has<message<schema::P1a>>());
  caf::anon_send(subject, peer{1, "acceptor", acceptors[1].ptr()});
  pass(std::chrono::milliseconds{60});
  CHECK(acceptors[0]->has<message<schema::P1a>>());
}
