#include "harness.hpp"

#include "synod/actors/acceptor/learners.hpp"

#include <doctest/doctest.h>

using namespace synod;
using namespace synod::test;

namespace {

struct fixture : actor_world {
  static caf::actor_addr address(const probe& of) { return caf::actor_cast<caf::actor_addr>(of.ptr()); }

  bool admit(uint64_t bytes, std::chrono::milliseconds at = {}) {
    return subject.admit(bytes, flow_control::time_point{std::chrono::hours{1} + at}, mark);
  }

  probe one{*this}, other{*this};
  learners subject{1000};
  uint64_t mark = 0;
};

} // namespace

TEST_CASE_FIXTURE(fixture, "a replica is sent no more than the limit until it asks with a mark; others do not suffer from it") {
  subject.asks(address(one), 0);
  CHECK(admit(600));
  CHECK(admit(600)); // A probe.
  auto last = mark;
  CHECK_FALSE(admit(600));
  subject.asks(address(other), 0);
  CHECK(admit(600));
  subject.asks(address(one), last);
  CHECK(admit(600, std::chrono::milliseconds{1}));
  CHECK(subject.most_owed_bytes() == 600);
}

TEST_CASE_FIXTURE(fixture, "so many replicas are known; the one that asked least recently is forgotten") {
  subject.asks(address(one), 0);
  CHECK(admit(700));
  std::deque<probe> many;
  for (size_t i = 1; i < learners::most_learners; ++i)
    subject.asks(address(many.emplace_back(*this)), 0);
  subject.asks(address(one), 0);
  CHECK(subject.most_owed_bytes() == 700);
  for (size_t i = 0; i < 3; ++i)
    subject.asks(address(many.emplace_back(*this)), 0);
  CHECK(subject.size() == learners::most_learners);
  CHECK(subject.most_owed_bytes() == 700);
}
