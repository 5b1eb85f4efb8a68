// The active leader's lease: when it holds it, and what it tells the replica beside it.
#include "leader/leader_fixture.hpp"

#include <doctest/doctest.h>

using namespace synod;
using namespace synod::test;
using std::chrono::milliseconds;

namespace {

struct fixture : leader_fixture {
  static leader::options with_leases() {
    auto options = initial();
    options.leasing = {milliseconds{1000}, 0};
    return options;
  }

  void lead() {
    start(with_leases());
    become_active();
  }

  message<schema::AskLease> asked_for_lease(size_t acceptor) {
    return std::get<0>(acceptors[acceptor]->take<message<schema::AskLease>>());
  }

  void grant(uint32_t acceptor, const message<schema::AskLease>& asked, ballot waits = {}, std::optional<ballot> under = {}) {
    builder<schema::Lease> answer;
    answer->setAcceptor(acceptor);
    write(under.value_or(ballot_of(asked->getBallot())), answer->initBallot());
    answer->setAsked(asked->getAsked());
    write(waits, answer->initWaits());
    acceptors[acceptor].send(subject, answer.finish());
    run();
  }

  /// What the replica beside it was told last.
  message<schema::Leased> told() {
    run();
    while (replicas[0]->has<message<schema::Leased>>())
      told_ = std::get<0>(replicas[0]->take<message<schema::Leased>>());
    return told_;
  }
  bool holds() {
    auto last = told();
    return last && outside->boot_time.count() < last->getUntil();
  }

  void wait(milliseconds time) {
    outside->boot_time += time;
    pass(time);
  }

  void performed(const configurations& members, slot_number below) {
    builder<schema::Performed> told;
    told->setNode(0);
    told->setBelow(below);
    write(members, told->initConfigurations());
    replicas[0].send(subject, told.finish());
    run();
  }

  message<schema::Leased> told_;
};

} // namespace

TEST_CASE_FIXTURE(fixture, "a leader holds the lease when each quorum of promises has an acceptor that granted it") {
  lead();
  CHECK_FALSE(holds());
  grant(0, asked_for_lease(0));
  CHECK_FALSE(holds());
  grant(2, asked_for_lease(2));
  CHECK(holds());
  CHECK(std::string{status("lease").getText().cStr()} == "held");
  CHECK(outside->logged().find("holds the lease") != std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "a lease is held from when it was asked for, not from when it was granted") {
  lead();
  auto first = asked_for_lease(0), second = asked_for_lease(1);
  wait(milliseconds{600});
  grant(0, first);
  grant(1, second);
  CHECK(holds());
  wait(milliseconds{400});
  CHECK_FALSE(holds());
}

TEST_CASE_FIXTURE(fixture, "an active leader asks for the lease again and again, and holds it as long as acceptors grant it") {
  lead();
  for (int i = 0; i < 20; ++i) {
    grant(0, asked_for_lease(0));
    grant(1, asked_for_lease(1));
    wait(milliseconds{300});
    CHECK(holds());
  }
  wait(milliseconds{1000});
  CHECK_FALSE(holds());
}

TEST_CASE_FIXTURE(fixture, "a host that was suspended has lost its lease, though its timers stood still") {
  lead();
  grant(0, asked_for_lease(0));
  grant(1, asked_for_lease(1));
  outside->boot_time += milliseconds{1000};
  CHECK_FALSE(holds());
}

TEST_CASE_FIXTURE(fixture, "reads wait for all that is proposed, decided or not") {
  lead();
  grant(0, asked_for_lease(0));
  grant(1, asked_for_lease(1));
  CHECK(told()->getFreeSlot() == 1);
  propose(value_of(mine, 1, 1));
  propose(value_of(mine, 2, 2));
  vote(0, mine, {1});
  vote(1, mine, {1});
  CHECK(told()->getFreeSlot() == 3);
}

TEST_CASE_FIXTURE(fixture, "grants under another ballot do not count") {
  lead();
  grant(0, asked_for_lease(0), {}, ballot{9, 0, 1});
  grant(1, asked_for_lease(1), {}, ballot{9, 0, 1});
  CHECK_FALSE(holds());
}

TEST_CASE_FIXTURE(fixture, "another leader that waits for the end of the lease gets it: this one is preempted, and gives it up") {
  lead();
  grant(0, asked_for_lease(0));
  auto again = asked_for_lease(1);
  grant(1, again);
  forget_messages();
  grant(1, again, {8, 1, 1});
  CHECK_FALSE(active());
  CHECK_FALSE(holds());
  auto given_up = asked_for_lease(2);
  CHECK(given_up->getGivesUp());
  CHECK(ballot_of(given_up->getBallot()) == mine);
}

TEST_CASE_FIXTURE(fixture, "a leader that ends gives up its lease") {
  lead();
  forget_messages();
  end(caf::actor_cast<caf::actor>(subject));
  CHECK(asked_for_lease(0)->getGivesUp());
}

TEST_CASE_FIXTURE(fixture, "a leader that is not active has no lease, and asks for none") {
  start(with_leases());
  pass(milliseconds{500});
  CHECK_FALSE(holds());
  CHECK_FALSE(acceptors[0]->has<message<schema::AskLease>>());
}

TEST_CASE_FIXTURE(fixture, "without leases none is asked for, given up or held") {
  start();
  become_active();
  pass(milliseconds{2000});
  CHECK_FALSE(acceptors[0]->has<message<schema::AskLease>>());
  CHECK_FALSE(holds());
  CHECK(std::string{status("lease").getText().cStr()} == "off");
}

TEST_CASE_FIXTURE(fixture, "the lease needs the acceptors of every configuration that rules a slot which is not decided") {
  auto options = with_leases();
  options.members = configurations{nodes_of({0, 1, 2})};
  options.members.add(nodes_of({0, 1, 2, 3, 4}, 1), 10);
  start(options);
  probe more[2] = {probe{*this}, probe{*this}};
  caf::anon_send(subject, peer{3, "acceptor", more[0].ptr()});
  caf::anon_send(subject, peer{4, "acceptor", more[1].ptr()});
  pass(milliseconds{60});
  auto request = asked(0);
  mine = ballot_of(request->getBallot());
  for (uint32_t i = 0; i < 4; ++i)
    promise(i, request);
  REQUIRE(active());
  auto lease = asked_for_lease(0);
  grant(0, lease);
  for (auto i : {3u, 4u}) { // Enough for the latest one alone.
    builder<schema::Lease> answer;
    answer->setAcceptor(i);
    write(mine, answer->initBallot());
    answer->setAsked(lease->getAsked());
    more[i - 3].send(subject, answer.finish());
    run();
  }
  CHECK_FALSE(holds());
  performed(options.members, 10);
  wait(milliseconds{60}); // Its next look.
  CHECK(holds());
  CHECK(told()->getConfiguration() == 1);
}

TEST_CASE_FIXTURE(fixture, "a leader whose ballot a later configuration has not promised does not hold the lease") {
  lead();
  grant(0, asked_for_lease(0));
  grant(1, asked_for_lease(1));
  CHECK(holds());
  auto nodes = nodes_of({0, 1, 2}).nodes();
  nodes[0].roles = {"acceptor", "replica"}; // It leads on meanwhile.
  auto members = three_members();
  members.add({1, nodes}, 300);
  performed(members, 44);
  CHECK(active());
  CHECK_FALSE(holds());
  forget_messages();
  wait(milliseconds{1000});
  CHECK_FALSE(acceptors[0]->has<message<schema::AskLease>>());
}

TEST_CASE_FIXTURE(fixture, "a leader that gets nothing decided lets acceptors be asked") {
  lead();
  propose(value_of(mine, 1, 1));
  for (int i = 0; i < 10; ++i) {
    grant(0, asked_for_lease(0));
    grant(1, asked_for_lease(1));
    wait(milliseconds{300});
  }
  CHECK_FALSE(holds());
}

TEST_CASE_FIXTURE(fixture, "a candidate that acceptors let wait for the end of a lease waits, and does not stand again") {
  start(with_leases());
  pass(milliseconds{60});
  auto first = ballot_of(asked(0)->getBallot());
  forget_messages();
  for (int i = 0; i < 100; ++i) {
    pass(milliseconds{100});
    while (acceptors[0]->has<message<schema::P1a>>())
      CHECK(ballot_of(asked(0)->getBallot()) == first);
  }
  CHECK(status("preempted").getNumber() == 0);
}
