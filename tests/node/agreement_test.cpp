#include "synod/actors/node/agreement.hpp"

#include "synod/actors/node/built_in.hpp"
#include "synod/actors/node/cluster_file.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace synod;

namespace {

cluster three() {
  auto known = built_in();
  auto read = read_cluster(SYNOD_CONFIG_DIRECTORY "/three-nodes.conf", known);
  REQUIRE(read);
  return *read;
}

std::string difference_by(void (*change)(cluster&), std::string (*of)(const cluster&) = agreement_of) {
  auto other = three();
  change(other);
  auto differs = disagreement(of(three()), of(other));
  return differs ? differs->first + " | " + differs->second : "";
}

} // namespace

TEST_CASE("the order of nodes and roles in a cluster file means nothing") {
  CHECK(difference_by([](cluster& x) {
          std::reverse(x.nodes.begin(), x.nodes.end());
          std::reverse(x.nodes[0].roles.begin(), x.nodes[0].roles.end());
        }).empty());
}

TEST_CASE("a difference is told with both sides' lines") {
  CHECK(difference_by([](cluster& x) { x.nodes.pop_back(); }).find(" | nothing beyond") != std::string::npos);
  CHECK(difference_by([](cluster& x) { x.nodes[0].id = 99; }).find("node 99 is 'a'") != std::string::npos);
  CHECK(difference_by([](cluster& x) { x.nodes[0].roles = {"replica", "gateway"}; }).find("with replica") != std::string::npos);
  CHECK(difference_by([](cluster& x) { x.role_options["replica"].set("window", int64_t{7}); }).find("WINDOW 7")
        != std::string::npos);
  CHECK(difference_by([](cluster& x) { x.state_machine = "bank"; }).find("state machine bank") != std::string::npos);
}

TEST_CASE("leases are for good what they were when the cluster began; without any nothing is said of them") {
  auto with = [](const char* option, int64_t value) {
    auto x = three();
    x.role_options["leader"].set("lease", int64_t{500});
    x.role_options["leader"].set(option, value);
    return without_members(agreement_of(x));
  };
  auto none = without_members(agreement_of(three()));
  CHECK(none.find("lease ") == std::string::npos);
  CHECK(with("lease-clock-drift", 10'000).find("lease 500 ms, clocks 10000 millionths wrong") != std::string::npos);
  CHECK(change_since(none, with("lease", 500)));
  CHECK(change_since(with("lease", 500), none));
  CHECK(change_since(with("lease", 500), with("lease", 600)));
  CHECK(change_since(with("lease-clock-drift", 10'000), with("lease-clock-drift", 20'000)));
}

TEST_CASE("options that concern a node alone may differ") {
  CHECK(difference_by([](cluster& x) { x.role_options["gateway"].set("most-clients", int64_t{7}); }).empty());
  CHECK(difference_by([](cluster& x) { x.nodes[0].roles.push_back("auditor"); }).empty());
  CHECK(difference_by([](cluster& x) { x.nodes[1].address.port = 9; }).empty());
}

TEST_CASE("what is decided beside the file is compared apart from it") {
  auto common = [](const cluster& x) { return without_members(agreement_of(x)); };
  CHECK(difference_by([](cluster& x) { x.nodes.pop_back(); }, common).empty());
  CHECK_FALSE(difference_by([](cluster& x) { x.role_options["replica"].set("window", int64_t{7}); }, common).empty());
  CHECK_FALSE(difference_by([](cluster& x) { x.machine_options.set("value-limit", int64_t{7}); }, common).empty());
}

TEST_CASE("members are those of the latest configuration") {
  auto text = difference_by([](cluster& x) {
    auto next = x.members().latest().nodes();
    next[0].roles = {"acceptor"};
    x.decided = x.members();
    x.decided.add({1, next}, 300);
  });
  CHECK(text.find("' with acceptor") != std::string::npos);
}

TEST_CASE("a directory of a version that did not keep WINDOW is none with another one") {
  CHECK_FALSE(change_since("cluster 'x'\n", "cluster 'x'\nWINDOW 256\n"));
  CHECK(change_since("cluster 'x'\nWINDOW 256\n", "cluster 'x'\nWINDOW 7\n"));
}

TEST_CASE("an option that a later version of the state machine brings is no change; one that is gone is") {
  std::string before = "cluster 'x'\nstate machine's limit 5\n";
  CHECK_FALSE(change_since(before, before));
  CHECK_FALSE(change_since(before, before + "state machine's new 7\n"));
  auto other = change_since(before, "cluster 'x'\nstate machine's limit 6\n");
  REQUIRE(other);
  CHECK(other->first == "state machine's limit 5");
  CHECK(other->second == "state machine's limit 6");
  CHECK(change_since(before, "cluster 'x'\n"));
  CHECK(change_since(before, before + "node 7 is 'z' with acceptor\n"));
}
