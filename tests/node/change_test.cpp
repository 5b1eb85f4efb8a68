#include "synod/actors/node/change.hpp"

#include "harness.hpp"

#include <doctest/doctest.h>

using namespace synod;
using namespace synod::test;

namespace {

struct fixture {
  changed_configuration ask(void (*what)(schema::Change::Builder)) {
    builder<schema::Change> asked;
    what(*asked);
    auto built = asked.finish();
    return change(now, *built, [this](const std::string& name) { return guest.name == name ? &guest : nullptr; });
  }

  configuration now = nodes_of({0, 1, 2}, 4);
  member guest{9, "new", "host", 7309, {"acceptor", "leader", "replica"}, 0};
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE_FIXTURE(fixture, "a node that has joined is added, with the address that it has told") {
  auto made = ask([](schema::Change::Builder x) { x.setAddNode("new"); });
  REQUIRE(made.refusal == "");
  CHECK(made.next.number() == 5);
  CHECK(made.next.nodes().size() == 4);
  REQUIRE(made.next.find(9));
  CHECK(made.next.find(9)->host == "host");
  CHECK(made.next.find(9)->since == 5);
  CHECK(made.next.acceptors() == node_set{0, 1, 2, 9});
}

TEST_CASE_FIXTURE(fixture, "what is not there is not changed, and the reason told") {
  CHECK(has(ask([](schema::Change::Builder x) { x.setAddNode("other"); }).refusal, "node 'other' has not joined"));
  CHECK(has(ask([](schema::Change::Builder x) { x.setAddNode("node-1"); }).refusal, "is a member already"));
  CHECK(has(ask([](schema::Change::Builder x) { x.setRemoveNode("new"); }).refusal,
            "unknown node 'new'; members are: node-0, node-1, node-2"));
  CHECK(has(ask([](schema::Change::Builder x) { x.setMoveLeader(); }).refusal, "no change of the configuration"));
  guest.id = 2;
  CHECK(has(ask([](schema::Change::Builder x) { x.setAddNode("new"); }).refusal, "has id 2, like node 'node-2'"));
}

TEST_CASE_FIXTURE(fixture, "one takes another's place in one step") {
  auto made = ask([](schema::Change::Builder x) {
    x.initReplaceNode().setNode("node-1");
    x.getReplaceNode().setBy("new");
  });
  REQUIRE(made.refusal == "");
  CHECK(made.next.acceptors() == node_set{0, 2, 9});
  CHECK(made.next.removed() == node_set{1});
  now = made.next;
  guest.id = 1;
  guest.name = "again";
  guest.port = 7310;
  CHECK(has(ask([](schema::Change::Builder x) { x.setAddNode("again"); }).refusal, "of a node that was removed"));
}

TEST_CASE_FIXTURE(fixture, "a node is found elsewhere") {
  auto to = [](schema::Change::Builder x) {
    auto moved = x.initSetAddress();
    moved.setNode("node-1");
    moved.setHost("elsewhere");
    moved.setPort(7);
  };
  auto made = ask(to);
  REQUIRE(made.refusal == "");
  CHECK(made.next.find(1)->host == "elsewhere");
  now = made.next;
  CHECK(has(ask(to).refusal, "is at elsewhere:7 already"));
  CHECK(has(ask([](schema::Change::Builder x) {
              auto moved = x.initSetAddress();
              moved.setNode("node-2");
              moved.setHost("elsewhere");
              moved.setPort(7);
            }).refusal,
            "node 'node-1' is at elsewhere:7"));
  CHECK(has(ask([](schema::Change::Builder x) {
              auto moved = x.initSetAddress();
              moved.setNode("node-2");
              moved.setHost("0.0.0.0");
              moved.setPort(7);
            }).refusal,
            "expected an address"));
  CHECK(has(ask([](schema::Change::Builder x) { x.initSetAddress().setNode("node-1"); }).refusal, "expected an address"));
}

TEST_CASE("the last of a kind is not removed") {
  configuration one{0, {{1, "a", "h", 1, {"acceptor"}, 0}, {2, "b", "h", 2, {"leader", "replica"}, 0}}};
  builder<schema::Change> asked;
  asked->setRemoveNode("a");
  auto built = asked.finish();
  CHECK(has(change(one, *built, [](auto&) { return nullptr; }).refusal, "a replica, a leader and an acceptor must be left"));
}

TEST_CASE("a configuration that could not go on is told by what it lacks") {
  auto next = nodes_of({1, 2, 3});
  CHECK(too_few(next, {1, 3, 7}) == "");
  CHECK(has(too_few(next, {1, 7}), "of its 3 acceptors 1 are reached, and 2 are needed"));
  configuration apart{0, {{1, "a", "h", 1, {"acceptor"}, 0}, {2, "b", "h", 2, {"leader"}, 0}, {3, "c", "h", 3, {"replica"}, 0}}};
  CHECK(has(too_few(apart, {1, 3}), "none of its leaders"));
  CHECK(has(too_few(apart, {1, 2}), "none of its replicas"));
}
