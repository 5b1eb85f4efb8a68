#include "leader/leader_fixture.hpp"

#include <doctest/doctest.h>

using namespace synod;
using namespace synod::test;

TEST_CASE_FIXTURE(leader_fixture, "a commander needs a majority, and tells every replica") {
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

TEST_CASE_FIXTURE(leader_fixture, "a commander sends p2a again to those that have not answered") {
  start();
  become_active();
  propose(value_of(mine, 1, 10));
  vote(0, mine, {1});
  forget_messages();
  pass(std::chrono::milliseconds{500});
  CHECK_FALSE(has_p2a(0));
  CHECK(has_p2a(1));
  CHECK(has_p2a(2));
}

TEST_CASE_FIXTURE(leader_fixture, "a vote under an earlier ballot does not count, and keeps nobody from counting the others") {
  start();
  become_active();
  propose(value_of(mine, 1, 10));
  vote(0, mine, {1});
  vote(1, {0, 0, 0}, {1});
  CHECK_FALSE(has_decision());
  vote(1, mine, {1});
  CHECK(has_decision());
}

TEST_CASE_FIXTURE(leader_fixture, "A4: all acceptors are sent the same pvalue for a ballot and slot") {
  start();
  become_active();
  propose(value_of({}, 1, 10)); // The replica did not know the ballot.
  auto first = p2a(0), second = p2a(1);
  CHECK(first.content() == second.content());
  CHECK(ballot_of(first->getBallot()) == mine);
}

TEST_CASE_FIXTURE(leader_fixture, "what is owed to a silent acceptor stays within the limit") {
  auto small = initial();
  small.peer_limit_bytes = 2000;
  start(small);
  become_active();
  forget_messages();
  for (slot_number slot = 1; slot <= 200; ++slot)
    propose(value_of(mine, slot, 1));
  size_t bytes = 0;
  for (auto& each : acceptors[2]->inbox)
    bytes += each.content.get_as<message<schema::Pvalue>>(1).size_bytes();
  CHECK(bytes > 1500);
  CHECK(bytes < 2300); // the limit, and a probe
}

TEST_CASE_FIXTURE(leader_fixture, "a commander counts votes as the configuration says") {
  auto options = initial();
  options.members = configurations{three_members().latest().with_quorums(1, 3)};
  start(options);
  pass(std::chrono::milliseconds{60});
  auto request = asked(0);
  mine = ballot_of(request->getBallot());
  promise(0, request);
  REQUIRE(active());
  propose(value_of(mine, 1, 10));
  vote(0, mine, {1});
  vote(1, mine, {1});
  vote(7, mine, {1}); // Is no acceptor.
  CHECK_FALSE(has_decision());
  vote(2, mine, {1});
  CHECK(has_decision());
}

TEST_CASE_FIXTURE(leader_fixture, "a commander sends with growing pauses of its own, whatever others do") {
  start();
  become_active();
  propose(value_of(mine, 1, 10));
  forget_messages();
  size_t first = 0, others = 0;
  for (slot_number slot = 2; slot <= 42; ++slot) {
    pass(std::chrono::milliseconds{100});
    propose(value_of(mine, slot, 10));
    vote(0, mine, {slot});
    vote(1, mine, {slot});
    while (has_p2a(2))
      p2a(2)->getSlot() == 1 ? ++first : ++others;
  }
  CHECK(first == 4); // After about 0.2, 0.6, 1.4 and 3 s; the next one is due 2 s later.
  CHECK(others == 41);
}

TEST_CASE_FIXTURE(leader_fixture, "what an acceptor's credit held back is sent as soon as that returns, the oldest slot first") {
  auto small = initial();
  small.peer_limit_bytes = 3 * value_of({0, 0, 1}, 1, 1).size_bytes();
  start(small);
  become_active();
  for (slot_number slot = 1; slot <= 10; ++slot)
    propose(value_of(mine, slot, 1));
  uint64_t mark = 0;
  size_t sent = 0;
  for (; has_p2a(2); ++sent) {
    auto [atom, pvalue, its_mark] = acceptors[2]->take<p2a_atom, message<schema::Pvalue>, uint64_t>();
    CHECK(pvalue->getSlot() == sent + 1);
    mark = its_mark;
  }
  CHECK(sent < 10);
  vote(2, mine, {1, 2, 3}, mark);
  std::vector<slot_number> next;
  while (has_p2a(2))
    next.push_back(p2a(2)->getSlot());
  CHECK(next == std::vector<slot_number>{sent + 1, sent + 2, sent + 3});
}

TEST_CASE_FIXTURE(leader_fixture, "what is owed to a silent replica stays within the limit, until it tells what arrived") {
  auto small = initial();
  small.peer_limit_bytes = 3 * value_of({0, 0, 1}, 1, 1).size_bytes();
  start(small);
  become_active();
  uint64_t mark = 0;
  auto decide = [&](slot_number from, slot_number to) {
    size_t told = 0;
    for (auto slot = from; slot <= to; ++slot) {
      propose(value_of(mine, slot, 1));
      for (uint32_t i = 0; i < 2; ++i)
        vote(i, mine, {slot}, std::get<2>(acceptors[i]->take<p2a_atom, message<schema::Pvalue>, uint64_t>()));
      for (; has_decision(); ++told)
        mark = std::get<2>(replicas[0]->take<decision_atom, message<schema::Pvalue>, uint64_t>());
    }
    return told;
  };
  CHECK(decide(1, 10) == 3);
  builder<schema::Received> received;
  received->setNode(0);
  received->setMark(mark);
  replicas[0].send(subject, received.finish());
  run();
  CHECK(decide(11, 20) == 3);
}

TEST_CASE_FIXTURE(leader_fixture, "a commander turns to an acceptor and a replica that come back where they are reached now") {
  start();
  become_active();
  propose(value_of(mine, 1, 10));
  probe acceptor{*this}, replica{*this};
  caf::anon_send(subject, peer{2, "acceptor", acceptor.ptr()});
  caf::anon_send(subject, peer{2, "replica", replica.ptr()});
  run();
  CHECK(acceptor->has<p2a_atom, message<schema::Pvalue>, uint64_t>());
  vote(0, mine, {1});
  vote(1, mine, {1});
  CHECK(replica->has<decision_atom, message<schema::Pvalue>, uint64_t>());
}
