#include "synod/messages/configuration.hpp"

#include "synod/messages/message.hpp"

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
  CHECK(configuration{node_set{}, node_set{}, node_set{1, 2, 3, 4}}.quorum(phase::accept).needed() == 3);
  CHECK(configuration{node_set{}, node_set{}, node_set{7}}.quorum(phase::accept).needed() == 1);
}

TEST_CASE("no acceptors are no quorum") {
  CHECK_FALSE(configuration{}.quorum(phase::promise).satisfied_by({1, 2, 3}));
}

TEST_CASE("the two phases may have quorums of other sizes") {
  auto five = configuration{node_set{1}, node_set{1}, node_set{1, 2, 3, 4, 5}}.with_quorums(4, 2);
  CHECK_FALSE(five.quorum(phase::promise).satisfied_by({1, 2, 3}));
  CHECK(five.quorum(phase::promise).satisfied_by({1, 2, 3, 5}));
  CHECK_FALSE(five.quorum(phase::accept).satisfied_by({4}));
  CHECK(five.quorum(phase::accept).satisfied_by({4, 5}));
}

TEST_CASE("a first configuration rules all slots") {
  configurations subject{configuration{node_set{1, 2}, node_set{3}, node_set{4, 5, 6}}};
  for (slot_number slot : {1u, 1000u}) {
    CHECK(subject.ruling(slot).replicas() == node_set{1, 2});
    CHECK(subject.ruling(slot).leaders() == node_set{3});
    CHECK(subject.ruling(slot).acceptors() == node_set{4, 5, 6});
    CHECK(subject.quorum(phase::accept, slot).satisfied_by({4, 6}));
  }
}

TEST_CASE("each slot is ruled by the latest configuration that begins at it or before") {
  configurations subject{configuration{node_set{}, node_set{}, node_set{1, 2, 3}}};
  subject.add(configuration{node_set{}, node_set{}, node_set{2, 3, 4}, 1}, 10);
  subject.add(configuration{node_set{}, node_set{}, node_set{4, 5, 6}, 2}, 20);
  CHECK(subject.ruling(1).number() == 0);
  CHECK(subject.ruling(9).number() == 0);
  CHECK(subject.ruling(10).number() == 1);
  CHECK(subject.ruling(19).number() == 1);
  CHECK(subject.ruling(20).number() == 2);
  CHECK(subject.ruling(1000).number() == 2);
  CHECK(subject.latest_from() == 20);
  CHECK(subject.acceptors(1, 10) == node_set{1, 2, 3});
  CHECK(subject.acceptors(9, 11) == node_set{1, 2, 3, 4});
  CHECK(subject.acceptors(15, configurations::no_end) == node_set{2, 3, 4, 5, 6});
}

TEST_CASE("a range of slots is known of when a quorum of each configuration that rules one has told") {
  configurations subject{configuration{node_set{}, node_set{}, node_set{1, 2, 3}}};
  subject.add(configuration{node_set{}, node_set{}, node_set{4, 5, 6}, 1}, 10);
  CHECK(subject.promised(1, 10, {1, 2}));
  CHECK_FALSE(subject.promised(1, 11, {1, 2}));
  CHECK_FALSE(subject.promised(9, configurations::no_end, {1, 2, 4}));
  CHECK(subject.promised(9, configurations::no_end, {1, 2, 4, 6}));
  CHECK_FALSE(subject.promised(9, configurations::no_end, {4, 5, 6}));
  CHECK(subject.promised(10, configurations::no_end, {4, 5}));
}

TEST_CASE("the last configurations are kept: of slots before nobody can be asked") {
  configurations subject{configuration{node_set{}, node_set{}, node_set{1}}};
  for (uint64_t number = 1; number <= configurations::most; ++number)
    subject.add(configuration{node_set{}, node_set{}, node_set{1}, number}, 100 * number);
  CHECK(subject.first_slot() == 100);
  CHECK_FALSE(subject.promised(99, configurations::no_end, {1}));
  CHECK(subject.promised(100, configurations::no_end, {1}));
  CHECK_FALSE(configurations{}.promised(1, 2, {1}));
}

TEST_CASE("configurations go through a message, and those that do not follow each other do not") {
  configurations subject{configuration{4, {{1, "a", "h", 7, {"acceptor", "leader", "replica"}, 2}}}, 50};
  subject.add(configuration{5, {{1, "a", "h", 7, {"acceptor", "leader", "replica"}, 2}, {2, "b", "i", 8, {"acceptor"}, 5}}}, 90);
  builder<schema::Configurations> built;
  write(subject, *built);
  CHECK(configurations_of(*built) == subject);
  built->getList()[1].getConfiguration().setNumber(7);
  CHECK(configurations_of(*built).empty());
  built->getList()[1].getConfiguration().setNumber(5);
  built->getList()[1].setFirstSlot(50);
  CHECK(configurations_of(*built).empty());
}

TEST_CASE("what cannot follow a configuration is refused with the reason") {
  std::vector<member> nodes{{1, "a", "h", 7, {"acceptor", "leader", "replica"}, 0}};
  configuration now{3, nodes};
  CHECK(refusal_of({4, nodes}, now).empty());
  CHECK(refusal_of({3, nodes}, now).find("followed by number 4, not 3") != std::string::npos);
  auto with = [&](member x) {
    auto all = nodes;
    all.push_back(std::move(x));
    return refusal_of({4, all}, now);
  };
  CHECK(with({2, "b", "h", 8, {"gateway"}, 4}).empty());
  CHECK(with({2, "a", "h", 8, {"gateway"}, 4}).find("named twice") != std::string::npos);
  CHECK(with({1, "b", "h", 8, {"gateway"}, 4}).find("id of another one") != std::string::npos);
  CHECK(with({2, "", "h", 8, {"gateway"}, 4}).find("no name") != std::string::npos);
  CHECK(with({2, "b", "h", 0, {"gateway"}, 4}).find("no name") != std::string::npos);
  nodes[0].roles = {"leader", "replica"};
  CHECK(refusal_of({4, nodes}, now).find("must be left") != std::string::npos);
}

TEST_CASE("a quorum needs one of some acceptors when too few are left without them") {
  configuration five{{0, 1}, {0}, {0, 1, 2, 3, 4}};
  CHECK_FALSE(five.quorum(phase::promise).needs_one_of({0, 1}));
  CHECK(five.quorum(phase::promise).needs_one_of({0, 1, 2}));
  CHECK_FALSE(five.quorum(phase::promise).needs_one_of({0, 1, 7, 8}));
  auto flexible = five.with_quorums(4, 2);
  CHECK(flexible.quorum(phase::promise).needs_one_of({0, 1}));
  CHECK_FALSE(flexible.quorum(phase::accept).needs_one_of({0, 1}));
}

TEST_CASE("promises need one of some acceptors when those of every configuration do that rules a slot") {
  configurations members{{{0, 1}, {0}, {0, 1, 2}}};
  members.add({{0, 1}, {0}, {0, 1, 2, 3, 4}, 1}, 10);
  CHECK_FALSE(members.promises_need_one_of({0, 3, 4}, 9));
  CHECK(members.promises_need_one_of({0, 3, 4}, 10));
  CHECK(members.promises_need_one_of({0, 1, 2}, 1));
  CHECK_FALSE(members.promises_need_one_of({0, 1, 2}, 0)); // Before all that are known.
}
