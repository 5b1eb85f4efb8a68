// Reads where the leader beside a replica may hold a lease.
#include "replica_fixture.hpp"

using namespace synod;
using namespace synod::test;

namespace {

struct fixture : replica_fixture {
  fixture() {
    limits.leases = true;
    start();
    leads(first_ballot);
    open();
  }

  bool asks_leader() { return leader->has<message<schema::AskHighest>>(); }
  bool asks_acceptors() { return acceptors[0]->has<message<schema::AskHighest>>(); }

  void answer(bool held, slot_number free_slot = 0, uint64_t configuration = 0) {
    auto [asked] = leader->take<message<schema::AskHighest>>();
    builder<schema::Leased> answer;
    answer->setRound(asked->getRound());
    answer->setHeld(held);
    answer->setFreeSlot(free_slot);
    answer->setConfiguration(configuration);
    leader.send(subject, answer.finish());
    run();
  }
};

} // namespace

TEST_CASE_FIXTURE(fixture, "a replica beside the active leader asks that one, and no acceptor while it holds the lease") {
  query({"GET", "k"});
  CHECK(asks_leader());
  answer(true, 3);
  CHECK_FALSE(client->has<message<schema::Answers>>());
  decide(2, {request_of(session, 1, {{"SET", "k", "new"}})});
  CHECK(bulk(answers()) == "new");
  CHECK_FALSE(asks_acceptors());
  CHECK(number("leased read rounds") == 1);
}

TEST_CASE_FIXTURE(fixture, "where its leader does not hold the lease a replica asks acceptors at once") {
  query({"GET", "k"});
  answer(false);
  CHECK(asks_acceptors());
  tell_highest(0, 1);
  tell_highest(1, 1);
  CHECK(client->has<message<schema::Answers>>());
  CHECK(number("leased read rounds") == 0);
}

TEST_CASE_FIXTURE(fixture, "a replica whose leader does not lead asks acceptors") {
  leads(second_ballot);
  query({"GET", "k"});
  CHECK_FALSE(asks_leader());
  CHECK(asks_acceptors());
}

TEST_CASE_FIXTURE(replica_fixture, "without leases a replica beside the active leader asks acceptors") {
  start();
  leads(first_ballot);
  query({"GET", "k"});
  CHECK_FALSE(leader->has<message<schema::AskHighest>>());
  CHECK(acceptors[0]->has<message<schema::AskHighest>>());
}
