#include "synod/messages/configuration.hpp"

#include <doctest/doctest.h>

using namespace synod;

TEST_CASE("a set of nodes is sorted and holds each once") {
  node_set subject{5, 2, 9, 2};
  CHECK(std::vector<node_id>(subject.begin(), subject.end()) == std::vector<node_id>{2, 5, 9});
  CHECK(subject.size() == 3);
  CHECK(subject.contains(5));
  CHECK_FALSE(subject.contains(4));
  CHECK_FALSE(subject.insert(5));
  CHECK(subject.insert(4));
  CHECK(subject == node_set{2, 4, 5, 9});
  subject.clear();
  CHECK(subject.empty());
}

TEST_CASE("a quorum is a majority of the acceptors, whoever else answers") {
  configuration three{{1, 2, 3}, {1, 2}, {10, 20, 30}};
  for (auto which : {phase::promise, phase::accept}) {
    auto subject = three.quorum(which);
    CHECK(subject.needed() == 2);
    CHECK_FALSE(subject.satisfied_by({}));
    CHECK_FALSE(subject.satisfied_by({20}));
    CHECK_FALSE(subject.satisfied_by({1, 2, 3, 20}));
    CHECK(subject.satisfied_by({10, 30}));
    CHECK(subject.satisfied_by({10, 20, 30}));
  }
  CHECK(configuration{{}, {}, {1, 2, 3, 4}}.quorum(phase::accept).needed() == 3);
  CHECK(configuration{{}, {}, {7}}.quorum(phase::accept).needed() == 1);
}

TEST_CASE("no acceptors are no quorum") {
  CHECK_FALSE(configuration{}.quorum(phase::promise).satisfied_by({1, 2, 3}));
}

TEST_CASE("the two phases may have quorums of other sizes") {
  auto five = configuration{{1}, {1}, {1, 2, 3, 4, 5}}.with_quorums(4, 2);
  CHECK_FALSE(five.quorum(phase::promise).satisfied_by({1, 2, 3}));
  CHECK(five.quorum(phase::promise).satisfied_by({1, 2, 3, 5}));
  CHECK_FALSE(five.quorum(phase::accept).satisfied_by({4}));
  CHECK(five.quorum(phase::accept).satisfied_by({4, 5}));
}

TEST_CASE("a first configuration rules all slots") {
  configurations subject{configuration{{1, 2}, {3}, {4, 5, 6}}};
  for (slot_number slot : {1u, 1000u}) {
    CHECK(subject.ruling(slot).replicas() == node_set{1, 2});
    CHECK(subject.ruling(slot).leaders() == node_set{3});
    CHECK(subject.ruling(slot).acceptors() == node_set{4, 5, 6});
    CHECK(subject.quorum(phase::accept, slot).satisfied_by({4, 6}));
  }
}
