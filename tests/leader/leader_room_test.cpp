// A leader and acceptors whose disks are full.
#include "leader/leader_fixture.hpp"

#include <doctest/doctest.h>

using namespace synod;
using namespace synod::test;
using std::chrono::milliseconds;

namespace {

struct fixture : leader_fixture {
  fixture() {
    start();
    become_active();
    forget_messages();
  }

  void tell_room(uint32_t acceptor, bool full) {
    builder<schema::P2b> answer;
    answer->setAcceptor(acceptor);
    answer->setFull(full);
    acceptors[acceptor].send(subject, answer.finish());
    run();
  }

  /// What replicas were told last.
  std::vector<uint32_t> blocking() {
    std::vector<uint32_t> found;
    while (replicas[0]->has<message<schema::Leading>>()) {
      auto leading = std::get<0>(replicas[0]->take<message<schema::Leading>>());
      found.clear();
      for (auto each : leading->getFull())
        found.push_back(each);
    }
    return found;
  }
};

} // namespace

TEST_CASE_FIXTURE(fixture, "a full acceptor gets nothing new while the others are enough, and its quorum when they stall") {
  tell_room(2, true);
  propose(value_of(mine, 1, 10));
  CHECK(has_p2a(0));
  CHECK(has_p2a(1));
  CHECK_FALSE(has_p2a(2));
  pass(milliseconds{300});
  CHECK_FALSE(has_p2a(2));
  tell_room(2, true);
  pass(milliseconds{2000});
  CHECK(has_p2a(2));
  CHECK(blocking().empty());
}

TEST_CASE_FIXTURE(fixture, "when no quorum has room nothing new is begun, and replicas are told which acceptors are full") {
  propose(value_of(mine, 3, 30));
  forget_messages();
  tell_room(1, true);
  CHECK(blocking().empty());
  tell_room(2, true);
  CHECK(blocking() == std::vector<uint32_t>{1, 2});
  propose(value_of(mine, 4, 40));
  CHECK_FALSE(has_p2a());
  SUBCASE("but a hole is filled, with all acceptors: reads wait for what is behind it") {
    propose(value_of(mine, 2, 20));
    for (size_t i = 0; i < 3; ++i)
      CHECK(p2a(i)->getSlot() == 2);
  }
  SUBCASE("until one has room again") {
    tell_room(2, false);
    CHECK(blocking().empty());
    propose(value_of(mine, 4, 40));
    CHECK(p2a(0)->getSlot() == 4);
  }
  SUBCASE("until nothing is heard of it any more") {
    pass(milliseconds{5100});
    CHECK(blocking().empty());
  }
}

TEST_CASE_FIXTURE(fixture, "without room at those that it reaches, a leader asks another one to lead, if others may have some") {
  auto asks = [this] {
    auto found = false;
    while (other->has<message<schema::Ping>>())
      found |= std::get<0>(other->take<message<schema::Ping>>())->getAsksToLead();
    return found;
  };
  tell_room(2, true);
  SUBCASE("one is away") {
    caf::anon_send(subject, peer{1, "acceptor", nullptr});
    run();
    CHECK(blocking() == std::vector<uint32_t>{2});
    pass(milliseconds{1900});
    CHECK_FALSE(asks());
    pass(milliseconds{200});
    CHECK(asks());
  }
  SUBCASE("a quorum is full") {
    tell_room(1, true);
    pass(milliseconds{4000});
    CHECK_FALSE(asks());
  }
}
