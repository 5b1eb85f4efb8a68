#include "../../apps/synod-ctl/explain.hpp"

#include "ctl/answers.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace synod;
using namespace synod::test;

namespace {

constexpr int64_t noon = 1'764'158'400'000; // 2025-11-26 12:00:00

role_told acceptor(const char* ballot, const char* commands = "SET 2") {
  return {"acceptor",
          {{"last ballot", std::string{ballot}},
           {"accepted at ms", noon + 1},
           {"durable at ms", noon + 3},
           {"first kept slot", int64_t{1}},
           {"state", std::string{"accepted"}},
           {"ballot", std::string{ballot}},
           {"proposer", int64_t{2}},
           {"requests", int64_t{1}},
           {"bytes", int64_t{200}},
           {"commands", std::string{commands}}}};
}

role_told replica(bool performed = true) {
  if (!performed)
    return {"replica", {{"slot_out", int64_t{42}}}};
  return {"replica",
          {{"decision heard at ms", noon + 4},
           {"performed at ms", noon + 5},
           {"ballot", std::string{"<3,1.1>"}},
           {"proposer", int64_t{2}},
           {"requests", int64_t{1}},
           {"bytes", int64_t{200}},
           {"slot_out", int64_t{50}}}};
}

role_told leader() {
  return {"leader",
          {{"ballot", std::string{"<3,1.1>"}}, {"proposer", int64_t{2}}, {"proposed at ms", noon}, {"decided at ms", noon + 3}}};
}

} // namespace

TEST_CASE("a slot's story is told in the order of time") {
  auto text = ctl::explain_text(
    42, {reached("a", 1, {acceptor("<3,1.1>"), leader(), replica()}), reached("b", 2, {acceptor("<3,1.1>"), replica()})});
  CHECK(text.starts_with("Slot 42: chosen under ballot <3,1.1>, proposed by node b.\n1 request, 200 bytes: SET 2\n"));
  CHECK(has(text, "2025-11-26 12:00:00.000            a     leader    begins a commander under <3,1.1>, for the proposal of b\n"
                  "2025-11-26 12:00:00.001            a     acceptor  accepts under <3,1.1>\n"));
  CHECK(text.find("decided: a quorum has accepted") < text.find("hears the decision"));
  CHECK(text.find("hears the decision") < text.find("performs it"));
  CHECK_FALSE(has(text, "not"));
}

TEST_CASE("the value is that of the ballot under which the slot was decided") {
  auto x =
    ctl::explain_json(42, {reached("a", 1, {acceptor("<2,1.1>", "DEL")}), reached("b", 2, {replica(), acceptor("<3,1.1>")})});
  CHECK(x["chosen"]["ballot"] == "<3,1.1>");
  CHECK(x["chosen"]["commands"] == "SET 2");
  CHECK(x["chosen"]["proposer"] == "b");
  CHECK(x["nodes"][0]["roles"]["acceptor"]["commands"] == "DEL");
}

TEST_CASE("what is not known is told, and why") {
  role_told collected{"acceptor", {{"first kept slot", int64_t{900}}, {"state", std::string{"collected"}}}};
  role_told from_log{"acceptor",
                     {{"first kept slot", int64_t{1}}, {"state", std::string{"accepted"}}, {"ballot", std::string{"<3,1.1>"}}}};
  role_told by_snapshot{"replica", {{"slot_out", int64_t{1000}}}};
  auto text = ctl::explain_text(42, {reached("a", 1, {collected, by_snapshot}), reached("b", 2, {from_log, replica(false)}),
                                     not_reached("c", 3, "it is gone")});
  CHECK(text.starts_with("Slot 42: nobody that was asked remembers its decision.\n"));
  CHECK(has(text, "The acceptor of node a has collected the slot (its first kept slot is 900)"));
  CHECK(
    has(text, "The replica of node a has performed it, or has its outcome by a snapshot; when, it remembers of the last 4096 "));
  CHECK(has(text, "The acceptor of node b has accepted it under <3,1.1>, as its log says"));
  CHECK(has(text, "The replica of node b has not performed it: its slot_out is 42.\n"));
  CHECK(has(text, "Node c at 127.0.0.1:7303 is not reached: it is gone.\n"));
  CHECK(has(text, "No leader remembers it"));
  auto json = ctl::explain_json(42, {reached("a", 1, {collected, by_snapshot})});
  CHECK(json["chosen"].is_null());
  CHECK(json["not known"].size() == 3);
}

TEST_CASE("that the commands of a decided slot are gone is told") {
  role_told collected{"acceptor", {{"first kept slot", int64_t{900}}, {"state", std::string{"collected"}}}};
  auto text = ctl::explain_text(42, {reached("a", 1, {collected, leader(), replica()})});
  CHECK(text.starts_with("Slot 42: chosen under ballot <3,1.1>, proposed by node id 2.\n1 request, 200 bytes\n"));
  CHECK(has(text, "Its commands are not known any more: no acceptor keeps the value.\n"));
}
