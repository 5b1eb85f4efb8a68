#include "../../apps/synod-ctl/status.hpp"

#include "../../apps/synod-ctl/table.hpp"
#include "ctl/answers.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace synod;
using namespace synod::test;

namespace {

role_told leader(const char* state, int64_t decided_below) {
  return {"leader",
          {{"state", std::string{state}},
           {"ballot", std::string{"<3,1.1>"}},
           {"watches", std::string{"-"}},
           {"decided below", decided_below},
           {"proposals", int64_t{0}}}};
}

role_told replica(int64_t slot_out) {
  return {"replica",
          {{"slot_out", slot_out},
           {"durable below", int64_t{100}},
           {"snapshot bytes", int64_t{3} << 19},
           {"commands performed", int64_t{7}},
           {"sessions", int64_t{2}}}};
}

} // namespace

TEST_CASE("columns of a table are as wide as they have to be, numbers to the right") {
  ctl::table subject{{{"node", false}, {"slots"}, {"state", false}}};
  CHECK(subject.empty());
  subject.add({"a", "1000000", "active"});
  subject.add({"beta", "7", ""});
  CHECK(subject.text()
        == "node    slots  state\n"
           "a     1000000  active\n"
           "beta        7  -\n");
}

TEST_CASE("bytes, durations and times are told in units") {
  CHECK(ctl::mib(3 << 19) == "1.5");
  CHECK(ctl::mib(std::nullopt).empty());
  CHECK(ctl::duration_text(59'999) == "59 s");
  CHECK(ctl::duration_text(61'000) == "1 min 1 s");
  CHECK(ctl::duration_text(3'723'000) == "1 h 2 min");
  CHECK(ctl::duration_text(90'000'000) == "1 d 1 h");
  CHECK(ctl::time_text(1'764'200'310'042) == "2025-11-26 23:38:30.042");
}

TEST_CASE("a cluster's status is a table for each role, and a line for each node") {
  auto text = ctl::status_text({reached("a", 1, {leader("active", 120), replica(120)}, {{"b", "up"}}),
                                reached("b", 2, {leader("passive", 120), replica(110)}, {{"a", "up"}})},
                               256);
  CHECK(text.starts_with("Node a leads: state active, ballot <3,1.1>.\n"));
  CHECK(has(text, "node  address         version     uptime  memory MiB  connected with\n"
                  "a     127.0.0.1:7301  0.1.0    1 h 2 min       150.0  b\n"));
  CHECK(has(text, "replica  slot_out  lag  durable below  snapshots MiB  commands  sessions\n"
                  "a             120    0            100            1.5         7         2\n"
                  "b             110   10            100            1.5         7         2\n"));
  CHECK_FALSE(has(text, "acceptor  "));
  CHECK_FALSE(has(text, "PROBLEM"));
}

TEST_CASE("where there are leases it is told whether the active leader holds its own") {
  auto with = [](const char* lease) {
    role_told told{"leader",
                   {{"state", std::string{"active"}}, {"ballot", std::string{"<3,1.1>"}}, {"lease", std::string{lease}}}};
    return ctl::status_text({reached("a", 1, {told})}, 256);
  };
  CHECK(with("held").starts_with("Node a leads: state active, ballot <3,1.1>, lease held.\n"));
  CHECK(with("not held").starts_with("Node a leads: state active, ballot <3,1.1>, lease not held.\n"));
  CHECK(with("off").starts_with("Node a leads: state active, ballot <3,1.1>.\n"));
}

TEST_CASE("what is wrong is told in sentences") {
  auto a = reached("a", 1, {leader("passive", 1000), replica(1000)}, {{"b", "down"}, {"c", "down"}});
  a.node.roles.push_back("gateway");
  auto text =
    ctl::status_text({a, reached("b", 2, {replica(744)}, {{"a", "no, thanks"}}), not_reached("c", 3, "connection refused")}, 256);
  CHECK(has(text, "PROBLEM: role gateway of the cluster file is not there, or does not answer, at node a\n"));
  CHECK(has(text, "PROBLEM: node b does not take node a: no, thanks\n"));
  CHECK(has(text, "PROBLEM: node a is not connected with node b\n"));
  CHECK_FALSE(has(text, "connected with node c\n")); // It is not there at all.
  CHECK(has(text, "PROBLEM: the replica of node b is 256 slots behind: it has still to catch up\n"));
  CHECK(has(text, "PROBLEM: node c at 127.0.0.1:7303 is not reached: connection refused\n"));
  CHECK(has(text, "PROBLEM: none of the leaders that were reached leads\n"));
  CHECK(has(text, "c     127.0.0.1:7303  -                -           -  not reached\n"));
}

TEST_CASE("of a role that somebody has brought all is told") {
  auto text = ctl::status_text({reached("a", 1, {{"auditor", {{"slots", int64_t{7}}, {"mood", std::string{"fine"}}}}})}, 256);
  CHECK(has(text, "auditor of node a: slots 7, mood fine\n"));
}

TEST_CASE("machines are told everything") {
  auto json = ctl::status_json({reached("a", 1, {replica(120)}, {{"b", "why not"}}), not_reached("c", 3, "it is gone")});
  CHECK(json[0]["roles"]["replica"]["slot_out"] == 120);
  CHECK(json[0]["connections"]["b"] == false);
  CHECK(json[0]["problems"]["b"] == "why not");
  CHECK(json[0]["resident bytes"] == 150 << 20);
  CHECK(json[0]["uptime ms"] == 3'723'000);
  CHECK(json[1]["reached"] == false);
  CHECK(json[1]["problem"] == "it is gone");
}
