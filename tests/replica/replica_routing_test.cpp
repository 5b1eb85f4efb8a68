// On the way to whoever proposes, and back.
#include "replica_fixture.hpp"

using namespace synod;
using namespace synod::test;

TEST_CASE_FIXTURE(replica_fixture, "colocation: requests go to the replica beside the active leader, which proposes them") {
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

TEST_CASE_FIXTURE(replica_fixture,
                  "requests outstanding go to the new leader's replica, in order, and again with growing pauses") {
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

TEST_CASE_FIXTURE(replica_fixture, "a decision under an earlier ballot tells nothing of who leads") {
  start();
  leads(second_ballot);
  decide(1, {open_request(77)}, 0, first_ballot);
  ask(1, {{"INCR", "n"}});
  CHECK_FALSE(has_proposal());
  CHECK(other->has<forward_atom, message<schema::Request>, uint64_t>());
}

TEST_CASE_FIXTURE(replica_fixture, "what waits is limited, and refused above") {
  limits.waiting_limit_bytes = 4000;
  start();
  for (uint64_t cid = 1; cid <= 20; ++cid)
    ask(cid, {{"SET", "k", std::string(500, 'x')}});
  CHECK(number("bytes outstanding") <= 4000);
  auto answer = response();
  CHECK(answer->getRefused());
}

TEST_CASE_FIXTURE(replica_fixture, "what other replicas send on leaves room for own clients") {
  limits.waiting_limit_bytes = 4000;
  start();
  leads(first_ballot);
  open();
  for (uint64_t cid = 1; cid <= 20; ++cid) {
    other.send(subject, forward_atom_v, request_of(session, cid, {{"SET", "k", std::string(500, 'x')}}), uint64_t{0});
    run();
  }
  auto waiting = number("requests waiting");
  CHECK(waiting * 500 <= 4000);
  client.send(subject, open_request(78));
  run();
  CHECK(number("requests waiting") == waiting + 1);
}

TEST_CASE_FIXTURE(replica_fixture, "what another replica sends on and no batch could carry is not proposed") {
  start();
  leads(first_ballot);
  open();
  other.send(subject, forward_atom_v, request_of(session, 1, {{"SET", "k", std::string(request_limit_bytes, 'x')}}), uint64_t{0});
  run();
  CHECK_FALSE(has_proposal());
}

TEST_CASE_FIXTURE(replica_fixture, "what comes behind a refused request is refused too, until that one comes again") {
  limits.waiting_limit_bytes = 4000;
  start();
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

TEST_CASE_FIXTURE(replica_fixture, "a request that is asked again is proposed once, and answered at the handle that asked last") {
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

TEST_CASE_FIXTURE(replica_fixture, "a session and an opening are sent again by their own clocks, whatever others get done") {
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

TEST_CASE_FIXTURE(replica_fixture, "credit of the replica that requests go to sends at once what waited for it, in order") {
  limits.peer_limit_bytes = 2000;
  start();
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

TEST_CASE_FIXTURE(replica_fixture, "credit of a leader on another host sends at once what waited for it, oldest slot first") {
  limits.peer_limit_bytes = 2000;
  limits.batch_limit_bytes = 1;
  limits.fresh_state = [] {
    auto state = fresh();
    state.members = configurations{configuration{node_set{0}, node_set{7}, node_set{0, 1, 2}}};
    return state;
  }; // Nobody beside the leader: this one proposes.
  start();
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

namespace {

/// As the active leader tells it while acceptors 1 and 2 have no room, or none is full.
void tell_full(replica_fixture& x, bool full, ballot active = first_ballot) {
  builder<schema::Leading> leading;
  write(active, leading->initBallot());
  if (full) {
    auto nodes = leading->initFull(2);
    nodes.set(0, 1);
    nodes.set(1, 2);
  }
  x.leader.send(x.subject, leading.finish());
  x.run();
}

} // namespace

TEST_CASE_FIXTURE(replica_fixture, "while disks are full new requests are refused with the reason, and reads go on") {
  limits.node_names = {{1, "left"}, {2, "right"}};
  start();
  leads(first_ballot);
  open();
  ask(1, {{"SET", "k", "1"}});
  tell_full(*this, true);
  ask(2, {{"SET", "k", "2"}});
  auto answer = response();
  CHECK(answer->getRefused());
  CHECK(answer->getFirstCid() == 2);
  auto why = std::string{answer->getWhy().cStr()};
  CHECK(why.find("left, right") != std::string::npos);
  CHECK(why.find("full") != std::string::npos);
  client.send(subject, open_request(78));
  run();
  while (client->count<message<schema::Opened>>() > 1)
    client->take<message<schema::Opened>>();
  auto opened = std::get<0>(client->take<message<schema::Opened>>());
  CHECK(opened->isRefused());
  CHECK(std::string{opened->getWhy().cStr()} == why);
  ask(1, {{"SET", "k", "1"}}); // What is under way already goes on.
  decide(2, {request_of(session, 1, {{"SET", "k", "1"}})});
  CHECK(response()->getAnswered() == 1);
  query({"GET", "k"});
  tell_highest(0, 2);
  tell_highest(1, 2);
  CHECK(bulk(answers()) == "1");
}

TEST_CASE_FIXTURE(replica_fixture, "requests are taken again when the leader says so, and when none is heard of any more") {
  start();
  leads(first_ballot);
  open();
  tell_full(*this, true);
  SUBCASE("the leader") {
    tell_full(*this, false);
  }
  SUBCASE("another leader") {
    tell_full(*this, false, second_ballot);
    tell_full(*this, true); // The former one.
  }
  SUBCASE("none") {
    pass(std::chrono::milliseconds{5100});
  }
  ask(1, {{"SET", "k", "1"}});
  CHECK_FALSE(client->has<message<schema::Responses>>());
}
