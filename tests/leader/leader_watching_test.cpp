// A leader among other leaders: who watches whom, when one stands, and what it hands on.
#include "leader/leader_fixture.hpp"

#include <doctest/doctest.h>

using namespace synod;
using namespace synod::test;

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
  // What takes long, but goes on, is well: there is much on the way.
  for (slot_number slot = 1; slot <= 10; ++slot) {
    propose(value_of(mine, slot + 1, 10));
    pass(std::chrono::milliseconds{300});
    vote(0, mine, {slot});
    vote(1, mine, {slot});
    pass(std::chrono::milliseconds{300});
    CHECK(says_active());
  }
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
  // A slot that is decided once more, for a replica that is behind, is no progress.
  forget_messages();
  ask_to_decide_again(3, 4);
  promise(0, asked(0), {value_of(mine, 3, 1)});
  promise(1, asked(1), {value_of(mine, 3, 1)});
  vote(0, mine, {3});
  vote(1, mine, {3});
  CHECK(decision()->getSlot() == 3);
  CHECK(timeout() == 740);
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
  ask_to_decide_again(1, 2);
  CHECK(other->count<message<schema::DecideAgain>>() == 1);
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
