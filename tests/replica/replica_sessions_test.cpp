// Exactly once, in order.
#include "replica_fixture.hpp"

using namespace synod;
using namespace synod::test;

TEST_CASE_FIXTURE(replica_fixture, "exactly once: a command decided in two slots is performed once") {
  start();
  leads(first_ballot);
  open();
  decide(2, {request_of(session, 1, {{"INCR", "n"}})});
  decide(3, {request_of(session, 1, {{"INCR", "n"}})});
  CHECK(number("commands performed") == 1);
  CHECK(number("commands skipped") == 1);
}

TEST_CASE_FIXTURE(replica_fixture, "in order: a command that comes before its predecessor is skipped, and proposed again") {
  start();
  leads(first_ballot);
  client.send(subject, open_request(77));
  run();
  decide(proposal());
  opened();
  ask(1, {{"APPEND", "k", "a"}});
  auto lost = proposal();
  ask(2, {{"APPEND", "k", "b"}});
  decide(lost->getSlot()); // Somebody else's value took the slot.
  CHECK(number("slot collisions") == 1);
  auto next = proposal();
  REQUIRE(next->getValue().getRequests().size() == 2);
  decide(next->getSlot(), {request_of(session, 2, {{"APPEND", "k", "b"}})}, 0);
  CHECK(number("commands performed") == 0);
  auto again = proposal();
  REQUIRE(again->getValue().getRequests().size() == 2);
  decide(again);
  CHECK(number("commands performed") == 2);
  CHECK(response()->getReplies().size() >= 1);
}

TEST_CASE_FIXTURE(replica_fixture, "a command takes no slot before its predecessor has come, and then goes with it") {
  start();
  leads(first_ballot);
  open();
  ask(3, {{"INCR", "n"}});
  pass(std::chrono::milliseconds{1000});
  CHECK_FALSE(has_proposal());
  ask(1, {{"INCR", "n"}, {"INCR", "n"}});
  decide(proposal());
  CHECK(number("commands performed") == 3);
  pass(std::chrono::milliseconds{1000});
  CHECK_FALSE(has_proposal());
}

TEST_CASE_FIXTURE(replica_fixture, "a command does not count as sent before its predecessor has come") {
  start();
  leads(first_ballot);
  open();
  ask(2, {{"INCR", "n"}});
  ask(1, {{"INCR", "n"}}); // Before a tick looks at the other one again.
  decide(proposal());
  CHECK(number("commands performed") == 2);
}

TEST_CASE_FIXTURE(replica_fixture, "behind what an earlier leader had under way any command may be the next") {
  start();
  leads(second_ballot, 1, 1);
  open();
  leads({3, 0, 1}, 2, 4);
  other.send(subject, forward_atom_v, request_of(session, 2, {{"INCR", "n"}}), uint64_t{0});
  run();
  CHECK(proposal()->getSlot() == 4);
  decide(2);
  decide(3, {request_of(session, 1, {{"INCR", "n"}})});
  CHECK(number("commands performed") == 1);
}

TEST_CASE_FIXTURE(replica_fixture, "what is sent again takes no room and no slot") {
  start();
  leads(first_ballot);
  open();
  auto x = request_of(session, 1, {{"INCR", "n"}});
  other.send(subject, forward_atom_v, x, uint64_t{0});
  run();
  auto proposed = proposal();
  for (int i = 0; i < 3; ++i)
    other.send(subject, forward_atom_v, request_of(session, 2, {{"INCR", "n"}}), uint64_t{0});
  other.send(subject, forward_atom_v, x, uint64_t{0});
  run();
  CHECK(number("requests waiting") == 1);
  decide(proposed);
  CHECK(proposal()->getValue().getRequests().size() == 1);
}

TEST_CASE_FIXTURE(replica_fixture, "a session is opened once for one number, however often it is asked for") {
  start();
  leads(first_ballot);
  decide(1, {open_request(77), open_request(77)});
  decide(2, {open_request(77)});
  CHECK(number("sessions") == 1);
  other.send(subject, forward_atom_v, open_request(77), uint64_t{0});
  run();
  CHECK_FALSE(has_proposal());
  client.send(subject, open_request(77));
  run();
  CHECK(opened() == session);
  decide(3, {request_of(session, 1, {{"INCR", "n"}})});
  CHECK(number("commands performed") == 1);
}

TEST_CASE_FIXTURE(replica_fixture,
                  "what waits of a session that is replaced takes up no slot, and its client is told that it has ended") {
  start();
  leads(first_ballot);
  open();
  ask(1, {{"INCR", "n"}});
  auto lost = proposal();
  ask(2, {{"INCR", "n"}});
  CHECK(number("requests waiting") == 1);
  decide(lost->getSlot(), {open_request(78, false, session)});
  CHECK(response()->getSessionEnded());
  CHECK(number("sessions") == 1);
  CHECK(number("requests waiting") == 0);
  CHECK(number("bytes outstanding") == 0);
  pass(std::chrono::milliseconds{1000});
  CHECK_FALSE(has_proposal());
  CHECK(number("commands performed") == 0);
}

TEST_CASE_FIXTURE(replica_fixture, "a command of a session that is not known is answered so, and not performed") {
  start();
  leads(first_ballot);
  ask(1, {{"INCR", "n"}});
  decide(proposal());
  CHECK(response()->getSessionEnded());
  CHECK(number("commands performed") == 0);
}

TEST_CASE_FIXTURE(replica_fixture, "what follows a session's end in the same request is not performed") {
  start();
  leads(first_ballot);
  open();
  operation_writer operations;
  operations.command({"INCR", "n"});
  operations.close();
  operations.command({"INCR", "n"});
  client.send(subject, request_of(session, 1, operations));
  run();
  decide(proposal());
  auto answer = response();
  REQUIRE(answer->getReplies().size() == 3);
  CHECK(answer->getReplies()[0].getInteger() == 1);
  CHECK(answer->getReplies()[1].isStatus());
  CHECK(answer->getReplies()[2].isError());
  CHECK(number("commands performed") == 2);
  CHECK(number("sessions") == 0);
}

TEST_CASE_FIXTURE(replica_fixture, "a session that keeps results answers a retry with the first result") {
  start();
  leads(first_ballot);
  open(true);
  decide(2, {request_of(session, 1, {{"INCR", "n"}})});
  decide(3, {request_of(session, 2, {{"INCR", "n"}})});
  ask(1, {{"INCR", "n"}});
  CHECK(response()->getReplies()[0].getInteger() == 1);
  CHECK(number("commands performed") == 2);
  ask(3, {{"INCR", "n"}});
  decide(proposal());
  CHECK(response()->getReplies()[0].getInteger() == 3);
}

TEST_CASE_FIXTURE(replica_fixture, "sessions end by log time") {
  session_lifetime_ms = 1000;
  start();
  leads(first_ballot);
  decide(1, {open_request(77)}, 1000);
  decide(2, {request_of(session, 1, {{"INCR", "n"}})}, 1900);
  CHECK(number("sessions") == 1);
  decide(3, {}, 2800);
  CHECK(number("sessions") == 1);
  decide(4, {}, 3000);
  CHECK(number("sessions") == 0);
}

TEST_CASE_FIXTURE(replica_fixture,
                  "a request whose session's turn a replica does not know yet is proposed when it has caught up") {
  start();
  decide(1, {open_request(77)}, 0, second_ballot);
  ask(2, {{"INCR", "n"}}); // Forwarded.
  leads({3, 0, 1});
  CHECK_FALSE(has_proposal()); // As far as this replica knows, cid 1 comes first.
  decide(2, {request_of(session, 1, {{"INCR", "n"}})}, 0, {3, 0, 1});
  pass(std::chrono::milliseconds{400});
  CHECK(proposal()->getSlot() == 3);
}

TEST_CASE_FIXTURE(replica_fixture, "a request that was performed while it waited a second time takes no slot") {
  start();
  leads(first_ballot);
  open();
  auto again = request_of(session, 1, {{"INCR", "n"}});
  other.send(subject, forward_atom_v, again, uint64_t{1});
  run();
  auto first = proposal();
  other.send(subject, forward_atom_v, again, uint64_t{2});
  run();
  decide(first);
  CHECK_FALSE(has_proposal());
  CHECK(number("requests waiting") == 0);
}
