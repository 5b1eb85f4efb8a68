#include "explained.hpp"
#include "replica_fixture.hpp"

#include "synod/actors/role/upheld.hpp"

using namespace synod;
using namespace synod::test;

TEST_CASE_FIXTURE(replica_fixture,
                  "a request is proposed in the first free slot when its leader leads, and answered when it is performed") {
  start();
  client.send(subject, open_request(5));
  run();
  CHECK_FALSE(has_proposal());
  leads(first_ballot);
  auto opening = proposal();
  CHECK(opening->getSlot() == 1);
  CHECK(ballot_of(opening->getBallot()) == first_ballot);
  decide(opening);
  CHECK(opened() == session);
  ask(1, {{"SET", "k", "v"}, {"GET", "k"}});
  auto pvalue = proposal();
  CHECK(pvalue->getSlot() == 2);
  CHECK_FALSE(client->has<message<schema::Responses>>());
  decide(pvalue);
  auto answer = response();
  CHECK(std::string{answer->getReplies()[0].getStatus().cStr()} == "OK");
  CHECK(bulk(answer, 1) == "v");
}

TEST_CASE_FIXTURE(replica_fixture, "what waits while a slot is in flight becomes the next batch") {
  start();
  leads(first_ballot);
  open();
  for (uint64_t cid = 1; cid <= 4; ++cid)
    ask(cid, {{"INCR", "n"}});
  auto first = proposal();
  CHECK(first->getValue().getRequests().size() == 1);
  CHECK_FALSE(has_proposal());
  decide(first);
  CHECK(proposal()->getValue().getRequests().size() == 3);
}

TEST_CASE_FIXTURE(replica_fixture, "a proposal without a decision is sent again, but not with each tick") {
  start();
  leads(first_ballot);
  open();
  ask(1, {{"INCR", "n"}});
  auto sent = [&] { return leader->count<propose_atom, message<schema::Pvalue>, uint64_t>(); };
  pass(std::chrono::milliseconds{200});
  CHECK(sent() == 1);
  pass(std::chrono::milliseconds{200});
  CHECK(sent() == 2);
}

TEST_CASE_FIXTURE(replica_fixture, "marks go back to the leader with the next tick") {
  start();
  leader.send(subject, decision_atom_v, pvalue_of(first_ballot, 1), uint64_t{500});
  run();
  CHECK_FALSE(leader->has<message<schema::Received>>());
  pass(std::chrono::milliseconds{60});
  CHECK(std::get<0>(leader->take<message<schema::Received>>())->getMark() == 500);
}

TEST_CASE_FIXTURE(replica_fixture, "batches are limited in bytes and count, and full ones do not wait for the slot in flight") {
  limits.batch_limit_bytes = 1024;
  limits.batch_limit_requests = 5;
  start();
  leads(first_ballot);
  open();
  for (uint64_t cid = 1; cid <= 40; ++cid)
    ask(cid, {{"SET", "k", std::string(100, 'x')}});
  size_t requests = 0;
  while (has_proposal()) {
    auto pvalue = proposal();
    CHECK(pvalue->getValue().getRequests().size() <= 5);
    CHECK(pvalue.size_bytes() < 1024 + 512);
    requests += pvalue->getValue().getRequests().size();
  }
  CHECK(requests > 20);
}

TEST_CASE_FIXTURE(replica_fixture, "R2, R3: decisions are performed in slot order, without a gap") {
  start();
  leads(first_ballot);
  open();
  decide(3, {request_of(session, 2, {{"APPEND", "k", "b"}})});
  CHECK(number("slot_out") == 2);
  CHECK(number("commands performed") == 0);
  decide(2, {request_of(session, 1, {{"APPEND", "k", "a"}})});
  CHECK(number("slot_out") == 4);
  query({"GET", "k"});
  tell_highest(0, 3);
  tell_highest(1, 3);
  CHECK(bulk(answers()) == "ab");
}

TEST_CASE_FIXTURE(replica_fixture, "R4: a decision for a slot that is performed changes nothing; the same one again neither") {
  start();
  leads(first_ballot);
  open();
  decide(2, {request_of(session, 1, {{"SET", "k", "first"}})});
  decide(2, {request_of(session, 2, {{"SET", "k", "second"}})});
  CHECK(number("slot_out") == 3);
  decide(4, {request_of(session, 2, {{"SET", "k", "third"}})});
  decide(4, {request_of(session, 2, {{"SET", "k", "third"}})}, 0, second_ballot);
  decide(3);
  query({"GET", "k"});
  tell_highest(0, 4);
  tell_highest(1, 4);
  CHECK(bulk(answers()) == "third");
}

TEST_CASE_FIXTURE(replica_fixture, "R1: a second, different decision for a slot ends the process") {
  start();
  leads(first_ballot);
  std::string found;
  auto before = on_broken([&](std::string_view invariant, const std::string& seen) {
    found = invariant;
    throw std::runtime_error{seen};
  });
  decide(4, {request_of(session, 2, {{"SET", "k", "third"}})});
  CHECK(found.empty());
  decide(4, {request_of(session, 2, {{"SET", "k", "fourth"}})}, 0, second_ballot);
  on_broken(before);
  CHECK(found == "R1");
  CHECK(outside->ended.find("slot 4") != std::string::npos);
}

TEST_CASE_FIXTURE(replica_fixture, "R5: slot_in stays below slot_out + WINDOW") {
  limits.window = 4;
  limits.batch_limit_bytes = 1;
  start();
  leads(first_ballot);
  open();
  for (uint64_t cid = 1; cid <= 30; ++cid)
    ask(cid, {{"INCR", "n"}});
  CHECK(number("slot_in") <= number("slot_out") + 4);
  CHECK(leader->count<propose_atom, message<schema::Pvalue>, uint64_t>() == 4);
}

TEST_CASE_FIXTURE(replica_fixture, "log time never goes back, and expiry depends on it alone") {
  start();
  leads(first_ballot);
  decide(1, {open_request(77)}, 5000);
  decide(2, {request_of(session, 1, {{"SET", "k", "v", "PX", "100"}})}, 4000);
  CHECK(number("log time") == 5000);
  auto there = [&] {
    query({"EXISTS", "k"});
    tell_highest(0, 0);
    tell_highest(1, 0);
    return answers()->getReplies()[0].getInteger() == 1;
  };
  wall_clock = 99'000'000;
  CHECK(there());
  decide(3, {}, 5099);
  CHECK(there());
  decide(4, {}, 5100);
  CHECK_FALSE(there());
}

TEST_CASE_FIXTURE(replica_fixture, "what is proposed has no earlier time than what was decided before") {
  start();
  leads(first_ballot);
  decide(1, {open_request(77)}, wall_clock + 10'000);
  ask(1, {{"INCR", "n"}});
  CHECK(proposal()->getValue().getTime() >= wall_clock + 10'000);
}

TEST_CASE_FIXTURE(replica_fixture, "when nothing else carries the time, the proposer does at the next deadline") {
  start();
  leads(first_ballot);
  decide(1, {open_request(77)}, wall_clock);
  decide(2, {request_of(session, 1, {{"SET", "k", "v", "PX", "100"}})}, wall_clock);
  pass(std::chrono::milliseconds{90});
  CHECK_FALSE(has_proposal());
  pass(std::chrono::milliseconds{60});
  auto empty = proposal();
  CHECK(empty->getValue().getRequests().size() == 0);
  CHECK(empty->getValue().getTime() >= wall_clock + 100);
  CHECK(empty->getValue().getTime() <= wall_clock + 110);
}

TEST_CASE_FIXTURE(replica_fixture, "a transaction is performed whole if no watched key changed, or not at all") {
  start();
  leads(first_ballot);
  open();
  decide(2, {request_of(session, 1, {{"SET", "k", "1"}})});
  auto transaction = [&](uint64_t cid, uint64_t version) {
    operation_writer whole;
    whole.transaction(watched_keys{{"k", version}}, command_list{{"INCR", "k"}, {"INCR", "k"}});
    client.send(subject, request_of(session, cid, whole));
    run();
    decide(proposal());
    return response();
  };
  CHECK(transaction(2, 99)->getReplies()[0].isNoArray());
  auto done = transaction(3, 1);
  REQUIRE(done->getReplies()[0].isArray());
  CHECK(done->getReplies()[0].getArray()[1].getInteger() == 3);
}

TEST_CASE_FIXTURE(replica_fixture, "a leader that calls itself active is told of a higher ballot that slots were decided under") {
  start();
  leads(first_ballot);
  CHECK_FALSE(leader->has<message<schema::HigherBallot>>());
  decide(1, {}, 0, second_ballot);
  leads(first_ballot);
  auto [told] = leader->take<message<schema::HigherBallot>>();
  CHECK(ballot_of(told->getBallot()) == second_ballot);
}

TEST_CASE_FIXTURE(replica_fixture, "slots that an earlier leader had proposals for, and the new one has not, are free again") {
  limits.window = 1;
  start();
  decide(1, {open_request(5)});
  leads(second_ballot, 2, 3); // Nobody ever hears of its proposal for slot 2 again.
  ask(1, {{"SET", "k", "v"}});
  CHECK_FALSE(has_proposal());
  leads({3, 0, 1}, 2, 2);
  CHECK(proposal()->getSlot() == 2);
}

TEST_CASE_FIXTURE(replica_fixture, "what another role sends wrongly does not end a replica, nor make it send errors") {
  start();
  probe wrong{*this};
  wrong.send(subject, std::string{"what no role understands"});
  wrong.send(subject, caf::make_error(caf::sec::unexpected_message));
  caf::send_as(wrong.as<caf::actor>(), caf::actor_cast<caf::actor>(subject),
               caf::exit_msg{caf::actor_cast<caf::actor_addr>(wrong.ptr()), caf::exit_reason::unknown});
  run();
  CHECK(number("slot_out") == 1);
  CHECK(wrong->inbox.empty());
}

TEST_CASE_FIXTURE(replica_fixture, "a replica tells when it heard a decision, and when it performed it") {
  start();
  leads(first_ballot);
  wall_clock = 5000;
  decide(2, {open_request(78)});
  CHECK(explained(*this, subject, 2) == "replica: decision heard at ms 5000, slot_out 1");
  wall_clock = 6000;
  decide(2, {open_request(78)}); // Once more.
  open();
  auto text = explained(*this, subject, 2);
  CHECK(text.starts_with("replica: decision heard at ms 5000, performed at ms 6000, ballot "));
  CHECK(text.find(", proposer 0, requests 1, bytes ") != std::string::npos);
  CHECK(text.ends_with("slot_out 3"));
  CHECK(explained(*this, subject, 3) == "replica: slot_out 3");
}
