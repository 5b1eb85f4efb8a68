#include "harness.hpp"

#include "synod/actors/leader/leader.hpp"

#include <doctest/doctest.h>

using namespace synod;
using namespace synod::test;

namespace {

struct fixture : world {
  void start(leader::options options = {}) {
    options.node = 0;
    options.members = three_members();
    options.wall_clock = [this] { return wall_clock; };
    options.announce = [this](const std::string& text) { announced.push_back(text); };
    subject = spawn<leader>(options);
    run();
    for (uint32_t i = 0; i < 3; ++i) {
      caf::anon_send(subject, peer{i, "acceptor", acceptors[i].ptr()});
      caf::anon_send(subject, peer{i, "replica", replicas[i].ptr()});
    }
    caf::anon_send(subject, peer{1, "leader", other.ptr()});
    run();
  }

  message<schema::P1a> asked(size_t acceptor) { return std::get<0>(acceptors[acceptor]->take<message<schema::P1a>>()); }

  void promise(uint32_t acceptor, const message<schema::P1a>& request, std::vector<message<schema::Pvalue>> accepted = {},
               slot_number decided_below = 1, std::optional<ballot> instead = {}, slot_number next_slot = 0) {
    builder<schema::P1b> answer;
    answer->setAcceptor(acceptor);
    write(instead.value_or(ballot_of(request->getBallot())), answer->initBallot());
    answer->setScout(request->getScout());
    answer->setFirstSlot(request->getFirstSlot());
    answer->setNextSlot(next_slot);
    answer->setDecidedBelow(decided_below);
    auto list = answer->initPvalues(static_cast<unsigned>(accepted.size()));
    for (unsigned i = 0; i < list.size(); ++i)
      list.set(i, accepted[i].as_data());
    acceptors[acceptor].send(subject, answer.finish());
    run();
  }

  void vote(uint32_t acceptor, ballot under, std::vector<slot_number> slots) {
    builder<schema::P2b> answer;
    answer->setAcceptor(acceptor);
    write(under, answer->initBallot());
    auto list = answer->initSlots(static_cast<unsigned>(slots.size()));
    for (unsigned i = 0; i < list.size(); ++i)
      list.set(i, slots[i]);
    acceptors[acceptor].send(subject, answer.finish());
    run();
  }

  void become_active(std::vector<message<schema::Pvalue>> accepted = {}, slot_number decided_below = 1) {
    pass(std::chrono::milliseconds{60});
    auto request = asked(0);
    mine = ballot_of(request->getBallot());
    promise(0, request, accepted, decided_below);
    promise(1, asked(1), {}, decided_below);
  }

  message<schema::Pvalue> p2a(size_t acceptor = 0) {
    return std::get<1>(acceptors[acceptor]->take<p2a_atom, message<schema::Pvalue>, uint64_t>());
  }

  bool has_p2a(size_t acceptor = 0) { return acceptors[acceptor]->has<p2a_atom, message<schema::Pvalue>, uint64_t>(); }

  message<schema::Pvalue> decision(size_t replica = 0) {
    return std::get<1>(replicas[replica]->take<decision_atom, message<schema::Pvalue>, uint64_t>());
  }

  bool has_decision(size_t replica = 0) { return replicas[replica]->has<decision_atom, message<schema::Pvalue>, uint64_t>(); }

  void propose(const message<schema::Pvalue>& pvalue) {
    replicas[0].send(subject, propose_atom_v, pvalue, uint64_t{0});
    run();
  }

  bool active() {
    probe asker{*this};
    asker.send(subject, status_atom_v);
    run();
    auto [status] = asker->take<message<schema::RoleStatus>>();
    return std::string{status->getEntries()[0].getText().cStr()} == "active";
  }

  int64_t wall_clock = 1'000'000;
  std::vector<std::string> announced;
  probe acceptors[3] = {probe{*this}, probe{*this}, probe{*this}};
  probe replicas[3] = {probe{*this}, probe{*this}, probe{*this}};
  probe other{*this};
  leader_actor subject;
  ballot mine;
};

} // namespace

TEST_CASE_FIXTURE(fixture, "a leader starts with a scout for <0, leader> to all acceptors") {
  start();
  pass(std::chrono::milliseconds{60});
  for (size_t i = 0; i < 3; ++i)
    CHECK(ballot_of(asked(i)->getBallot()) == ballot{0, 0, 1});
  CHECK_FALSE(active());
}

TEST_CASE_FIXTURE(fixture, "a scout needs a majority") {
  start();
  pass(std::chrono::milliseconds{60});
  promise(0, asked(0));
  CHECK_FALSE(active());
  promise(1, asked(1));
  CHECK(active());
}

TEST_CASE_FIXTURE(fixture, "a promise told twice counts once") {
  start();
  pass(std::chrono::milliseconds{60});
  auto request = asked(0);
  promise(0, request);
  promise(0, request);
  CHECK_FALSE(active());
}

TEST_CASE_FIXTURE(fixture, "a scout pulls an acceptor's pieces one after the other, and counts it when it has all") {
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

TEST_CASE_FIXTURE(fixture, "a scout asks again with growing pauses those that do not answer") {
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

TEST_CASE_FIXTURE(fixture, "a proposal before adoption is not sent to acceptors; an active leader's is, to all of them") {
  start();
  propose(value_of({}, 1, 10));
  CHECK_FALSE(has_p2a());
  become_active();
  propose(value_of(mine, 1, 10));
  for (size_t i = 0; i < 3; ++i)
    CHECK(p2a(i)->getSlot() == 1);
}

TEST_CASE_FIXTURE(fixture, "C1: for one ballot and slot there is one commander") {
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

TEST_CASE_FIXTURE(fixture, "A4: all acceptors are sent the same pvalue for a ballot and slot") {
  start();
  become_active();
  propose(value_of({}, 1, 10)); // The replica did not know the ballot.
  auto first = p2a(0), second = p2a(1);
  CHECK(first.content() == second.content());
  CHECK(ballot_of(first->getBallot()) == mine);
}

TEST_CASE_FIXTURE(fixture, "C2, A5: what was accepted under a lower ballot is proposed again, the highest ballot's value") {
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

TEST_CASE_FIXTURE(fixture, "a hole below what was accepted is filled with a no-op") {
  start();
  become_active({value_of({0, 0, 0}, 3, 10)});
  for (slot_number slot = 1; slot <= 3; ++slot) {
    auto pvalue = p2a();
    CHECK(pvalue->getSlot() == slot);
    CHECK(pvalue->getValue().getTime() == (slot == 3 ? 10 : 0));
  }
}

TEST_CASE_FIXTURE(fixture, "slots that an acceptor knows to be decided are not proposed again") {
  start();
  become_active({value_of({0, 0, 0}, 3, 10), value_of({0, 0, 0}, 4, 11)}, 4);
  CHECK(p2a()->getSlot() == 4);
  CHECK_FALSE(has_p2a());
  propose(value_of({}, 2, 99));
  CHECK_FALSE(has_p2a());
}

TEST_CASE_FIXTURE(fixture, "a commander needs a majority, and tells every replica") {
  start();
  become_active();
  propose(value_of(mine, 1, 10));
  vote(0, mine, {1});
  vote(0, mine, {1});
  CHECK_FALSE(has_decision());
  vote(2, mine, {1});
  for (size_t i = 0; i < 3; ++i)
    CHECK(decision(i)->getSlot() == 1);
}

TEST_CASE_FIXTURE(fixture, "a commander sends p2a again to those that have not answered") {
  start();
  become_active();
  propose(value_of(mine, 1, 10));
  vote(0, mine, {1});
  for (auto& each : acceptors)
    each->inbox.clear();
  pass(std::chrono::milliseconds{500});
  CHECK_FALSE(has_p2a(0));
  CHECK(has_p2a(1));
  CHECK(has_p2a(2));
}

TEST_CASE_FIXTURE(fixture, "a vote under an earlier ballot does not count") {
  start();
  become_active();
  propose(value_of(mine, 1, 10));
  vote(0, mine, {1});
  vote(1, {0, 0, 0}, {1});
  CHECK_FALSE(has_decision());
}

TEST_CASE_FIXTURE(fixture,
                  "preempted: a higher ballot makes the leader passive, and it comes back above it when that falls silent") {
  start();
  become_active();
  propose(value_of(mine, 1, 10));
  vote(1, {4, 1, 1}, {});
  CHECK_FALSE(active());
  vote(0, mine, {1});
  vote(1, mine, {1});
  CHECK_FALSE(has_decision());
  for (auto& each : acceptors)
    each->inbox.clear();
  pass(std::chrono::milliseconds{300});
  CHECK_FALSE(acceptors[0]->has<message<schema::P1a>>());
  pass(std::chrono::milliseconds{2000});
  CHECK(ballot_of(asked(0)->getBallot()) == ballot{5, 0, 1});
}

TEST_CASE_FIXTURE(fixture, "a passive leader pings the one it watches and stays passive while that answers") {
  start();
  become_active();
  vote(1, {4, 1, 1}, {});
  for (auto& each : acceptors)
    each->inbox.clear();
  for (int i = 0; i < 40; ++i) {
    pass(std::chrono::milliseconds{100});
    REQUIRE(other->has<message<schema::Ping>>());
    other->take<message<schema::Ping>>();
    builder<schema::Pong> pong;
    pong->setNode(1);
    write({4, 1, 1}, pong->initBallot());
    pong->setActive(true);
    pong->setWallClock(wall_clock);
    other.send(subject, pong.finish());
    run();
  }
  CHECK_FALSE(acceptors[0]->has<message<schema::P1a>>());
}

TEST_CASE_FIXTURE(fixture,
                  "one that does not hear the active leader asks another that does to lead, before it becomes a candidate") {
  start();
  become_active();
  probe third{*this};
  caf::anon_send(subject, peer{2, "leader", third.ptr()});
  vote(1, {4, 1, 1}, {});
  for (auto& each : acceptors)
    each->inbox.clear();
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
      pong->setWallClock(wall_clock);
      third.send(subject, pong.finish());
    }
    run();
  }
  CHECK(asked_to_lead);
  pass(std::chrono::milliseconds{3000});
  CHECK(acceptors[0]->has<message<schema::P1a>>());
}

TEST_CASE_FIXTURE(fixture, "an idle leader is preempted by the ballot of another that pings it") {
  start();
  become_active();
  builder<schema::Ping> ping;
  ping->setNode(1);
  ping->setWallClock(wall_clock);
  write({4, 1, 1}, ping->initBallot());
  other.send(subject, ping.finish());
  run();
  CHECK_FALSE(active());
}

TEST_CASE_FIXTURE(fixture, "a leader that is asked to lead does, if it hears the one that leads") {
  start();
  become_active();
  vote(1, {4, 1, 1}, {});
  for (auto& each : acceptors)
    each->inbox.clear();
  builder<schema::Ping> ping;
  ping->setNode(1);
  ping->setWallClock(wall_clock);
  ping->setAsksToLead(true);
  other.send(subject, ping.finish());
  run();
  CHECK(ballot_of(asked(0)->getBallot()) == ballot{5, 0, 1});
}

TEST_CASE_FIXTURE(fixture, "an active leader that no majority answers says so when it is pinged") {
  start();
  become_active();
  auto pinged = [&] {
    builder<schema::Ping> ping;
    ping->setNode(1);
    ping->setWallClock(wall_clock);
    other.send(subject, ping.finish());
    run();
    return std::get<0>(other->take<message<schema::Pong>>())->getActive();
  };
  propose(value_of(mine, 1, 10));
  CHECK(pinged());
  pass(std::chrono::milliseconds{800});
  CHECK_FALSE(pinged());
}

TEST_CASE_FIXTURE(fixture, "the timeout grows when preempted and shrinks with decisions") {
  start();
  become_active();
  auto timeout = [&] {
    probe asker{*this};
    asker.send(subject, status_atom_v);
    run();
    auto [status] = asker->take<message<schema::RoleStatus>>();
    for (auto entry : status->getEntries())
      if (std::string{entry.getName().cStr()} == "timeout ms")
        return entry.getNumber();
    return int64_t{-1};
  };
  CHECK(timeout() == 500);
  vote(1, {4, 1, 1}, {});
  CHECK(timeout() == 750);
  for (auto& each : acceptors)
    each->inbox.clear();
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

TEST_CASE_FIXTURE(fixture, "C1: a restarted leader never uses a ballot of an earlier start") {
  leader::options again;
  again.incarnation = 2;
  start(again);
  pass(std::chrono::milliseconds{60});
  CHECK(ballot_of(asked(0)->getBallot()) == ballot{0, 0, 2});
}

TEST_CASE_FIXTURE(fixture, "what is owed to a silent acceptor stays within the limit") {
  leader::options small;
  small.peer_limit_bytes = 2000;
  start(small);
  become_active();
  for (auto& each : acceptors)
    each->inbox.clear();
  for (slot_number slot = 1; slot <= 200; ++slot)
    propose(value_of(mine, slot, 1));
  size_t bytes = 0;
  for (auto& each : acceptors[2]->inbox)
    bytes += each.content.get_as<message<schema::Pvalue>>(1).size_bytes();
  CHECK(bytes > 1500);
  CHECK(bytes < 2300); // the limit, and a probe
}

TEST_CASE_FIXTURE(fixture, "slots that a replica needs are decided again, with the value that a majority tells") {
  start();
  become_active({}, 10);
  builder<schema::DecideAgain> need;
  need->setFirstSlot(3);
  need->setEndSlot(5);
  for (auto& each : acceptors)
    each->inbox.clear();
  replicas[0].send(subject, need.finish());
  run();
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

TEST_CASE_FIXTURE(fixture, "A4: a slot decided while a replica's need is looked into is not proposed with another value") {
  start();
  become_active();
  propose(value_of(mine, 1, 10));
  for (auto& each : acceptors)
    each->inbox.clear();
  builder<schema::DecideAgain> need;
  need->setFirstSlot(1);
  need->setEndSlot(2);
  replicas[0].send(subject, need.finish());
  run();
  auto first = asked(0), second = asked(1);
  vote(0, mine, {1});
  vote(1, mine, {1});
  CHECK(decision()->getValue().getTime() == 10);
  // Their answers are from before they accepted it.
  promise(0, first, {value_of({0, 0, 0}, 1, 5)});
  promise(1, second);
  CHECK_FALSE(has_p2a());
}

TEST_CASE_FIXTURE(fixture, "a clock far ahead of the others' is not put into batches") {
  start();
  become_active();
  auto told = [&] {
    for (auto& each : replicas)
      each->inbox.clear();
    pass(std::chrono::milliseconds{150});
    return std::get<0>(replicas[0]->take<message<schema::Leading>>())->getClockAhead();
  };
  CHECK_FALSE(told());
  for (uint32_t node : {1u, 2u}) {
    builder<schema::Ping> ping;
    ping->setNode(node);
    ping->setWallClock(wall_clock - 20'000);
    other.send(subject, ping.finish());
  }
  run();
  CHECK(told());
  CHECK(announced.back().find("far ahead") != std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "a passive leader hands on what a replica sends, and not what another leader handed on") {
  leader::options options;
  options.first = false;
  start(options);
  builder<schema::Pong> pong;
  pong->setNode(1);
  write(ballot{5, 1, 1}, pong->initBallot());
  pong->setActive(true);
  other.send(subject, pong.finish());
  run();
  propose(value_of({5, 1, 1}, 1, 10));
  CHECK(other->count<propose_atom, message<schema::Pvalue>, uint64_t>() == 1);
  other.send(subject, propose_atom_v, value_of({5, 1, 1}, 1, 10), uint64_t{0});
  run();
  CHECK(other->count<propose_atom, message<schema::Pvalue>, uint64_t>() == 1);
}

TEST_CASE_FIXTURE(fixture, "an idle leader learns from a replica that slots were decided under a higher ballot") {
  start();
  become_active();
  builder<schema::HigherBallot> told;
  write(ballot{7, 1, 1}, told->initBallot());
  replicas[1].send(subject, told.finish());
  run();
  CHECK_FALSE(active());
}
