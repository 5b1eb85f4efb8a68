// A replica, and configurations that are decided.
#include "replica_fixture.hpp"

using namespace synod;
using namespace synod::test;
using std::chrono::milliseconds;

namespace {

message<schema::Request> to_become(const configuration& next) {
  builder<schema::Request> request{4096};
  write(next, request->initConfiguration());
  return request.finish();
}

struct fixture : replica_fixture {
  configurations told() {
    configurations last;
    while (leader->has<message<schema::Performed>>())
      last = configurations_of(std::get<0>(leader->take<message<schema::Performed>>())->getConfigurations());
    return last;
  }
  std::vector<message<schema::Pvalue>> proposals() {
    std::vector<message<schema::Pvalue>> all;
    while (has_proposal())
      all.push_back(proposal());
    return all;
  }
};

} // namespace

TEST_CASE_FIXTURE(fixture,
                  "a configuration that is decided at slot s rules from s + WINDOW on, and all who count votes are told") {
  start();
  decide(1);
  CHECK(number("configuration") == 0);
  decide(2, {to_become(nodes_of({0, 1, 2, 3}, 1))});
  CHECK(number("configuration") == 1);
  auto members = told();
  CHECK(members.latest_from() == 2 + 256);
  CHECK(members.ruling(257) == nodes_of({0, 1, 2}));
  CHECK(members.ruling(258) == nodes_of({0, 1, 2, 3}, 1));
  message<schema::Durable> durable;
  while (acceptors[0]->has<message<schema::Durable>>())
    durable = std::get<0>(acceptors[0]->take<message<schema::Durable>>());
  REQUIRE(durable);
  CHECK(configurations_of(durable->getConfigurations()).latest().number() == 1);
}

TEST_CASE_FIXTURE(fixture, "one whose number is taken, or that comes before the one before rules, is skipped") {
  start();
  decide(1, {to_become(nodes_of({0, 1, 2, 3}, 1)), to_become(nodes_of({0, 1}, 1))});
  decide(2, {to_become(nodes_of({0, 1}, 2))});
  decide(3, {to_become(nodes_of({7, 8}, 1))});
  auto members = told();
  CHECK(members.latest() == nodes_of({0, 1, 2, 3}, 1));
  for (slot_number slot = 4; slot < 257; ++slot)
    decide(slot);
  decide(257, {to_become(configuration{2, {}})}); // Nobody would be left.
  CHECK(number("configuration") == 1);
  decide(258, {to_become(nodes_of({0, 1}, 2))});
  members = told();
  CHECK(members.latest() == nodes_of({0, 1}, 2));
  CHECK(members.latest_from() == 258 + 256);
}

TEST_CASE_FIXTURE(fixture,
                  "in idle times no-ops lead up to where it rules, and each proposal names the one that rules its slot") {
  start();
  leads(first_ballot);
  decide(1, {to_become(nodes_of({0, 1, 2, 3}, 1))});
  auto all = proposals();
  REQUIRE(all.size() == 255); // Slots 2 to 256.
  for (auto& each : all) {
    CHECK(each->getValue().getRequests().size() == 0);
    CHECK(each->getConfiguration() == 0);
  }
  for (slot_number slot = 2; slot <= 256; ++slot)
    decide(slot);
  CHECK(proposals().empty());
  client.send(subject, open_request(5));
  run();
  auto next = proposals();
  REQUIRE(next.size() == 1);
  CHECK(next[0]->getSlot() == 257);
  CHECK(next[0]->getConfiguration() == 1);
}

TEST_CASE_FIXTURE(fixture, "its node asks for one, and it is proposed once") {
  start();
  leads(first_ballot);
  auto asked = to_become(nodes_of({0, 1, 2, 3}, 1));
  caf::anon_send(subject, asked);
  caf::anon_send(subject, asked);
  run();
  auto all = proposals();
  REQUIRE(all.size() == 1);
  CHECK(all[0]->getValue().getRequests().size() == 1);
  decide(all[0]);
  proposals();
  caf::anon_send(subject, asked); // It is decided.
  run();
  for (auto& each : proposals())
    CHECK(each->getValue().getRequests().size() == 0);
}

TEST_CASE_FIXTURE(fixture, "a read that learns of a new configuration asks its acceptors, too") {
  start();
  decide(1);
  query({"GET", "k"});
  tell_highest(0, 2);
  tell_highest(1, 2);
  probe fourth{*this};
  caf::anon_send(subject, peer{3, "acceptor", fourth.ptr()});
  run();
  decide(2, {to_become(nodes_of({0, 3, 4}, 1))}); // All that was waited for is performed.
  CHECK_FALSE(client->has<message<schema::Answers>>());
  tell_highest(0, 2);
  tell_highest(1, 2);
  CHECK_FALSE(client->has<message<schema::Answers>>()); // Of the new one's only node 0 has told.
  REQUIRE(fourth->has<message<schema::AskHighest>>());
  auto [asked] = fourth->take<message<schema::AskHighest>>();
  builder<schema::Highest> answer;
  answer->setAcceptor(3);
  answer->setRound(asked->getRound());
  fourth.send(subject, answer.finish());
  run();
  CHECK(client->has<message<schema::Answers>>());
}

TEST_CASE_FIXTURE(fixture, "more than WINDOW ahead it is not known whose votes count: nothing is learned there") {
  limits.window = 2;
  limits.fresh_state = [] {
    auto state = fresh();
    state.window = 2;
    return state;
  };
  start();
  std::vector<message<schema::Pvalue>> accepted;
  for (slot_number slot = 1; slot <= 6; ++slot) // The first one changes who chooses from slot 3 on.
    accepted.push_back(pvalue_of(
      first_ballot, slot, slot == 1 ? std::vector{to_become(nodes_of({2, 7, 8}, 1))} : std::vector<message<schema::Request>>{}));
  tell_learned(0, 1, accepted, true, 7);
  tell_learned(1, 1, accepted, false, 7);
  CHECK(number("slot_out") == 3);
}

TEST_CASE_FIXTURE(fixture, "one that joins fetches a snapshot, and knows then who the members are") {
  limits.fresh_state = [] {
    auto state = fresh();
    state.members = {};
    return state;
  };
  start();
  leads(first_ballot);
  pass(milliseconds{200});
  CHECK_FALSE(has_proposal());
  CHECK_FALSE(acceptors[0]->has<message<schema::Learn>>());
  CHECK(other->has<message<schema::AskSnapshot>>());
}
