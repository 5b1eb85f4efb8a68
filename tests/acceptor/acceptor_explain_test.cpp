// What an acceptor knows of a slot.
#include "acceptor_fixture.hpp"
#include "explained.hpp"

#include <doctest/doctest.h>

using namespace synod;
using namespace synod::test;

namespace {

struct explaining : acceptor_fixture {
  std::string ask_of(slot_number slot) {
    replica.send(subject, explain_atom_v, slot);
    run();
    return told();
  }
  std::string told() {
    return replica->has<message<schema::RoleStatus>>() ? as_text(std::get<0>(replica->take<message<schema::RoleStatus>>())) : "";
  }
  message<schema::Pvalue> value(slot_number slot, ballot under = low) {
    return pvalue_of(under, slot, {request_of(1, 1, {{"SET", "k", "v"}})});
  }
};

} // namespace

TEST_CASE_FIXTURE(explaining, "an acceptor tells under which ballot it accepted a slot, and when") {
  around->wall_clock_ms = 5000;
  p2a(value(1));
  auto text = ask_of(1);
  CHECK(
    text.starts_with("acceptor: last ballot <1,0.1>, accepted at ms 5000, durable at ms 5000, first kept slot 1, state accepted, "
                     "ballot <1,0.1>, proposer 0, requests 1, bytes "));
  CHECK(text.ends_with(", commands SET"));
  around->wall_clock_ms = 6000;
  p2a(value(1, high)); // Under a later ballot once more.
  CHECK(ask_of(1).starts_with("acceptor: last ballot <2,1.1>, accepted at ms 6000, durable at ms 6000,"));
  CHECK(ask_of(2) == "acceptor: first kept slot 1, state nothing accepted");
}

TEST_CASE_FIXTURE(explaining, "what is not durable yet is told to be so") {
  storage.waits = true;
  leader.send(subject, p2a_atom_v, value(1), uint64_t{1});
  run();
  CHECK(ask_of(1).find("state accepted, not durable yet") != std::string::npos);
  CHECK(ask_of(1).find("durable at ms") == std::string::npos);
}

TEST_CASE_FIXTURE(explaining, "behind a restart the log tells what was accepted, and nothing when") {
  set("cache-size", 0);
  p2a(value(1));
  restart();
  auto text = ask_of(1);
  CHECK(text.starts_with("acceptor: first kept slot 1, state accepted, ballot <1,0.1>, proposer 0, requests 1"));
  CHECK(text.ends_with(", commands SET"));
}

TEST_CASE_FIXTURE(explaining, "of the values that are asked for so many are read at a time; of more all but the value is told") {
  set("cache-size", 0);
  p2a(value(1));
  storage.waits = true;
  for (int i = 0; i < 4; ++i)
    CHECK(ask_of(1).empty());
  CHECK(ask_of(1).ends_with("state accepted, ballot <1,0.1>"));
  for (int i = 0; i < 4; ++i) {
    finish(disk::lane::background);
    CHECK(told().ends_with(", commands SET"));
  }
}

TEST_CASE_FIXTURE(explaining, "of a slot that was collected it is known when it was accepted, and no value") {
  auto described = std::make_shared<cluster>(*config);
  described->nodes.clear();
  described->nodes.push_back({"a", 1, {}, {}, {"acceptor", "replica"}});
  config = described;
  restart();
  p2a(value(1));
  p2a(value(2));
  builder<schema::Durable> durable;
  durable->setNode(1);
  durable->setBelow(2);
  replica.send(subject, durable.finish());
  run();
  auto text = ask_of(1);
  CHECK(text.starts_with("acceptor: last ballot <1,0.1>, accepted at ms "));
  CHECK(text.ends_with("first kept slot 2, state collected"));
}
