// An acceptor whose disk is full.
#include "acceptor_fixture.hpp"

#include <algorithm>

using namespace synod;
using namespace synod::test;

namespace {

constexpr int64_t reserve_bytes = 1 << 20;

struct fixture : acceptor_fixture {
  fixture() {
    auto described = std::make_shared<cluster>(*config);
    described->nodes.clear();
    for (uint32_t id = 1; id <= 3; ++id)
      described->nodes.push_back({std::string(1, static_cast<char>('a' + id - 1)), id, {}, {}, {"acceptor", "replica"}});
    config = described;
    options.set("segment-size", int64_t{64 << 10});
    options.set("disk-reserve", reserve_bytes);
    end(caf::actor_cast<caf::actor>(subject));
    storage.platter.erase(); // The first log has large segments.
    storage.plug();
    start();
  }

  void fill(std::optional<uint64_t> left_bytes) {
    storage.platter.fill(left_bytes);
    pass(std::chrono::milliseconds{1100});
  }

  /// A vote, or none.
  message<schema::P2b> accept(slot_number slot, size_t bytes = 100) {
    leader->inbox.clear();
    return p2a(pvalue_of(low, slot, {request_of(1, 1, {{std::string(bytes, 'x')}})}));
  }

  /// What the leader was told last, and not asked for.
  message<schema::P2b> told() {
    auto latest = std::get<0>(leader->take<message<schema::P2b>>());
    while (leader->has<message<schema::P2b>>())
      latest = std::get<0>(leader->take<message<schema::P2b>>());
    return latest;
  }

  /// Until the acceptor declines.
  void accept_all_there_is_room_for() {
    for (; accept(next, 1000)->getSlots().size() > 0; ++next)
      REQUIRE(next < 1000);
  }

  void collect(slot_number below) {
    for (node_id node = 1; node <= 2; ++node) {
      builder<schema::Durable> durable;
      durable->setNode(node);
      durable->setBelow(below);
      replica.send(subject, durable.finish());
      run();
    }
  }

  size_t segments() {
    auto names = *storage.files().list("/data/acceptor");
    return static_cast<size_t>(std::count_if(names.begin(), names.end(), [](auto& x) { return x.ends_with(".log"); }));
  }

  schema::Entry::Reader status(const std::string& name) {
    probe asker{*this};
    asker.send(subject, status_atom_v);
    run();
    latest_status = std::get<0>(asker->take<message<schema::RoleStatus>>());
    for (auto entry : latest_status->getEntries())
      if (name == entry.getName().cStr())
        return entry;
    throw std::runtime_error{"there is no such entry"};
  }

  slot_number next = 1;
  message<schema::RoleStatus> latest_status;
};

} // namespace

TEST_CASE_FIXTURE(fixture, "with less room than its reserve an acceptor says so, and still accepts what it is sent") {
  CHECK_FALSE(accept(1)->getFull());
  leader->inbox.clear();
  fill(reserve_bytes - 1);
  auto first = told();
  CHECK(first->getFull());
  CHECK(first->getSlots().size() == 0);
  CHECK(std::string{status("full").getText().cStr()} == "yes");
  CHECK(status("disk free bytes").getNumber() == reserve_bytes - 1);
  auto vote = accept(2);
  CHECK(vote->getFull());
  CHECK(vote->getSlots().size() == 1);
  CHECK(p1a(high)->getFull());
  leader->inbox.clear();
  pass(std::chrono::milliseconds{1100});
  CHECK(leader->has<message<schema::P2b>>()); // Again: a message may be lost.
  leader->inbox.clear();
  fill(std::nullopt);
  CHECK_FALSE(told()->getFull());
  CHECK(std::string{status("full").getText().cStr()} == "no");
  leader->inbox.clear();
  pass(std::chrono::milliseconds{1100});
  CHECK_FALSE(leader->has<message<schema::P2b>>());
}

TEST_CASE_FIXTURE(fixture,
                  "a disk without any room ends nothing: what there are segments for is accepted, the rest is declined") {
  fill(0);
  accept_all_there_is_room_for();
  CHECK(next > 60);
  auto declined = accept(next, 1000);
  CHECK(declined->getFull());
  CHECK(ballot_of(declined->getBallot()) == low);
  CHECK(around->ended.empty());
  SUBCASE("what it has accepted it votes for again") {
    CHECK(accept(1)->getSlots().size() == 1);
  }
  SUBCASE("it promises, answers, and collects") {
    CHECK(ballot_of(p1a(high)->getBallot()) == high);
    CHECK(ask_highest()->getSlot() == next - 1);
    collect(next - 1);
    CHECK(p1a(high)->getFirstKept() == next - 1);
    crash_and_restart(); // With a full disk.
    CHECK(p1a(high)->getFirstKept() == next - 1);
    CHECK(ask_highest()->getSlot() == next - 1);
  }
  SUBCASE("it goes on by itself when there is room") {
    fill(std::nullopt);
    pass(std::chrono::milliseconds{10'000});
    CHECK(accept(next, 1000)->getSlots().size() == 1);
    CHECK_FALSE(accept(next, 1000)->getFull());
  }
  SUBCASE("what was declined is not there after a crash") {
    crash_and_restart();
    CHECK(ask_highest()->getSlot() == next - 1);
  }
  SUBCASE("it starts again, however often") {
    for (int i = 0; i < 10; ++i) {
      i % 2 == 0 ? restart() : crash_and_restart();
      CHECK(ask_highest()->getSlot() == next - 1);
    }
  }
}

TEST_CASE_FIXTURE(fixture, "promises on a full disk leave room for what is collected") {
  fill(0);
  accept_all_there_is_room_for();
  auto promised = low;
  for (uint64_t round = 2; round < 2000; ++round) {
    ask(leader, {round, 1, 1});
    if (!leader->has<message<schema::P1b>>())
      break;
    leader->inbox.clear();
    promised = {round, 1, 1};
  }
  CHECK(promised.round > 50);
  CHECK(promised.round < 1999); // It has an end, or the log would be full of promises.
  collect(next - 1);
  CHECK(ask_highest()->getSlot() == next - 1);
  CHECK(p1a(promised)->getFirstKept() == next - 1);
}

TEST_CASE_FIXTURE(fixture, "segments that are free are given up to a full disk, but for one") {
  for (; segments() < 8; ++next)
    accept(next, 10'000);
  collect(next);
  REQUIRE(segments() >= 7);
  fill(100);
  CHECK(segments() <= 4);
  CHECK(around->ended.empty());
}

TEST_CASE_FIXTURE(fixture, "a disk that fails in another way ends the process") {
  storage.platter.behaviour().error_per_million = 1'000'000;
  leader.send(subject, p2a_atom_v, value_of(low, 1, 10), uint64_t{1});
  run();
  CHECK_FALSE(around->ended.empty());
}
