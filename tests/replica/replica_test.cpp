#include "harness.hpp"
#include "test_environment.hpp"

#include "synod/actors/replica/key_value/machine.hpp"
#include "synod/actors/replica/replica.hpp"
#include "synod/actors/role/upheld.hpp"

#include <doctest/doctest.h>

using namespace synod;
using namespace synod::test;

namespace {

constexpr ballot first_ballot{1, 0, 1}, second_ballot{2, 1, 1};
constexpr uint64_t session_of(slot_number slot) {
  return slot * execution::most_requests;
} // opened first of its batch
constexpr uint64_t session = session_of(1);

struct fixture : world {
  void start(replica::options options = {}) {
    if (options.members.ruling(1).acceptors().empty())
      options.members = three_members();
    replicated_state initial{std::make_unique<key_value::machine>(key_value::machine::limits{}, 1),
                             session_table{session_lifetime_ms}};
    subject = spawn<replica>(outside, std::make_unique<execution>(std::move(initial)), options);
    run();
    for (uint32_t i = 0; i < 3; ++i)
      caf::anon_send(subject, peer{i, "acceptor", acceptors[i].ptr()});
    caf::anon_send(subject, peer{0, "leader", leader.ptr()});
    caf::anon_send(subject, peer{1, "replica", other.ptr()});
    run();
  }

  void leads(ballot active, slot_number decided_below = 1, slot_number free_slot = 1) {
    builder<schema::Leading> leading;
    write(active, leading->initBallot());
    leading->setDecidedBelow(decided_below);
    leading->setFreeSlot(free_slot);
    leader.send(subject, leading.finish());
    run();
  }

  void decide(slot_number slot, std::vector<message<schema::Request>> requests = {}, int64_t time = 0,
              ballot under = first_ballot) {
    leader.send(subject, decision_atom_v, pvalue_of(under, slot, std::move(requests), time), uint64_t{0});
    run();
  }

  void decide(const message<schema::Pvalue>& pvalue) {
    leader.send(subject, decision_atom_v, pvalue, uint64_t{0});
    run();
  }

  /// Slot 1 opens the session of `client`.
  void open(bool keep_results = false) { decide(1, {open_request(77, keep_results)}); }

  void ask(uint64_t first_cid, std::vector<std::vector<std::string>> commands) {
    client.send(subject, request_of(session, first_cid, std::move(commands)));
    run();
  }

  message<schema::Responses> response() { return std::get<0>(client->take<message<schema::Responses>>()); }

  uint64_t opened() { return std::get<0>(client->take<message<schema::Opened>>())->getSession(); }
  message<schema::Answers> answers() { return std::get<0>(client->take<message<schema::Answers>>()); }

  bool has_proposal() { return leader->has<propose_atom, message<schema::Pvalue>, uint64_t>(); }
  message<schema::Pvalue> proposal() { return std::get<1>(leader->take<propose_atom, message<schema::Pvalue>, uint64_t>()); }

  int64_t number(const char* name) {
    probe asker{*this};
    asker.send(subject, status_atom_v);
    run();
    auto [status] = asker->take<message<schema::RoleStatus>>();
    for (auto entry : status->getEntries())
      if (std::string{entry.getName().cStr()} == name)
        return entry.getNumber();
    return -1;
  }

  void query(std::vector<std::string> command, uint64_t which = 1) {
    client.send(subject, query_of(which, {std::move(command)}));
    run();
  }

  /// Answers the read round that was asked of an acceptor.
  void tell_highest(uint32_t acceptor, slot_number slot) {
    auto [asked] = acceptors[acceptor]->take<message<schema::AskHighest>>();
    builder<schema::Highest> answer;
    answer->setAcceptor(acceptor);
    answer->setRound(asked->getRound());
    answer->setSlot(slot);
    acceptors[acceptor].send(subject, answer.finish());
    run();
  }

  void tell_learned(uint32_t acceptor, slot_number first, std::vector<message<schema::Pvalue>> accepted, bool with_values,
                    slot_number decided_below) {
    builder<schema::Learned> answer;
    answer->setAcceptor(acceptor);
    answer->setFirstSlot(first);
    answer->setDecidedBelow(decided_below);
    auto list = answer->initAccepted(static_cast<unsigned>(accepted.size()));
    auto values = answer->initPvalues(with_values ? list.size() : 0);
    for (unsigned i = 0; i < list.size(); ++i) {
      list[i].setSlot(accepted[i]->getSlot());
      write(ballot_of(accepted[i]->getBallot()), list[i].initBallot());
      if (with_values)
        values.set(i, accepted[i].as_data());
    }
    acceptors[acceptor].send(subject, answer.finish());
    run();
  }

  std::shared_ptr<test_environment> outside = std::make_shared<test_environment>(system);
  int64_t& wall_clock = outside->wall_clock_ms;
  int64_t session_lifetime_ms = 3'600'000;
  probe acceptors[3] = {probe{*this}, probe{*this}, probe{*this}};
  probe leader{*this}, other{*this}, client{*this};
  replica_actor subject;
};

template <class Message>
std::string bulk(const Message& x, unsigned i = 0) {
  return std::string{view(x->getReplies()[i].getBulk())};
}

} // namespace

TEST_CASE_FIXTURE(fixture,
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

TEST_CASE_FIXTURE(fixture, "what waits while a slot is in flight becomes the next batch") {
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

TEST_CASE_FIXTURE(fixture, "batches are limited in bytes and count, and full ones do not wait for the slot in flight") {
  replica::options small;
  small.batch_limit_bytes = 1024;
  small.batch_limit_requests = 5;
  start(small);
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

TEST_CASE_FIXTURE(fixture, "R2, R3: decisions are performed in slot order, without a gap") {
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

TEST_CASE_FIXTURE(fixture, "R4: a decision for a slot that is performed changes nothing; the same one again neither") {
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

TEST_CASE_FIXTURE(fixture, "R1: a second, different decision for a slot ends the process") {
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

TEST_CASE_FIXTURE(fixture, "R5: slot_in stays below slot_out + WINDOW") {
  replica::options small;
  small.window = 4;
  small.batch_limit_bytes = 1;
  start(small);
  leads(first_ballot);
  open();
  for (uint64_t cid = 1; cid <= 30; ++cid)
    ask(cid, {{"INCR", "n"}});
  CHECK(number("slot_in") <= number("slot_out") + 4);
  CHECK(leader->count<propose_atom, message<schema::Pvalue>, uint64_t>() == 4);
}

TEST_CASE_FIXTURE(fixture, "exactly once: a command decided in two slots is performed once") {
  start();
  leads(first_ballot);
  open();
  decide(2, {request_of(session, 1, {{"INCR", "n"}})});
  decide(3, {request_of(session, 1, {{"INCR", "n"}})});
  CHECK(number("commands performed") == 1);
  CHECK(number("commands skipped") == 1);
}

TEST_CASE_FIXTURE(fixture, "in order: a command that comes before its predecessor is skipped, and proposed again") {
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

TEST_CASE_FIXTURE(fixture, "a command takes no slot before its predecessor has come, and then goes with it") {
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

TEST_CASE_FIXTURE(fixture, "behind what an earlier leader had under way any command may be the next") {
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

TEST_CASE_FIXTURE(fixture, "what is sent again takes no room and no slot") {
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

TEST_CASE_FIXTURE(fixture, "a session is opened once for one number, however often it is asked for") {
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

TEST_CASE_FIXTURE(fixture, "a command of a session that is not known is answered so, and not performed") {
  start();
  leads(first_ballot);
  ask(1, {{"INCR", "n"}});
  decide(proposal());
  CHECK(response()->getSessionEnded());
  CHECK(number("commands performed") == 0);
}

TEST_CASE_FIXTURE(fixture, "what follows a session's end in the same request is not performed") {
  start();
  leads(first_ballot);
  open();
  builder<schema::Request> built;
  auto commands = built->initCommands();
  commands.setSession(session);
  commands.setFirstCid(1);
  auto operations = commands.initOperations(3);
  operations[0].initArguments(2).set(0, as_data("INCR"));
  operations[0].getArguments().set(1, as_data("n"));
  operations[1].setClose();
  operations[2].initArguments(2).set(0, as_data("INCR"));
  operations[2].getArguments().set(1, as_data("n"));
  client.send(subject, built.finish());
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

TEST_CASE_FIXTURE(fixture, "a session that keeps results answers a retry with the first result") {
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

TEST_CASE_FIXTURE(fixture, "sessions end by log time") {
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

TEST_CASE_FIXTURE(fixture, "log time never goes back, and expiry depends on it alone") {
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

TEST_CASE_FIXTURE(fixture, "when nothing else carries the time, the proposer does at the next deadline") {
  start();
  leads(first_ballot);
  decide(1, {open_request(77)}, wall_clock);
  decide(2, {request_of(session, 1, {{"SET", "k", "v", "PX", "100"}})}, wall_clock);
  pass(std::chrono::milliseconds{90});
  CHECK_FALSE(has_proposal());
  wall_clock += 100;
  pass(std::chrono::milliseconds{60});
  auto empty = proposal();
  CHECK(empty->getValue().getRequests().size() == 0);
  CHECK(empty->getValue().getTime() == wall_clock);
}

TEST_CASE_FIXTURE(fixture, "colocation: requests go to the replica beside the active leader, which proposes them") {
  start();
  leads(second_ballot);
  ask(1, {{"INCR", "n"}});
  CHECK_FALSE(has_proposal());
  CHECK(other->has<forward_atom, message<schema::Request>, uint64_t>());
  // And the other way round.
  leads({3, 0, 1});
  decide(proposal());
  other.send(subject, forward_atom_v, request_of(session, 9, {{"INCR", "n"}}), uint64_t{4});
  run();
  CHECK(has_proposal());
}

TEST_CASE_FIXTURE(fixture, "requests outstanding go to the new leader's replica, in order, and again with growing pauses") {
  start();
  leads(first_ballot);
  ask(1, {{"INCR", "n"}});
  ask(2, {{"INCR", "n"}});
  leads(second_ballot);
  CHECK(std::get<1>(other->take<forward_atom, message<schema::Request>, uint64_t>())->getCommands().getFirstCid() == 1);
  CHECK(std::get<1>(other->take<forward_atom, message<schema::Request>, uint64_t>())->getCommands().getFirstCid() == 2);
  pass(std::chrono::milliseconds{400});
  CHECK(other->count<forward_atom, message<schema::Request>, uint64_t>() == 2);
  pass(std::chrono::milliseconds{10000});
  CHECK(other->count<forward_atom, message<schema::Request>, uint64_t>() <= 14);
}

TEST_CASE_FIXTURE(fixture, "what waits is limited, and refused above") {
  replica::options small;
  small.waiting_limit_bytes = 4000;
  start(small);
  for (uint64_t cid = 1; cid <= 20; ++cid)
    ask(cid, {{"SET", "k", std::string(500, 'x')}});
  CHECK(number("bytes outstanding") <= 4000);
  auto answer = response();
  CHECK(answer->getRefused());
}

TEST_CASE_FIXTURE(fixture, "what comes behind a refused request is refused too, until that one comes again") {
  replica::options small;
  small.waiting_limit_bytes = 4000;
  start(small);
  open();
  ask(1, {{"SET", "k", std::string(2000, 'x')}});
  ask(2, {{"SET", "k", std::string(3000, 'x')}});
  CHECK(response()->getRefused());
  ask(3, {{"GET", "k"}});
  CHECK(response()->getRefused());
  decide(2, {request_of(session, 1, {{"SET", "k", std::string(2000, 'x')}})});
  CHECK(response()->getFirstCid() == 1);
  ask(3, {{"GET", "k"}});
  CHECK(response()->getRefused());
  ask(2, {{"SET", "k", std::string(3000, 'x')}});
  ask(3, {{"GET", "k"}});
  CHECK_FALSE(client->has<message<schema::Responses>>());
}

TEST_CASE_FIXTURE(fixture, "a request that is asked again is proposed once, and answered at the handle that asked last") {
  start();
  leads(first_ballot);
  open();
  ask(1, {{"INCR", "n"}});
  ask(1, {{"INCR", "n"}});
  auto first = proposal();
  probe again{*this};
  again.send(subject, request_of(session, 1, {{"INCR", "n"}}));
  run();
  decide(first);
  CHECK_FALSE(has_proposal());
  CHECK_FALSE(client->has<message<schema::Responses>>());
  CHECK(again->count<message<schema::Responses>>() == 1);
}

TEST_CASE_FIXTURE(fixture,
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

TEST_CASE_FIXTURE(fixture, "a read that gets no majority asks all acceptors again") {
  start();
  query({"GET", "k"});
  CHECK_FALSE(acceptors[2]->has<message<schema::AskHighest>>());
  pass(std::chrono::milliseconds{200});
  CHECK(acceptors[2]->has<message<schema::AskHighest>>());
}

TEST_CASE_FIXTURE(fixture, "what was missed is learned from acceptors: chosen is what a majority accepted under one ballot") {
  start();
  auto opening = pvalue_of(first_ballot, 1, {open_request(77)});
  auto second = pvalue_of(first_ballot, 2, {request_of(session, 1, {{"INCR", "n"}})});
  auto other_second = pvalue_of({0, 2, 1}, 2, {request_of(session, 1, {{"SET", "n", "9"}})});
  tell_learned(0, 1, {opening, other_second}, true, 3);
  CHECK(number("slot_out") == 1);
  tell_learned(1, 1, {opening, second}, false, 3);
  CHECK(number("slot_out") == 2);
}

TEST_CASE_FIXTURE(fixture, "what acceptors alone cannot tell the leader decides again") {
  start();
  leads(first_ballot, 5, 5);
  pass(std::chrono::milliseconds{1500});
  CHECK(acceptors[0]->count<message<schema::Learn>>() < 8); // With growing pauses.
  auto [asked] = leader->take<message<schema::DecideAgain>>();
  CHECK(asked->getFirstSlot() == 1);
  CHECK(asked->getEndSlot() == 5);
}

TEST_CASE_FIXTURE(fixture, "a transaction is performed whole if no watched key changed, or not at all") {
  start();
  leads(first_ballot);
  open();
  decide(2, {request_of(session, 1, {{"SET", "k", "1"}})});
  auto transaction = [&](uint64_t cid, uint64_t version) {
    builder<schema::Request> built;
    auto request = built->initCommands();
    request.setSession(session);
    request.setFirstCid(cid);
    auto to = request.initOperations(1)[0].initTransaction();
    auto watched = to.initWatched(1);
    watched[0].setKey(as_data("k"));
    watched[0].setVersion(version);
    auto commands = to.initCommands(2);
    for (unsigned i = 0; i < 2; ++i) {
      auto list = commands.init(i, 2);
      list.set(0, as_data("INCR"));
      list.set(1, as_data("k"));
    }
    client.send(subject, built.finish());
    run();
    decide(proposal());
    return response();
  };
  CHECK(transaction(2, 99)->getReplies()[0].isNoArray());
  auto done = transaction(3, 1);
  REQUIRE(done->getReplies()[0].isArray());
  CHECK(done->getReplies()[0].getArray()[1].getInteger() == 3);
}

TEST_CASE_FIXTURE(fixture, "a follower is sent as many decisions as it granted, in order") {
  start();
  probe follower{*this};
  follower.send(subject, follow_atom_v, uint64_t{2});
  run();
  for (slot_number slot = 1; slot <= 5; ++slot)
    decide(slot);
  CHECK(std::get<1>(follower->take<decision_atom, message<schema::Pvalue>>())->getSlot() == 1);
  CHECK(std::get<1>(follower->take<decision_atom, message<schema::Pvalue>>())->getSlot() == 2);
  CHECK_FALSE(follower->has<decision_atom, message<schema::Pvalue>>());
}

TEST_CASE_FIXTURE(fixture, "a leader that calls itself active is told of a higher ballot that slots were decided under") {
  start();
  leads(first_ballot);
  CHECK_FALSE(leader->has<message<schema::HigherBallot>>());
  decide(1, {}, 0, second_ballot);
  leads(first_ballot);
  auto [told] = leader->take<message<schema::HigherBallot>>();
  CHECK(ballot_of(told->getBallot()) == second_ballot);
}

TEST_CASE_FIXTURE(fixture, "a request whose session's turn a replica does not know yet is proposed when it has caught up") {
  start();
  decide(1, {open_request(77)}, 0, second_ballot);
  ask(2, {{"INCR", "n"}}); // Forwarded.
  leads({3, 0, 1});
  CHECK_FALSE(has_proposal()); // As far as this replica knows, cid 1 comes first.
  decide(2, {request_of(session, 1, {{"INCR", "n"}})}, 0, {3, 0, 1});
  pass(std::chrono::milliseconds{400});
  CHECK(proposal()->getSlot() == 3);
}

TEST_CASE_FIXTURE(fixture, "a request that was performed while it waited a second time takes no slot") {
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

TEST_CASE_FIXTURE(fixture, "slots that an earlier leader had proposals for, and the new one has not, are free again") {
  replica::options narrow;
  narrow.window = 1;
  start(narrow);
  decide(1, {open_request(5)});
  leads(second_ballot, 2, 3); // Nobody ever hears of its proposal for slot 2 again.
  ask(1, {{"SET", "k", "v"}});
  CHECK_FALSE(has_proposal());
  leads({3, 0, 1}, 2, 2);
  CHECK(proposal()->getSlot() == 2);
}

TEST_CASE_FIXTURE(fixture, "what another role sends wrongly does not end a replica, nor make it send errors") {
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

TEST_CASE_FIXTURE(fixture, "a follower that has no handler for decisions does not end a replica") {
  start();
  auto follower = system.spawn([](caf::event_based_actor* self) -> caf::behavior {
    self->set_default_handler(caf::drop); // Answers with an error.
    return {[](caf::sys_atom) {}};
  });
  caf::send_as(follower, caf::actor_cast<caf::actor>(subject), follow_atom_v, uint64_t{5});
  run();
  decide(1);
  decide(2);
  CHECK(number("slot_out") == 3);
  end(follower);
}

TEST_CASE_FIXTURE(fixture, "a session and an opening are sent again by their own clocks, whatever others get done") {
  start();
  open();
  decide(2, {open_request(78)});
  leads(second_ballot);
  other.send(subject, forward_atom_v, open_request(1), uint64_t{0}); // Somebody else's, which is not proposed here.
  ask(1, {{"INCR", "n"}});
  client.send(subject, request_of(session_of(2), 1, {{"INCR", "m"}}));
  run();
  auto forwarded = [&] { return other->count<forward_atom, message<schema::Request>, uint64_t>(); };
  CHECK(forwarded() == 2);
  // Every 100 ms the second session gets something done.
  for (slot_number slot = 3; slot < 8; ++slot) {
    decide(slot, {request_of(session_of(2), slot - 2, {{"INCR", "m"}})}, 0, second_ballot);
    client.send(subject, request_of(session_of(2), slot - 1, {{"INCR", "m"}}));
    pass(std::chrono::milliseconds{100});
  }
  size_t again = 0;
  while (other->has<forward_atom, message<schema::Request>, uint64_t>())
    again += std::get<1>(other->take<forward_atom, message<schema::Request>, uint64_t>())->getCommands().getSession() == session;
  CHECK(again == 2); // The first session's was sent again after 300 ms.
}

TEST_CASE_FIXTURE(fixture, "credit of the replica that requests go to sends at once what waited for it, in order") {
  replica::options small;
  small.peer_limit_bytes = 2000;
  start(small);
  open();
  leads(second_ballot);
  for (uint64_t cid = 1; cid <= 5; ++cid)
    ask(cid, {{"SET", "k", std::string(800, 'x')}});
  uint64_t mark = 0;
  std::vector<uint64_t> cids;
  auto take = [&] {
    while (other->has<forward_atom, message<schema::Request>, uint64_t>()) {
      auto [atom, x, told] = other->take<forward_atom, message<schema::Request>, uint64_t>();
      cids.push_back(x->getCommands().getFirstCid());
      mark = told;
    }
  };
  take();
  REQUIRE(cids.size() < 5);
  while (cids.size() < 5) {
    auto before = cids.size();
    builder<schema::Received> received;
    received->setNode(1);
    received->setMark(mark);
    other.send(subject, received.finish());
    run();
    take();
    REQUIRE(cids.size() > before);
  }
  CHECK(cids == std::vector<uint64_t>{1, 2, 3, 4, 5});
}

TEST_CASE_FIXTURE(fixture, "credit of a leader on another host sends at once what waited for it, oldest slot first") {
  replica::options small;
  small.peer_limit_bytes = 2000;
  small.batch_limit_bytes = 1;
  small.members = configurations{configuration{{0}, {7}, {0, 1, 2}}}; // Nobody beside the leader: this one proposes.
  start(small);
  caf::anon_send(subject, peer{0, "leader", nullptr});
  caf::anon_send(subject, peer{7, "leader", leader.ptr()});
  run();
  leads({4, 7, 1});
  open();
  for (uint64_t cid = 1; cid <= 5; ++cid)
    ask(cid, {{"SET", "k", std::string(800, 'x')}});
  std::vector<slot_number> slots;
  uint64_t mark = 0;
  auto take = [&] {
    while (has_proposal()) {
      auto [atom, pvalue, told] = leader->take<propose_atom, message<schema::Pvalue>, uint64_t>();
      slots.push_back(pvalue->getSlot());
      mark = told;
    }
  };
  take();
  REQUIRE(slots.size() < 5);
  while (slots.size() < 5) {
    auto before = slots.size();
    builder<schema::Received> received;
    received->setNode(7);
    received->setMark(mark);
    leader.send(subject, received.finish());
    run();
    take();
    REQUIRE(slots.size() > before);
  }
  CHECK(slots == std::vector<slot_number>{2, 3, 4, 5, 6});
}

TEST_CASE_FIXTURE(fixture, "a client's reads wait while it owes marks, and go on when they come back") {
  replica::options small;
  small.peer_limit_bytes = 4 << 20;
  start(small);
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
