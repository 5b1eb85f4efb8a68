#include "harness.hpp"

#include "synod/actors/role/peers.hpp"

#include <doctest/doctest.h>

using namespace synod;
using namespace synod::test;

namespace {

struct fixture : actor_world {
  peers<acceptor_actor> subject{100};
  probe first{*this}, second{*this};
  caf::actor_clock::time_point now = caf::actor_clock::time_point{} + std::chrono::hours{1};

  bool admit(node_id node, uint64_t bytes, uint64_t& mark) { return subject.find(node)->flow->admit(bytes, now, mark); }
};

} // namespace

TEST_CASE_FIXTURE(fixture, "peers are reached in the order of nodes, each at the handle told last") {
  CHECK(subject.empty());
  subject.renew({9, "acceptor", first.ptr()});
  subject.renew({4, "acceptor", second.ptr()});
  CHECK(subject.nodes() == node_set{4, 9});
  CHECK(subject.begin()->node == 4);
  CHECK((subject.handle_of(9) == first.as<acceptor_actor>()));
  CHECK_FALSE(subject.handle_of(5));
  CHECK(subject.find(5) == nullptr);
  CHECK(subject.has(second.ptr()));
  subject.renew({9, "acceptor", second.ptr()});
  CHECK(subject.size() == 2);
  CHECK((subject.handle_of(9) == second.as<acceptor_actor>()));
  CHECK_FALSE(subject.has(first.ptr()));
  CHECK_FALSE(subject.has(nullptr));
  subject.renew({9, "acceptor", nullptr});
  subject.renew({9, "acceptor", nullptr});
  CHECK(subject.nodes() == node_set{4});
  subject.clear();
  CHECK(subject.empty());
}

TEST_CASE_FIXTURE(fixture, "each peer has a flow of its own, and a renewed one owes nothing") {
  subject.renew({1, "acceptor", first.ptr()});
  subject.renew({2, "acceptor", second.ptr()});
  uint64_t mark = 0;
  CHECK(admit(1, 80, mark));
  CHECK(admit(2, 30, mark));
  CHECK(subject.most_owed_bytes() == 80);
  subject.renew({1, "acceptor", first.ptr()});
  CHECK(subject.most_owed_bytes() == 30);
}

TEST_CASE_FIXTURE(fixture, "copies share what is owed") {
  subject.renew({1, "acceptor", first.ptr()});
  auto copy = subject;
  uint64_t mark = 0;
  CHECK(admit(1, 80, mark));
  CHECK(copy.most_owed_bytes() == 80);
}

TEST_CASE_FIXTURE(fixture, "credit that comes back is told of when something was not admitted") {
  subject.renew({1, "acceptor", first.ptr()});
  uint64_t mark = 0;
  CHECK(admit(1, 90, mark));
  CHECK_FALSE(subject.received(1, 0));
  CHECK(admit(1, 50, mark)); // A probe.
  CHECK_FALSE(admit(1, 50, mark));
  CHECK_FALSE(subject.received(7, mark));
  CHECK(subject.received(1, mark));
  CHECK_FALSE(subject.received(1, mark));
  CHECK(subject.most_owed_bytes() == 0);
}
