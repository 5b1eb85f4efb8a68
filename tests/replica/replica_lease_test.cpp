// Reads where the leader beside a replica may hold a lease.
#include "replica_fixture.hpp"

using namespace synod;
using namespace synod::test;
using std::chrono::milliseconds;

namespace {

struct fixture : replica_fixture {
  fixture() {
    start();
    leads(first_ballot);
    open();
  }

  bool asks_acceptors() { return acceptors[0]->has<message<schema::AskHighest>>(); }

  void lend(milliseconds length, slot_number free_slot, uint64_t configuration = 0) {
    builder<schema::Leased> told;
    told->setUntil(length.count() > 0 ? (outside->boot_time + length).count() : 0);
    told->setFreeSlot(free_slot);
    told->setConfiguration(configuration);
    leader.send(subject, told.finish());
    run();
  }
};

} // namespace

TEST_CASE_FIXTURE(fixture, "while the leader beside it holds the lease a replica asks nobody, and waits for what is proposed") {
  lend(milliseconds{1000}, 3);
  query({"GET", "k"});
  CHECK_FALSE(client->has<message<schema::Answers>>());
  decide(2, {request_of(session, 1, {{"SET", "k", "new"}})});
  CHECK(bulk(answers()) == "new");
  CHECK_FALSE(asks_acceptors());
  CHECK(number("leased read rounds") == 1);
}

TEST_CASE_FIXTURE(fixture, "what its leader proposes later reads wait for that come later") {
  lend(milliseconds{1000}, 2);
  query({"GET", "k"});
  answers();
  lend(milliseconds{1000}, 3);
  query({"GET", "k"});
  CHECK_FALSE(client->has<message<schema::Answers>>());
}

TEST_CASE_FIXTURE(fixture, "when the lease is over a replica asks acceptors, whatever its timers say") {
  lend(milliseconds{1000}, 2);
  outside->boot_time += milliseconds{1000};
  query({"GET", "k"});
  CHECK(asks_acceptors());
  CHECK_FALSE(client->has<message<schema::Answers>>());
  tell_highest(0, 1);
  tell_highest(1, 1);
  CHECK(client->has<message<schema::Answers>>());
  CHECK(number("leased read rounds") == 0);
}

TEST_CASE_FIXTURE(fixture, "a lease that is given up is none") {
  lend(milliseconds{1000}, 2);
  lend(milliseconds{0}, 0);
  query({"GET", "k"});
  CHECK(asks_acceptors());
}

TEST_CASE_FIXTURE(fixture, "a lease of another configuration is none") {
  lend(milliseconds{1000}, 2, 1);
  query({"GET", "k"});
  CHECK(asks_acceptors());
}
