// Reads, what was missed, who follows.
#include "replica_fixture.hpp"

using namespace synod;
using namespace synod::test;

TEST_CASE_FIXTURE(replica_fixture,
                  "a read waits until the highest accepted slot of a majority is performed; one round serves all that wait") {
  start();
  leads(first_ballot);
  open();
  query({"GET", "k"}, 1);
  query({"GET", "k"}, 2);
  query({"GET", "k"}, 3);
  tell_highest(0, 1);
  CHECK_FALSE(client->has<message<schema::Answers>>());
  tell_highest(1, 2);
  CHECK_FALSE(client->has<message<schema::Answers>>());
  decide(2, {request_of(session, 1, {{"SET", "k", "new"}})});
  auto first = answers();
  CHECK(first->getNumber() == 1);
  CHECK(bulk(first) == "new");
  tell_highest(0, 2);
  tell_highest(1, 2);
  CHECK(answers()->getNumber() == 2);
  CHECK(answers()->getNumber() == 3);
  CHECK(number("read rounds") == 2);
}

TEST_CASE_FIXTURE(replica_fixture, "a read that gets no majority asks all acceptors again") {
  start();
  query({"GET", "k"});
  CHECK_FALSE(acceptors[2]->has<message<schema::AskHighest>>());
  pass(std::chrono::milliseconds{200});
  CHECK(acceptors[2]->has<message<schema::AskHighest>>());
}

TEST_CASE_FIXTURE(replica_fixture,
                  "what was missed is learned from acceptors: chosen is what a majority accepted under one ballot") {
  start();
  auto opening = pvalue_of(first_ballot, 1, {open_request(77)});
  auto second = pvalue_of(first_ballot, 2, {request_of(session, 1, {{"INCR", "n"}})});
  auto other_second = pvalue_of({0, 2, 1}, 2, {request_of(session, 1, {{"SET", "n", "9"}})});
  tell_learned(0, 1, {opening, other_second}, true, 3);
  CHECK(number("slot_out") == 1);
  tell_learned(1, 1, {opening, second}, false, 3);
  CHECK(number("slot_out") == 2);
}

TEST_CASE_FIXTURE(replica_fixture, "what acceptors alone cannot tell the leader decides again") {
  start();
  leads(first_ballot, 5, 5);
  pass(std::chrono::milliseconds{1500});
  CHECK(acceptors[0]->count<message<schema::Learn>>() < 8); // With growing pauses.
  auto [asked] = leader->take<message<schema::DecideAgain>>();
  CHECK(asked->getFirstSlot() == 1);
  CHECK(asked->getEndSlot() == 5);
}

TEST_CASE_FIXTURE(replica_fixture, "what a leader with a small WINDOW decides again is asked for without a pause") {
  limits.window = 2;
  start();
  leads(first_ballot, 9, 9);
  pass(std::chrono::milliseconds{1500});
  while (leader->has<message<schema::DecideAgain>>())
    leader->take<message<schema::DecideAgain>>();
  decide(1);
  CHECK_FALSE(leader->has<message<schema::DecideAgain>>());
  decide(2);
  CHECK(std::get<0>(leader->take<message<schema::DecideAgain>>())->getFirstSlot() == 3);
  slot_number told = 0;
  while (leader->has<message<schema::Performed>>())
    told = std::get<0>(leader->take<message<schema::Performed>>())->getBelow();
  CHECK(told == 3);
}

TEST_CASE_FIXTURE(replica_fixture, "a follower is sent decisions in order, as long as it returns their marks") {
  start();
  probe follower{*this};
  follower.send(subject, follow_atom_v, uint64_t{4096});
  run();
  slot_number next = 1, decided = 1;
  uint64_t mark = 0;
  auto follow = [&] {
    for (auto end = decided + 50; decided < end; ++decided)
      decide(decided);
    while (follower->has<decision_atom, message<schema::Pvalue>, uint64_t>()) {
      auto [what, pvalue, marked] = follower->take<decision_atom, message<schema::Pvalue>, uint64_t>();
      CHECK(pvalue->getSlot() >= next);
      next = pvalue->getSlot() + 1;
      mark = marked;
    }
  };
  follow();
  CHECK(next > 10);
  CHECK(next < 50);
  CHECK(mark <= 4096 + 512); // And one that looks whether it is there.
  builder<schema::Received> received;
  received->setMark(mark);
  follower.send(subject, received.finish());
  run();
  next = decided;
  follow();
  CHECK(next > 60);
}

TEST_CASE_FIXTURE(replica_fixture, "a follower that has no handler for decisions does not end a replica") {
  start();
  auto answers_with_errors = [](caf::event_based_actor* self, int) -> caf::behavior {
    self->set_default_handler(caf::drop);
    return {[](caf::sys_atom) {}};
  };
  auto follower = system.spawn(answers_with_errors, 0); // With an argument: see local_disk_test.cpp.
  caf::send_as(follower, caf::actor_cast<caf::actor>(subject), follow_atom_v, uint64_t{5});
  run();
  decide(1);
  decide(2);
  CHECK(number("slot_out") == 3);
  end(follower);
}

TEST_CASE_FIXTURE(replica_fixture, "a client's reads wait while it owes marks, and go on when they come back") {
  limits.peer_limit_bytes = 4 << 20;
  start();
  leads(first_ballot);
  open();
  decide(2, {request_of(session, 1, {{"SET", "k", std::string(3 << 20, 'x')}})});
  client->inbox.clear();
  client.send(subject, query_of(1, {{"GET", "k"}, {"GET", "k"}, {"GET", "k"}, {"GET", "k"}}));
  run();
  tell_highest(0, 2);
  tell_highest(1, 2);
  unsigned replies = 0;
  uint64_t mark = 0;
  auto take = [&] {
    while (client->has<message<schema::Answers>>()) {
      auto answer = answers();
      CHECK_FALSE(answer->getRefused());
      CHECK(answer->getFirst() == replies);
      replies += answer->getAnswered();
      mark = answer->getMark();
    }
  };
  take();
  CHECK(replies == 2);
  builder<schema::Received> received;
  received->setMark(mark);
  client.send(subject, received.finish());
  run();
  take();
  CHECK(replies == 4);
}

TEST_CASE_FIXTURE(replica_fixture, "the leader beside it hears how far it is, when that has changed") {
  start();
  auto told = [&] {
    slot_number below = 0;
    while (leader->has<message<schema::Performed>>())
      below = std::get<0>(leader->take<message<schema::Performed>>())->getBelow();
    return below;
  };
  pass(std::chrono::milliseconds{60});
  CHECK(told() == 1);
  pass(std::chrono::milliseconds{200});
  CHECK(told() == 0);
  decide(1);
  decide(2);
  pass(std::chrono::milliseconds{60});
  CHECK(told() == 3);
}

TEST_CASE_FIXTURE(replica_fixture, "a piece with more than may be kept is performed as it is taken") {
  limits.window = 1; // 64 slots are kept ahead.
  start();
  leads(first_ballot, 301, 301);
  std::vector<message<schema::Pvalue>> all;
  for (slot_number slot = 1; slot <= 300; ++slot)
    all.push_back(value_of(first_ballot, slot, 0));
  acceptors[0].send(subject, learned(0, 1, all, true, 301));
  acceptors[1].send(subject, learned(1, 1, all, false, 301));
  run();
  CHECK(number("slot_out") == 301);
}

TEST_CASE_FIXTURE(replica_fixture, "a request that no batch could carry is refused") {
  start();
  leads(first_ballot);
  open();
  client->inbox.clear();
  ask(1, {{"SET", "k", std::string(request_limit_bytes, 'x')}});
  CHECK(response()->getRefused());
  ask(1, {{"SET", "k", "x"}});
  CHECK(has_proposal());
}

TEST_CASE_FIXTURE(replica_fixture, "late answers to a round of reads are none to the next one") {
  start();
  query({"GET", "k"}, 1);
  pass(std::chrono::milliseconds{200}); // All are asked again.
  tell_highest(0, 0);
  tell_highest(1, 0);
  CHECK(answers()->getNumber() == 1);
  query({"GET", "k"}, 2);
  tell_highest(0, 0); // To the second question of the first round.
  tell_highest(1, 0);
  tell_highest(2, 0);
  CHECK_FALSE(client->has<message<schema::Answers>>());
}

namespace {

/// One whose acceptors have told that nothing was decided so far.
struct informed_fixture : replica_fixture {
  informed_fixture() {
    limits.window = 1; // 64 slots are kept ahead.
    start();
    acceptors[0].send(subject, learned(0, 1, {}, true, 1, 77));
    run();
    acceptors[0]->inbox.clear();
  }
  message<schema::Learn> asked() { return std::get<0>(acceptors[0]->take<message<schema::Learn>>()); }
};

} // namespace

TEST_CASE_FIXTURE(informed_fixture, "a decision that is too far ahead to be kept tells that there is something to learn") {
  decide(100);
  pass(std::chrono::milliseconds{200});
  CHECK(asked()->getFirstSlot() == 1);
}

TEST_CASE_FIXTURE(informed_fixture, "what a decision tells to be decided below a slot is learned") {
  decide(value_of(first_ballot, 1, 0, 5));
  pass(std::chrono::milliseconds{200});
  CHECK(asked()->getFirstSlot() == 2);
}

TEST_CASE_FIXTURE(informed_fixture, "who learns returns the mark of the last piece with the next question") {
  decide(3);
  pass(std::chrono::milliseconds{200});
  CHECK(asked()->getMark() == 77);
}
