#include "synod/actors/node/node.hpp"

#include "harness.hpp"
#include "platter.hpp"
#include "synod/actors/node/built_in.hpp"
#include "synod/actors/node/cluster_file.hpp"
#include "test_environment.hpp"

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <doctest/doctest.h>

#include <sstream>

using namespace synod;
using namespace synod::test;

namespace {

using handles = std::vector<caf::strong_actor_ptr>;

/// Node c; the test plays nodes a and b, which connect to it.
struct fixture {
  fixture() {
    auto known = built_in();
    auto read = read_cluster(SYNOD_CONFIG_DIRECTORY "/three-nodes.conf", known);
    REQUIRE(read);
    config = std::make_shared<const cluster>(*read);
    files = on.plug([this](disk::lane, std::function<caf::error()> work, caf::actor asker, uint64_t number) {
      works.push_back([work = std::move(work), asker = std::move(asker), number] {
        caf::anon_send(asker, done_aside{number, work()});
      });
    });
    REQUIRE(!tokens->open(*files, "/c"));
    node::options options;
    options.file = config;
    options.members.begin(*config);
    options.self = config->find("c")->id;
    options.roles = {{"acceptor", role.as<caf::actor>(), true}, {"auditor", auditor.as<caf::actor>()}};
    options.resident_bytes = [] { return 12345; };
    options.token = 9;
    options.known = tokens;
    options.files = files.get();
    options.log = std::make_shared<spdlog::logger>("c", std::make_shared<spdlog::sinks::ostream_sink_mt>(logged));
    options.fatal = [this](const std::string& why) { ended = why; };
    subject = in.spawn<node>(options);
    in.run();
  }

  /// What it asks and is not answered it keeps, with the handle; what the probes keep bears its own.
  ~fixture() {
    for (auto* each : {&role, &auditor, &a, &b})
      (*each)->inbox.clear();
  }

  /// What another node shows.
  struct other {
    other(const fixture& of, const char* name, uint64_t token, const known_nodes::tokens& met = {}) : files{on.plug()} {
      REQUIRE(!tokens->open(*files, "/data"));
      REQUIRE(!tokens->remember_now(*files, met));
      greet = std::make_unique<greeting>(of.config, of.config->find(name)->id, token, tokens);
    }

    simulation::platter on{1, 0};
    std::unique_ptr<disk> files;
    std::shared_ptr<known_nodes> tokens = std::make_shared<known_nodes>();
    std::unique_ptr<greeting> greet;
  };

  void do_works() {
    for (auto& each : std::exchange(works, {}))
      each();
    in.run();
  }
  /// Null: there is no answer.
  std::pair<message<schema::Hello>, handles> say(probe& from, const message<schema::Hello>& hello, const handles& roles = {}) {
    from->inbox.clear();
    from.send(subject, hello, roles);
    in.run();
    do_works();
    if (!from->has<message<schema::Hello>, handles>())
      return {};
    auto [answer, brought] = from->take<message<schema::Hello>, handles>();
    return {answer, brought};
  }
  /// Both steps.
  void connect(probe& from, const other& x) {
    say(from, x.greet->asking());
    auto [answer, brought] = say(from, x.greet->taking({"leader"}), {from.ptr()});
    REQUIRE(answer);
    CHECK(brought.size() == 2);
  }
  /// What the node's own role was told last: null: that a role is not reached, or nothing.
  caf::strong_actor_ptr told() {
    caf::strong_actor_ptr last;
    while (role->has<peer>())
      last = std::get<0>(role->take<peer>()).handle;
    return last;
  }

  simulation::platter on{1, 0};
  std::unique_ptr<disk> files;
  std::vector<std::function<void()>> works;
  std::shared_ptr<const cluster> config;
  std::shared_ptr<known_nodes> tokens = std::make_shared<known_nodes>();
  std::ostringstream logged;
  std::string ended;
  actor_world in;
  probe role{in}, auditor{in}, a{in}, b{in};
  node_actor subject;
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE_FIXTURE(fixture, "roles get to know of each other when both nodes have seen the other's greeting") {
  other of_b{*this, "b", 7};
  told();
  auto [shown, none] = say(b, of_b.greet->asking());
  REQUIRE(shown);
  CHECK(shown->getToken() == 9);
  CHECK_FALSE(shown->getTakes());
  CHECK(none.empty());
  CHECK_FALSE(told());
  auto [taking, brought] = say(b, of_b.greet->taking({"leader"}), {b.ptr()});
  CHECK(taking->getTakes());
  REQUIRE(brought.size() == 2);
  CHECK(brought[0] == role.ptr());
  CHECK(told() == b.ptr());
}

TEST_CASE_FIXTURE(fixture, "a data directory is known durably before its node gets an answer") {
  other of_b{*this, "b", 7};
  b.send(subject, of_b.greet->asking(), handles{});
  in.run();
  CHECK_FALSE(b->has<message<schema::Hello>, handles>());
  do_works();
  CHECK(b->has<message<schema::Hello>, handles>());
  CHECK(tokens->has({{"b", 7}}));
}

TEST_CASE_FIXTURE(fixture,
                  "a node that comes with another data directory gets no handles, and takes nothing away from the right one") {
  connect(b, {*this, "b", 7});
  told();
  probe impostor{in};
  other emptied{*this, "b", 8};
  for (auto& hello : {emptied.greet->asking(), emptied.greet->taking({"leader"})}) {
    auto [answer, brought] = say(impostor, hello, {impostor.ptr()});
    CHECK(has(answer->getRefusal().cStr(), "is another one"));
    CHECK(brought.empty());
  }
  CHECK(role->count<peer>() == 0);
  CHECK(has(logged.str(), "node b at"));
}

TEST_CASE_FIXTURE(fixture, "a node that does not take this one is not taken either") {
  other of_b{*this, "b", 7};
  connect(b, of_b);
  CHECK(told() == b.ptr());
  say(b, of_b.greet->refusing("no"));
  CHECK(role->count<peer>() == 1);
  CHECK_FALSE(told());
  CHECK(has(logged.str(), "node b is not connected any more: it says: no"));
}

TEST_CASE_FIXTURE(fixture, "what one node has shown those that are connected get to know, and part if they know otherwise") {
  connect(b, {*this, "b", 7});
  told();
  b->inbox.clear();
  other of_a{*this, "a", 5};
  a.send(subject, of_a.greet->asking(), handles{});
  in.run();
  do_works();
  auto [asked, none] = b->take<message<schema::Hello>, handles>();
  CHECK(tokens_of(asked->getKnown()) == known_nodes::tokens{{"a", 5}, {"b", 7}});
  CHECK(none.empty());
  // It knows the same by now, or something else.
  say(b, other{*this, "b", 7, {{"a", 5}}}.greet->asking());
  CHECK(role->count<peer>() == 0);
  say(b, other{*this, "b", 7, {{"a", 6}}}.greet->asking());
  CHECK(role->count<peer>() == 1);
  CHECK_FALSE(told());
}

TEST_CASE_FIXTURE(fixture, "who takes the place of a node that is still there makes that one know") {
  other of_b{*this, "b", 7};
  connect(b, of_b);
  probe copy{in};
  say(copy, of_b.greet->asking());
  b->inbox.clear();
  say(copy, of_b.greet->taking({"leader"}), {copy.ptr()});
  auto [refusal, none] = b->take<message<schema::Hello>, handles>();
  CHECK(has(refusal->getRefusal().cStr(), "another process"));
  CHECK(has(logged.str(), "node b is not connected any more: another process has connected as that node"));
}

TEST_CASE_FIXTURE(fixture, "a node that is not of the cluster is told of once") {
  builder<schema::Hello> stranger;
  stranger->setVersion(greeting::protocol_version);
  stranger->setCluster(config->name);
  stranger->setNode("nobody");
  auto hello = stranger.finish();
  for (int i = 0; i < 3; ++i) {
    auto [answer, brought] = say(b, hello);
    CHECK(has(answer->getRefusal().cStr(), "'nobody' is not another node"));
    CHECK(brought.empty());
  }
  auto text = logged.str();
  CHECK(has(text, "nobody"));
  CHECK(text.find("nobody") == text.rfind("nobody"));
}

TEST_CASE_FIXTURE(fixture, "nodes that are missed, and a majority that is, are told of once") {
  in.pass(std::chrono::seconds{10});
  auto text = logged.str();
  CHECK(has(text, "node a has not connected"));
  CHECK(has(text, "node b has not connected"));
  CHECK(text.find("node a has") == text.rfind("node a has"));
  CHECK_FALSE(has(text, "majority")); // There was none yet.
  connect(b, {*this, "b", 7});
  in.pass(std::chrono::seconds{2});
  CHECK(has(logged.str(), "a majority is reached"));
  say(b, other{*this, "b", 7}.greet->refusing("no"));
  in.pass(std::chrono::seconds{2});
  CHECK(has(logged.str(), "no majority: 1 of 3"));
}

TEST_CASE_FIXTURE(fixture, "of a slot those roles are asked that remember slots, of the node's status all") {
  a.send(subject, explain_atom_v, uint64_t{7});
  in.run();
  CHECK(std::get<1>(role->take<explain_atom, uint64_t>()) == 7);
  CHECK_FALSE(auditor->has<explain_atom, uint64_t>());
  in.pass(std::chrono::seconds{2});
  a.send(subject, status_atom_v);
  in.run();
  CHECK(role->has<status_atom>());
  CHECK(auditor->has<status_atom>());
  in.pass(std::chrono::seconds{3}); // Neither answers: they are left out.
  REQUIRE(a->count<message<schema::NodeStatus>>() == 2);
  a->take<message<schema::NodeStatus>>();
  auto [status] = a->take<message<schema::NodeStatus>>();
  CHECK(status->getResidentBytes() == 12345);
  CHECK(status->getUptimeMs() >= 2000);
}

TEST_CASE_FIXTURE(fixture, "a role that ends, ends the process") {
  in.end(role.as<caf::actor>());
  CHECK(ended.empty()); // In order.
  fixture second;
  caf::anon_send_exit(second.role.as<caf::actor>(), caf::exit_reason::out_of_workers);
  second.in.run();
  CHECK(has(second.ended, "role acceptor has ended"));
}
