// An acceptor forgets what f+1 replicas hold durably, and knows what it has forgotten.
#include "acceptor_fixture.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace synod;
using namespace synod::test;
using fixture = acceptor_fixture;

namespace {

struct collecting : fixture {
  collecting() {
    auto described = std::make_shared<cluster>(*config);
    described->nodes.clear();
    described->nodes.push_back({"a", 1, {}, {}, {"acceptor", "replica"}});
    described->nodes.push_back({"b", 2, {}, {}, {"acceptor", "replica"}});
    described->nodes.push_back({"c", 3, {}, {}, {"acceptor", "replica"}});
    config = described;
    options.set("segment-size", int64_t{64 << 10});
    end(caf::actor_cast<caf::actor>(subject));
    storage.platter.erase(); // The first log has large segments.
    storage.plug();
    start();
  }

  void tell_durable(node_id node, slot_number below, slot_number keep_from = 0) {
    builder<schema::Durable> durable;
    durable->setNode(node);
    durable->setBelow(below);
    durable->setKeepFrom(keep_from);
    replica.send(subject, durable.finish());
    run();
  }
  void collect(slot_number below) {
    tell_durable(1, below);
    tell_durable(2, below);
  }

  void accept_below(slot_number end, size_t bytes = 0) {
    for (; next < end; ++next)
      p2a(pvalue_of(low, next, {request_of(1, 1, {{std::string(bytes, 'x')}})}));
  }

  message<schema::Learned> learned(slot_number first) {
    learn(replica, first, true, 1'000'000'000);
    return std::get<0>(replica->take<message<schema::Learned>>());
  }

  size_t segments() {
    auto names = *storage.files().list("/data/acceptor");
    return static_cast<size_t>(std::count_if(names.begin(), names.end(), [](auto& x) { return x.ends_with(".log"); }));
  }

  slot_number next = 1;
};

} // namespace

TEST_CASE_FIXTURE(collecting, "what f+1 replicas hold durably is forgotten, and scouts, replicas and reads are told so") {
  accept_below(11);
  tell_durable(1, 6);
  CHECK(p1a(low)->getFirstKept() == 1);
  tell_durable(3, 8);
  auto answer = p1a(low);
  CHECK(answer->getFirstKept() == 6);
  CHECK(answer->getDecidedBelow() == 6);
  CHECK(answer->getPvalues().size() == 5);
  auto told = learned(1);
  CHECK(told->getFirstKept() == 6);
  CHECK(told->getAccepted().size() == 5);
  CHECK(told->getAccepted()[0].getSlot() == 6);
  collect(11);
  CHECK(learned(1)->getAccepted().size() == 0);
  CHECK(ask_highest()->getSlot() == 10);
}

TEST_CASE_FIXTURE(collecting, "a scout that asks about slots again is told which of them were collected") {
  accept_below(11);
  collect(6);
  auto answer = p1a(low, 2, 9);
  CHECK(answer->getFirstKept() == 6);
  CHECK(answer->getPvalues().size() == 3);
}

TEST_CASE_FIXTURE(collecting, "a restart forgets neither the first kept slot nor the promise nor the highest slot") {
  p1a(high);
  p2a(pvalue_of(high, 1));
  p2a(pvalue_of(high, 2));
  collect(3);
  SUBCASE("in order") {
    restart();
  }
  SUBCASE("by a crash") {
    crash_and_restart();
  }
  auto answer = p1a(low);
  CHECK(ballot_of(answer->getBallot()) == high);
  CHECK(p1a(high)->getFirstKept() == 3);
  CHECK(ask_highest()->getSlot() == 2);
  CHECK(learned(1)->getFirstKept() == 3);
}

TEST_CASE_FIXTURE(collecting, "what is proposed for a collected slot is voted for, and not kept") {
  accept_below(6);
  collect(6);
  auto vote = p2a(pvalue_of(low, 3));
  CHECK(ballot_of(vote->getBallot()) == low);
  CHECK(vote->getSlots().size() == 1);
  CHECK(vote->getSlots()[0] == 3);
  vote = p2a(pvalue_of(high, 3));
  CHECK(ballot_of(vote->getBallot()) == high);
  CHECK(ballot_of(p1a(low)->getBallot()) == high);
  CHECK(ballot_of(p2a(pvalue_of(low, 3))->getBallot()) == high); // Preempted.
  CHECK(learned(1)->getAccepted().size() == 0);
  crash_and_restart();
  CHECK(ballot_of(p1a(low)->getBallot()) == high);
}

TEST_CASE_FIXTURE(collecting, "a vote for a collected slot waits until that is durable") {
  accept_below(6);
  storage.waits = true;
  collect(6);
  leader.send(subject, p2a_atom_v, pvalue_of(low, 3), uint64_t{1});
  run();
  CHECK_FALSE(leader->has<message<schema::P2b>>());
  finish();
  CHECK(leader->has<message<schema::P2b>>());
}

TEST_CASE_FIXTURE(collecting, "whole segments go, when it is durable that they are not needed, and are used again") {
  p1a(high);
  auto large = [&](slot_number end) {
    for (; next < end; ++next)
      p2a(pvalue_of(high, next, {request_of(1, 1, {{std::string(10'000, 'x')}})}));
  };
  large(40);
  auto before = segments();
  CHECK(before >= 7);
  storage.waits = true;
  collect(40);
  while (storage.count(disk::lane::background) > 0)
    finish(disk::lane::background);
  CHECK(segments() >= before);
  storage.waits = false;
  while (!storage.asked.empty())
    finish(storage.asked.front().lane);
  CHECK(segments() >= before - 1); // Some wait to be used again.
  large(80);
  auto most = segments();
  for (slot_number end = 120; end <= 400; end += 40) {
    collect(end - 40);
    large(end);
    CHECK(segments() <= most + 2);
  }
  crash_and_restart();
  CHECK(ballot_of(p1a(low)->getBallot()) == high);
  CHECK(p1a(high)->getFirstKept() == 360);
  CHECK(ask_highest()->getSlot() == 399);
}

TEST_CASE_FIXTURE(collecting, "what a replica that fetches a snapshot will need is kept, up to a limit") {
  accept_below(21, 9000);
  tell_durable(3, 1, 10);
  collect(20);
  CHECK(learned(1)->getFirstKept() == 10);
  options.set("spare-limit", int64_t{0});
  restart();
  tell_durable(3, 1, 12);
  collect(20);
  CHECK(learned(1)->getFirstKept() == 20);
}
