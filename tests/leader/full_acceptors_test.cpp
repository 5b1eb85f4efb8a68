#include "synod/actors/leader/full_acceptors.hpp"

#include <doctest/doctest.h>

using namespace synod;
using std::chrono::seconds;

namespace {

struct fixture {
  static full_acceptors::time_point at(int64_t s) { return full_acceptors::time_point{} + std::chrono::hours{1} + seconds{s}; }

  full_acceptors::outlook look(const node_set& reached, bool stalled = false, int64_t s = 0) {
    return subject.look(reached, accept, stalled, at(s));
  }

  const node_set all{1, 2, 3};
  const quorum accept{all, 2};
  full_acceptors subject;
};

} // namespace

TEST_CASE_FIXTURE(fixture, "a full acceptor is spared while the others are enough, and answer") {
  CHECK(look(all) == full_acceptors::outlook{});
  CHECK(subject.told(3, true, at(0)));
  CHECK_FALSE(subject.told(3, true, at(0)));
  CHECK(look(all).spared == node_set{3});
  CHECK(look(all).blocking.empty());
  CHECK(look(all, true) == full_acceptors::outlook{});
}

TEST_CASE_FIXTURE(fixture, "when the others are not enough, full ones block; when nobody is enough, no room is not the reason") {
  subject.told(3, true, at(0));
  CHECK(look({1, 3}).blocking == node_set{3});
  CHECK(look({1, 3}).spared.empty());
  CHECK(look({3}) == full_acceptors::outlook{});
  subject.told(2, true, at(0));
  CHECK(look(all).blocking == node_set{2, 3});
  CHECK(look(all, true).blocking == node_set{2, 3});
  CHECK(subject.told(2, false, at(1)));
  CHECK_FALSE(subject.told(2, false, at(1)));
  CHECK(look(all, false, 1).spared == node_set{3});
}

TEST_CASE_FIXTURE(fixture, "an acceptor that says nothing more is believed for a while") {
  subject.told(3, true, at(0));
  CHECK(look(all, false, 4).spared == node_set{3});
  CHECK(look(all, false, 5).spared.empty());
  CHECK(subject.told(3, true, at(6)));
}

TEST_CASE_FIXTURE(fixture, "others may have room as long as a quorum has not said that it is full") {
  subject.told(3, true, at(0));
  CHECK(subject.others_may_have_room(all, accept));
  subject.told(1, true, at(0));
  CHECK_FALSE(subject.others_may_have_room(all, accept));
}
