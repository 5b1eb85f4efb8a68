#include "synod/actors/node/membership.hpp"

#include "harness.hpp"
#include "platter.hpp"
#include "synod/actors/node/built_in.hpp"
#include "synod/actors/node/cluster_file.hpp"

#include <doctest/doctest.h>

using namespace synod;
using namespace synod::test;

namespace {

struct fixture {
  fixture() {
    auto known = built_in();
    auto read = read_cluster(SYNOD_CONFIG_DIRECTORY "/three-nodes.conf", known);
    REQUIRE(read);
    file = *read;
    subject.begin(file);
    REQUIRE(!files->make_directory("/data"));
  }

  node_id id(const std::string& name) const { return file.find(name)->id; }

  /// Without c, and with d.
  configurations later() const {
    auto nodes = file.members().latest().nodes();
    std::erase_if(nodes, [](auto& x) { return x.name == "c"; });
    nodes.push_back({77, "d", "host-d", 7309, {"acceptor", "leader", "replica"}, 1});
    auto all = file.members();
    all.add({1, nodes}, 300);
    return all;
  }

  membership read() {
    membership found;
    REQUIRE(!found.read(*files, "/data"));
    return found;
  }

  simulation::platter on{1, 0};
  std::unique_ptr<disk> files = on.plug();
  cluster file;
  membership subject;
};

} // namespace

TEST_CASE_FIXTURE(fixture, "as long as nothing was decided there is nothing to keep") {
  CHECK(read().empty());
  CHECK_FALSE(subject.is_to_be_kept());
  CHECK(subject.now(file, id("a")).members() == file.members());
  CHECK(subject.contradiction(file).empty());
}

TEST_CASE_FIXTURE(fixture, "what is decided is kept, and so is what the cluster began with") {
  CHECK_FALSE(subject.learn(file.members()));
  CHECK(subject.learn(later()));
  CHECK_FALSE(subject.learn(later()));
  CHECK(subject.is_to_be_kept());
  REQUIRE(!subject.remember(*files, "/data")());
  auto found = read();
  CHECK(found.all() == later());
  CHECK(found.beginning() == file.members());
  CHECK_FALSE(found.is_to_be_kept()); // It is.
  CHECK_FALSE(found.has_left());
  found.leave();
  REQUIRE(!found.remember(*files, "/data")());
  CHECK(read().has_left());
}

TEST_CASE_FIXTURE(fixture, "one that joined has no beginning of its own") {
  membership joined;
  joined.join(file.members());
  CHECK(joined.is_to_be_kept());
  REQUIRE(!joined.remember(*files, "/data")());
  CHECK(read().all() == file.members());
  CHECK(read().now(file, id("a")).beginning().empty());
}

TEST_CASE_FIXTURE(fixture, "the cluster is what was decided, and the node itself what its file says") {
  subject.learn(later());
  auto now = subject.now(file, id("a"));
  REQUIRE(now.find("d"));
  CHECK(to_string(now.find("d")->address) == "host-d:7309");
  CHECK_FALSE(now.find("c"));
  CHECK(now.find("a")->resp);
  CHECK(now.members() == later());
  CHECK(now.beginning() == file.members());
  CHECK(subject.now(file, id("c")).find("c")); // It is no member, and knows itself.
}

TEST_CASE_FIXTURE(fixture, "a file that says otherwise is told of") {
  subject.learn(later());
  CHECK(subject.contradiction(file).find("names node 'c', which configuration 1 has not got") != std::string::npos);
  std::erase_if(file.nodes, [](auto& x) { return x.name == "c"; });
  CHECK(subject.contradiction(file).find("has node 'd', which the cluster file does not name") != std::string::npos);
  file.nodes[0].address.port = 1;
  CHECK(subject.contradiction(file).find("node 'a' is at 127.0.0.1:1 in the cluster file, and at 127.0.0.1:7301")
        != std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "a node that was removed leaves when as many members hold what it was asked for as would have to") {
  CHECK_FALSE(subject.was_removed(id("c")));
  CHECK_FALSE(subject.was_removed(77)); // It has never been one.
  subject.learn(later());
  CHECK(subject.was_removed(id("c")));
  CHECK_FALSE(subject.was_removed(id("a")));
  subject.told_durable(id("c"), 1000); // Is no member.
  subject.told_durable(id("a"), 299);
  subject.told_durable(77, 300);
  CHECK_FALSE(subject.may_leave(id("c")));
  subject.told_durable(id("a"), 300);
  CHECK(subject.may_leave(id("c")));
  CHECK_FALSE(subject.may_leave(id("a")));
}

TEST_CASE_FIXTURE(fixture, "a damaged file is refused") {
  REQUIRE(files->create("/data/configurations"));
  membership found;
  CHECK(found.read(*files, "/data"));
}

TEST_CASE_FIXTURE(fixture, "what another cluster of that name has decided is told apart") {
  auto others = later();
  auto nodes = others.ruling(1).nodes();
  nodes[0].id = 12345;
  configurations foreign{configuration{0, nodes}};
  foreign.add(others.latest(), 300);
  CHECK_FALSE(follows(foreign, file.members()));
  CHECK(follows(later(), file.members()));
  nodes = file.members().latest().nodes();
  nodes[0].roles.push_back("auditor"); // Roles that do not decide may differ.
  configurations same{configuration{0, nodes}};
  same.add(others.latest(), 300);
  CHECK(follows(same, file.members()));
}

TEST_CASE_FIXTURE(fixture, "a node does not start with other roles that decide than it is counted with") {
  subject.learn(later());
  CHECK(subject.other_roles(file, id("a")).empty());
  for (auto& each : file.nodes)
    each.roles = {"replica", "leader", "gateway"};
  CHECK(subject.other_roles(file, id("a")).find("has no role acceptor in the cluster file") != std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "who was a member long ago was removed all the same") {
  subject.learn(later());
  auto all = subject.all();
  for (uint64_t number = 2; number <= configurations::most + 2; ++number)
    all.add({number, all.latest().nodes(), {id("c")}}, 300 * number);
  CHECK_FALSE(all.knows(id("c")));
  subject.learn(all);
  CHECK(subject.was_removed(id("c")));
  CHECK_FALSE(subject.was_removed(4711));
}
