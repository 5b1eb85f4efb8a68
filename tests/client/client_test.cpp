#include "synod/actors/client/client.hpp"

#include "harness.hpp"
#include "test_environment.hpp"

#include <doctest/doctest.h>

using namespace synod;
using namespace synod::test;
using namespace std::chrono_literals;

namespace {

/// Asks a client, and remembers what it is told.
class asking : public caf::event_based_actor {
public:
  struct heard {
    std::vector<std::string> told;
    std::vector<std::optional<client_fault>> faults;
  };

  asking(caf::actor_config& config, session_actor of, std::shared_ptr<heard> into)
    : caf::event_based_actor{config}, of_{std::move(of)}, into_{std::move(into)} {}

  caf::behavior make_behavior() override {
    return {[this](perform_atom how, const std::vector<std::string>& words) { ask(how, words); },
            [this](query_atom how, const std::vector<std::string>& words) { ask(how, words); }};
  }
  void on_exit() override { of_ = nullptr; }

private:
  template <class Atom>
  void ask(Atom how, const std::vector<std::string>& words) {
    std::vector<std::string_view> views{words.begin(), words.end()};
    request(of_, caf::infinite, how, command(views))
      .then([this](const message<schema::Replies>& x) { into_->told.emplace_back(x->getReplies()[0].getStatus().cStr()); },
            [this](const caf::error& x) { into_->faults.push_back(fault_of(x)); });
  }

  session_actor of_;
  std::shared_ptr<heard> into_;
};

/// A client between replicas and an actor that asks it; the test plays the replicas.
struct fixture {
  fixture() {
    client::options options;
    options.beside = 2;
    options.session.lifetime = 60s;
    subject = in.spawn<client>(std::make_shared<test_environment>(in.system), options);
    user = caf::actor_cast<caf::actor>(in.spawn<asking>(subject, heard));
    in.run();
  }

  void reach(node_id node, const probe& replica) {
    caf::anon_send(subject, peer{node, "replica", replica.ptr()});
    in.run();
  }
  void lose(node_id node) {
    caf::anon_send(subject, peer{node, "replica", nullptr});
    in.run();
  }
  void open(probe& replica, uint64_t session) {
    auto [asked] = replica->take<message<schema::Request>>();
    REQUIRE(asked->isOpen());
    builder<schema::Opened> opened;
    opened->setNumber(asked->getOpen().getNumber());
    opened->setSession(session);
    replica.send(subject, opened.finish());
    in.run();
  }
  void respond(probe& replica, uint64_t session, uint64_t first_cid, const char* status, uint64_t mark = 0) {
    builder<schema::Responses> built;
    built->setSession(session);
    built->setFirstCid(first_cid);
    built->setAnswered(1);
    built->setMark(mark);
    built->initReplies(1)[0].setStatus(status);
    replica.send(subject, built.finish());
    in.run();
  }

  template <class Atom>
  void ask(Atom how, std::vector<std::string> words) {
    caf::anon_send(user, how, std::move(words));
    in.run();
  }

  actor_world in;
  probe a{in}, b{in}, c{in};
  session_actor subject;
  std::shared_ptr<asking::heard> heard = std::make_shared<asking::heard>();
  caf::actor user;
};

} // namespace

TEST_CASE_FIXTURE(fixture, "the replica beside it performs what it is asked for") {
  ask(perform_atom_v, {"SET", "k", "v"});
  reach(1, a);
  reach(2, b);
  CHECK(a->has<message<schema::Request>>()); // It came first.
  reach(3, c);
  CHECK_FALSE(c->has<message<schema::Request>>());
  open(b, 7);
  auto [asked] = b->take<message<schema::Request>>();
  CHECK(asked->getCommands().getSession() == 7);
  CHECK(operation_of(asked->getCommands().getOperations(), 0).texts()[0] == "SET");
  respond(b, 7, 1, "OK");
  CHECK(heard->told == std::vector<std::string>{"OK"});
}

TEST_CASE_FIXTURE(fixture, "a replica that is silent, or lost, is left for the next one, which is asked the same") {
  reach(3, c);
  reach(1, a);
  reach(2, b);
  ask(perform_atom_v, {"SET", "k", "v"});
  open(b, 7);
  auto [first] = b->take<message<schema::Request>>();
  in.pass(2s);
  auto [second] = c->take<message<schema::Request>>();
  CHECK(second.content() == first.content());
  lose(3);
  auto [third] = a->take<message<schema::Request>>();
  CHECK(third.content() == first.content());
  respond(c, 7, 1, "late"); // From one that it does not use any more: the same reply.
  CHECK(heard->told == std::vector<std::string>{"late"});
  respond(a, 7, 1, "again");
  CHECK(heard->told.size() == 1);
}

TEST_CASE_FIXTURE(fixture, "queries need no session") {
  reach(2, b);
  ask(query_atom_v, {"GET", "k"});
  auto [asked] = b->take<message<schema::Query>>();
  builder<schema::Answers> built;
  built->setNumber(asked->getNumber());
  built->setAnswered(1);
  built->setMark(500);
  built->initReplies(1)[0].setStatus("v");
  b.send(subject, built.finish());
  in.pass(50ms);
  CHECK(heard->told == std::vector<std::string>{"v"});
  auto [received] = b->take<message<schema::Received>>();
  CHECK(received->getMark() == 500);
  CHECK_FALSE(b->has<message<schema::Request>>());
}

TEST_CASE_FIXTURE(fixture, "while no replica is reached everything waits") {
  ask(perform_atom_v, {"SET", "k", "v"});
  ask(query_atom_v, {"GET", "k"});
  in.pass(30s);
  CHECK(heard->faults.empty());
  reach(3, c);
  CHECK(c->has<message<schema::Query>>());
  open(c, 7);
  CHECK(c->has<message<schema::Request>>());
}

TEST_CASE_FIXTURE(fixture, "who waits for a client that ends is told") {
  reach(2, b);
  ask(perform_atom_v, {"SET", "k", "v"});
  open(b, 7);
  ask(query_atom_v, {"GET", "k"});
  in.end(caf::actor_cast<caf::actor>(subject));
  CHECK(heard->faults == std::vector{std::optional{client_fault::outcome_unknown}, std::optional{client_fault::not_read}});
  CHECK(fault_of(caf::sec::request_timeout) == std::nullopt);
}
