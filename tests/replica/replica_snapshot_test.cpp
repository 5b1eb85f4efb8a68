// A replica takes snapshots, tells how far they reach, fetches one, and gives them.
#include "replica_fixture.hpp"

#include <doctest/doctest.h>

using namespace synod;
using namespace synod::test;
using std::chrono::milliseconds;

namespace {

message<schema::Request> set_request(uint64_t cid, const std::string& key, const std::string& value) {
  return request_of(session, cid, {{"SET", key, value}});
}

struct snapshot_fixture : replica_fixture {
  snapshot_fixture() {
    limits.snapshots.after_bytes = 4000;
    limits.snapshot_chunk_bytes = 1024;
  }

  /// Decides slots with a kilobyte each, one below `end` last.
  void decide_below(slot_number end) {
    for (; next < end; ++next)
      next == 1 ? open(true) : decide(next, {set_request(next - 1, "k" + std::to_string(next % 3), std::string(1000, 'x'))});
  }

  message<schema::Durable> last_durable(probe& acceptor) {
    message<schema::Durable> last;
    while (acceptor->has<message<schema::Durable>>())
      last = std::get<0>(acceptor->take<message<schema::Durable>>());
    return last;
  }

  message<schema::SnapshotChunk> ask_for(probe& from, slot_number above, uint64_t token, uint64_t offset) {
    builder<schema::AskSnapshot> ask;
    ask->setAbove(above);
    ask->setToken(token);
    ask->setOffset(offset);
    from.send(subject, ask.finish());
    run();
    return std::get<0>(from->take<message<schema::SnapshotChunk>>());
  }

  slot_number next = 1;
};

/// Two replicas: what the one lacks was collected, and the other one has it.
struct two_replicas : snapshot_fixture {
  two_replicas() {
    start();
    leads(first_ballot);
    decide_below(60);
    auto source = subject;
    other_disk.emplace();
    other_outside = std::make_shared<test_environment>(system, &other_disk->files());
    limits.node = 2;
    subject = spawn<replica>(other_outside, replica::memory{std::make_unique<execution>(limits.fresh_state()), {}}, limits);
    run();
    for (uint32_t i = 0; i < 3; ++i)
      caf::anon_send(subject, peer{i, "acceptor", acceptors[i].ptr()});
    caf::anon_send(subject, peer{0, "leader", leader.ptr()});
    caf::anon_send(subject, peer{0, "replica", caf::actor_cast<caf::strong_actor_ptr>(source)});
    run();
    leads(first_ballot, 60);
  }

  /// An acceptor that has collected: it tells of slots from `first_kept` on.
  void tell_collected(slot_number first_kept) {
    builder<schema::Learned> told;
    told->setAcceptor(1);
    told->setFirstSlot(1);
    told->setNextSlot(60);
    told->setDecidedBelow(60);
    told->setFirstKept(first_kept);
    acceptors[1].send(subject, told.finish());
    run();
  }

  std::optional<waiting_disk> other_disk;
  std::shared_ptr<test_environment> other_outside;
};

} // namespace

TEST_CASE_FIXTURE(snapshot_fixture,
                  "it takes snapshots by what was performed, and tells acceptors how far the one before the last reaches") {
  start();
  leads(first_ballot);
  CHECK(last_durable(acceptors[0])->getBelow() == 1);
  decide_below(4);
  CHECK(number("snapshots taken") == 0);
  decide_below(8);
  CHECK(number("snapshots taken") == 1);
  auto first = disk.files().list("/data/replica")->at(0);
  CHECK(number("durable below") == 1);
  decide_below(20);
  CHECK(number("snapshots taken") >= 2);
  auto durable = number("durable below");
  CHECK(durable > 1);
  for (auto& each : acceptors)
    CHECK(last_durable(each)->getBelow() == static_cast<slot_number>(durable));
  CHECK(disk.files().list("/data/replica")->size() == 2);
}

TEST_CASE_FIXTURE(snapshot_fixture, "commands go on while the disk takes its time, one piece after the other") {
  start();
  leads(first_ballot);
  disk.waits = true;
  decide_below(30);
  CHECK(number("slot_out") == 30);
  CHECK(number("snapshots taken") == 0);
  CHECK(disk.count(disk::lane::bulk) == 1);
  CHECK(disk.count(disk::lane::background) == 0);
  CHECK(disk.count(disk::lane::durable) == 0);
  while (!disk.asked.empty()) {
    disk.finish_one();
    run();
  }
  CHECK(number("snapshots taken") >= 1);
}

TEST_CASE_FIXTURE(snapshot_fixture, "acceptors are told again every second, and when they are reached") {
  start();
  for (auto& each : acceptors)
    last_durable(each);
  pass(milliseconds{900});
  CHECK_FALSE(acceptors[0]->has<message<schema::Durable>>());
  pass(milliseconds{200});
  CHECK(acceptors[0]->has<message<schema::Durable>>());
  last_durable(acceptors[0]);
  caf::anon_send(subject, peer{0, "acceptor", acceptors[0].ptr()});
  run();
  CHECK(acceptors[0]->has<message<schema::Durable>>());
}

TEST_CASE_FIXTURE(snapshot_fixture, "a disk that takes no snapshot is told, and commands go on") {
  start();
  leads(first_ballot);
  disk.platter.behaviour().error_per_million = 1'000'000;
  decide_below(20);
  CHECK(number("slot_out") == 20);
  CHECK(outside->logged().find("no snapshot can be written") != std::string::npos);
  CHECK(outside->ended.empty());
  disk.platter.behaviour().error_per_million = 0;
  pass(milliseconds{2000});
  CHECK(number("snapshots taken") == 1);
}

TEST_CASE_FIXTURE(snapshot_fixture, "it gives what it has, and says where it has nothing") {
  start();
  CHECK(ask_for(other, 1, 0, 0)->getToken() == 0);
  leads(first_ballot);
  decide_below(10);
  auto first = ask_for(other, 1, 0, 0);
  REQUIRE(first->getToken() != 0);
  CHECK(first->getBytes().size() == 1024);
  auto file = disk.files().open(snapshot_path("/data/replica", first->getSlotOut()));
  CHECK(first->getFileBytes() == (*file)->size());
  auto second = ask_for(other, 1, first->getToken(), 1024);
  CHECK(second->getOffset() == 1024);
  CHECK(ask_for(other, first->getSlotOut(), 0, 0)->getToken() == 0);
}

TEST_CASE_FIXTURE(two_replicas, "what was collected comes as a snapshot, and the rest is learned behind it") {
  CHECK(number("slot_out") == 1);
  tell_collected(40);
  pass(milliseconds{2000});
  auto reached = number("slot_out");
  INFO(other_outside->logged());
  CHECK(reached > 40);
  CHECK(other_outside->logged().find("goes on from a snapshot of slot " + std::to_string(reached)) != std::string::npos);
  CHECK(number("sessions") == 1);
  auto goes_on_from = [&](slot_number slot) { // The other one asks, too, for what comes next.
    auto asked = false;
    while (acceptors[2]->has<message<schema::Learn>>())
      asked |= std::get<0>(acceptors[2]->take<message<schema::Learn>>())->getFirstSlot() == slot;
    return asked;
  };
  CHECK(goes_on_from(static_cast<slot_number>(reached)));
  // Decisions go on from there, and the session with them.
  next = static_cast<slot_number>(reached);
  decide_below(60);
  CHECK(number("slot_out") == 60);
  CHECK(number("commands skipped") == 0);
  query({"GET", "k0"});
  tell_highest(2, 59);
  tell_highest(0, 59);
  CHECK(bulk(answers()) == std::string(1000, 'x'));
}

TEST_CASE_FIXTURE(two_replicas, "while it fetches one acceptors are told what they should keep") {
  other_disk->waits = true;
  tell_collected(40);
  pass(milliseconds{200});
  auto told = last_durable(acceptors[0]);
  CHECK(told->getBelow() == 1);
  auto slot = told->getKeepFrom();
  CHECK(slot > 40);
  other_disk->waits = false;
  while (!other_disk->asked.empty()) {
    other_disk->finish_one();
    run();
  }
  pass(milliseconds{1000});
  CHECK(number("slot_out") == static_cast<int64_t>(slot));
  next = slot;
  decide_below(60); // Level with the others.
  pass(milliseconds{1000});
  CHECK(last_durable(acceptors[0])->getKeepFrom() == 0);
}

TEST_CASE_FIXTURE(two_replicas, "clients whose commands were performed meanwhile are answered, those of ended sessions, too") {
  ask(5, {{"SET", "k", "v"}}); // Performed, its result is kept.
  client.send(subject, request_of(99, 1, {{"SET", "k", "v"}}));
  client.send(subject, open_request(77, true));
  ask(1000, {{"SET", "k", "v"}}); // Not yet.
  tell_collected(40);
  pass(milliseconds{2000});
  std::map<uint64_t, message<schema::Responses>> answered;
  while (client->has<message<schema::Responses>>()) {
    auto each = response();
    answered[each->getSession()] = each;
  }
  REQUIRE(answered.contains(session));
  CHECK(answered[session]->getFirstCid() == 5);
  CHECK(std::string{answered[session]->getReplies()[0].getStatus().cStr()} == "OK");
  REQUIRE(answered.contains(99));
  CHECK(answered[99]->getSessionEnded());
  CHECK(opened() == session);
}

TEST_CASE_FIXTURE(two_replicas, "what comes by decisions before the snapshot is there is not undone by it") {
  other_disk->waits = true;
  tell_collected(40);
  pass(milliseconds{200});
  next = 1;
  decide_below(60);
  CHECK(number("slot_out") == 60);
  other_disk->waits = false;
  while (!other_disk->asked.empty()) {
    other_disk->finish_one();
    run();
  }
  pass(milliseconds{1000});
  CHECK(number("slot_out") == 60);
}
