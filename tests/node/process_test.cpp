#include "synod/actors/node/process.hpp"

#include "synod/actors/node/built_in.hpp"
#include "synod/actors/node/cluster_file.hpp"
#include "temporary_directory.hpp"

#include <doctest/doctest.h>

#include <iostream>
#include <sstream>

using namespace synod;
using namespace synod::test;

namespace {

/// A process whose node has one more role, which does not start as it should.
struct fixture {
  std::optional<int> start(std::function<caf::expected<caf::actor>(const role_context&)> spawn) {
    known.add(role_definition{"broken", "does not start", {}, std::move(spawn)});
    auto config = parse_cluster(R"(cluster = "test"
[[node]]
name = "a"
address = "127.0.0.1:7301"
roles = ["replica", "leader", "acceptor", "broken"]
)",
                                "file.conf", known);
    REQUIRE(config);
    config->nodes[0].address.port = 0; // Nobody connects.
    auto shared = std::make_shared<const cluster>(*config);
    process subject{known, shared, {"off", false}};
    auto* before = std::cerr.rdbuf(said.rdbuf());
    auto status = subject.start(*shared->find("a"), directory.path() / "a", false);
    std::cerr.rdbuf(before);
    subject.end();
    return status;
  }

  registry known = built_in();
  temporary_directory directory;
  std::ostringstream said;
};

} // namespace

TEST_CASE_FIXTURE(fixture, "a role that is not made keeps its node from starting, with the reason") {
  CHECK(start([](const role_context&) -> caf::expected<caf::actor> {
          return caf::make_error(caf::sec::runtime_error, "there is no sun");
        })
        == 1);
  CHECK(said.str() == "error: node a: role broken does not start: there is no sun\n");
}

TEST_CASE_FIXTURE(fixture, "a role whose making throws keeps its node from starting, with the reason") {
  CHECK(start([](const role_context&) -> caf::expected<caf::actor> { throw std::runtime_error{"no thread for it"}; }) == 1);
  CHECK(said.str() == "error: node a: role broken does not start: no thread for it\n");
}

TEST_CASE_FIXTURE(fixture, "a role that ends while it starts keeps its node from starting, with the reason") {
  CHECK(start([](const role_context& x) -> caf::expected<caf::actor> {
          return x.environment->system().spawn( // With an argument: see local_disk_test.cpp.
            [](caf::event_based_actor* self, int) { self->quit(caf::make_error(caf::sec::runtime_error, "it is too late")); }, 0);
        })
        == 1);
  CHECK(said.str() == "error: node a: role broken does not start: it has ended, or does not answer: it is too late\n");
}

TEST_CASE_FIXTURE(fixture, "a role whose first step throws keeps its node from starting") {
  CHECK(start([](const role_context& x) -> caf::expected<caf::actor> {
          return x.environment->system().spawn(
            [](caf::event_based_actor*, int) -> caf::behavior { throw std::runtime_error{"a bad day"}; }, 0);
        })
        == 1);
  CHECK(said.str().starts_with("error: node a: role broken does not start: it has ended, or does not answer: runtime error"));
}
