// A leader, and configurations that are decided while it leads.
#include "leader/leader_fixture.hpp"

#include <doctest/doctest.h>

using namespace synod;
using namespace synod::test;
using std::chrono::milliseconds;

namespace {

struct fixture : leader_fixture {
  /// With a fourth node, whose acceptor is reached.
  void begin() {
    start();
    caf::anon_send(subject, peer{3, "acceptor", fourth.ptr()});
    run();
    become_active();
    forget_messages();
  }

  /// Configuration 1 rules from slot 300 on; the replica of node 0 has performed all below `below`.
  void reconfigure(const configuration& next, slot_number below = 50) {
    auto members = three_members();
    members.add(next, 300);
    builder<schema::Performed> performed;
    performed->setNode(0);
    performed->setBelow(below);
    write(members, performed->initConfigurations());
    replicas[0].send(subject, performed.finish());
    run();
  }

  /// Acceptors are those of nodes 1, 2, 3; node 0 has its leader yet.
  static configuration elsewhere() {
    auto nodes = nodes_of({0, 1, 2, 3}).nodes();
    nodes[0].roles = {"leader", "replica"};
    return {1, nodes};
  }

  message<schema::Pvalue> value(slot_number slot, uint64_t number) {
    builder<schema::Pvalue> built;
    write(mine, built->initBallot());
    built->setSlot(slot);
    built->setDecidedBelow(1);
    built->setConfiguration(number);
    built->initValue().setTime(7);
    return built.finish();
  }

  /// From the acceptor of node 3.
  void promise_of_fourth(const message<schema::P1a>& request) { promise(3, request); }
  bool fourth_has_p2a() { return fourth->has<p2a_atom, message<schema::Pvalue>, uint64_t>(); }

  /// Stands again for configuration 1, and is adopted by nodes 1, 2, 3.
  void become_active_again() {
    auto request = asked(1);
    mine = ballot_of(request->getBallot());
    promise(1, request);
    promise(2, asked(2));
    promise(3, std::get<0>(fourth->take<message<schema::P1a>>()));
    REQUIRE(active());
    forget_messages();
    fourth->inbox.clear();
  }

  probe fourth{*this};
};

} // namespace

TEST_CASE_FIXTURE(fixture, "acceptors that are no members are asked for nothing") {
  begin();
  CHECK_FALSE(fourth->has<message<schema::P1a>>());
  propose(value(1, 0));
  CHECK(has_p2a());
  CHECK_FALSE(fourth_has_p2a());
}

TEST_CASE_FIXTURE(fixture, "a new configuration's acceptors have to promise, each configuration's by a quorum of its own") {
  begin();
  reconfigure(nodes_of({0, 1, 3}, 1));
  CHECK_FALSE(active());
  auto request = asked(0);
  CHECK(ballot_of(request->getBallot()) > mine);
  CHECK(request->getFirstSlot() == 50); // R2: everything below is decided.
  promise(0, request);
  promise(2, asked(2));
  CHECK_FALSE(active()); // Of the new one's only node 0.
  promise_of_fourth(std::get<0>(fourth->take<message<schema::P1a>>()));
  CHECK(active());
}

TEST_CASE_FIXTURE(fixture, "a candidate that another leader tells that slots are decided asks only those that rule the rest") {
  begin();
  reconfigure(nodes_of({0, 1, 3}, 1));
  forget_messages();
  fourth->inbox.clear();
  pong({0, 1, 1}, 300);
  auto request = asked(0);
  CHECK(request->getFirstSlot() == 300);
  promise(0, request);
  promise_of_fourth(std::get<0>(fourth->take<message<schema::P1a>>()));
  CHECK(active()); // Of the old one's only node 0 has promised.
}

TEST_CASE_FIXTURE(fixture, "that a new acceptor has accepted nothing says nothing about slots that it does not rule") {
  begin();
  reconfigure(nodes_of({0, 3, 4}, 1));
  auto request = asked(0);
  promise(0, request);
  promise_of_fourth(std::get<0>(fourth->take<message<schema::P1a>>()));
  CHECK_FALSE(active()); // A quorum of the new one, and of the old one only node 0.
  promise(1, asked(1), {value_of({0, 1, 1}, 60, 10)});
  CHECK(active());
  CHECK(p2a(1)->getSlot() == 50); // A hole is filled.
}

TEST_CASE_FIXTURE(fixture, "a slot is chosen by the acceptors of the configuration that rules it") {
  begin();
  reconfigure(elsewhere(), 290);
  become_active_again();
  propose(value(299, 0));
  CHECK(has_p2a(0));
  CHECK_FALSE(fourth_has_p2a());
  vote(3, mine, {299});
  vote(1, mine, {299});
  CHECK_FALSE(has_decision());
  vote(0, mine, {299});
  CHECK(has_decision());
  forget_messages();
  propose(value(300, 1));
  CHECK_FALSE(has_p2a(0));
  CHECK(fourth_has_p2a());
  vote(0, mine, {300});
  vote(1, mine, {300});
  CHECK_FALSE(has_decision());
  vote(3, mine, {300});
  CHECK(has_decision());
}

TEST_CASE_FIXTURE(fixture, "a proposal for another configuration than rules its slot is not taken") {
  begin();
  reconfigure(elsewhere(), 290);
  become_active_again();
  propose(value(299, 1));
  propose(value(300, 0));
  CHECK_FALSE(has_p2a(1));
}

TEST_CASE_FIXTURE(fixture, "before it knows whose acceptors choose a slot, a leader gets nothing decided there") {
  begin();
  propose(value(2, 1)); // Its replica knows of a configuration that this leader does not know yet.
  CHECK_FALSE(has_p2a());
}

TEST_CASE_FIXTURE(fixture, "one that is no leader any more asks one that is, goes on meanwhile, and does not stand again") {
  begin();
  reconfigure(nodes_of({1, 2, 3}, 1));
  CHECK(active());
  propose(value(60, 0));
  CHECK(has_p2a());
  propose(value(300, 1)); // Its acceptors have not promised.
  CHECK_FALSE(fourth_has_p2a());
  pass(milliseconds{150});
  auto asks = false;
  while (other->has<message<schema::Ping>>())
    asks |= std::get<0>(other->take<message<schema::Ping>>())->getAsksToLead();
  CHECK(asks);
  ping({5, 1, 1}); // It stands.
  CHECK_FALSE(active());
  forget_messages();
  for (int i = 0; i < 20; ++i)
    pass(milliseconds{1000});
  CHECK_FALSE(acceptors[1]->has<message<schema::P1a>>());
}

TEST_CASE_FIXTURE(fixture, "adopted for less than is known by now, it stands again") {
  begin();
  reconfigure(nodes_of({0, 1, 3}, 1));
  auto first = asked(0);
  forget_messages();
  auto members = three_members();
  members.add(nodes_of({0, 1, 3}, 1), 300);
  members.add(nodes_of({0, 1, 2}, 2), 700);
  builder<schema::Performed> performed;
  performed->setBelow(310);
  write(members, performed->initConfigurations());
  replicas[0].send(subject, performed.finish());
  run();
  CHECK_FALSE(active());
  CHECK(ballot_of(asked(1)->getBallot()) >= ballot_of(first->getBallot()));
}
