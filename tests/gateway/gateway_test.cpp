#include "synod/actors/gateway/gateway.hpp"

#include "synod/actors/replica/key_value/machine.hpp"

#include "harness.hpp"
#include "test_environment.hpp"

#include <doctest/doctest.h>

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <set>

using namespace synod;
using namespace synod::test;

namespace {

/// Sockets of clients that the test plays.
class test_sockets : public sockets {
public:
  explicit test_sockets(caf::actor_system& system) : system_{system} {}

  uint16_t port() const override { return 7; }
  void run() override {}
  void schedule(caf::resumable* actor) override { system_.scheduler().enqueue(actor); }
  void events(synod::socket_events* events) override { events_ = events; }
  void stop() override { stopped = true; }
  void send(uint64_t id, std::string& bytes) override { sent[id] += std::exchange(bytes, {}); }
  size_t unsent_bytes(uint64_t id) const override {
    auto waits = sent.find(id);
    return unsent + (waits == sent.end() ? 0 : waits->second.size() - std::min(waits->second.size(), buffer_bytes));
  }
  void read(uint64_t id, bool on) override { reading[id] = on; }
  void close(uint64_t id) override {
    closed.insert(id);
    events_->on_close(id);
  }

  std::string connect(uint64_t id) {
    std::string refusal;
    return events_->on_connect(id, "127.0.0.1:1", "127.0.0.1:7", refusal) ? "" : refusal;
  }
  void receive(uint64_t id, std::string_view bytes) {
    events_->on_bytes(id, bytes);
    events_->on_turn_end();
  }
  void end(uint64_t id) {
    events_->on_end(id);
    events_->on_turn_end();
  }
  void turn_end() { events_->on_turn_end(); }
  std::string take(uint64_t id) { return std::exchange(sent[id], {}); }
  /// The client reads so many bytes.
  std::string client_reads(uint64_t id, size_t most) {
    auto before = unsent_bytes(id);
    auto bytes = sent[id].substr(0, most);
    sent[id].erase(0, bytes.size());
    if (before > 0 && unsent_bytes(id) == 0) // The write is done.
      events_->on_sent(id);
    events_->on_turn_end();
    return bytes;
  }

  std::map<uint64_t, std::string> sent;
  std::map<uint64_t, bool> reading;
  std::set<uint64_t> closed;
  size_t unsent = 0;
  size_t buffer_bytes = SIZE_MAX; // of a socket; more is unsent
  bool stopped = false;

private:
  caf::actor_system& system_;
  synod::socket_events* events_ = nullptr;
};

struct fixture {
  fixture() {
    gateway::options options{.node = 1,
                             .node_name = "b",
                             .command_limit_bytes = 1000,
                             .most_clients = 2,
                             .outstanding_limit_bytes = 32u << 10,
                             .unread_limit_bytes = 80'000,
                             .unread_timeout = std::chrono::seconds{60},
                             .idle_timeout = std::chrono::minutes{1},
                             .request_timeout = std::chrono::seconds{5},
                             .session_lifetime = std::chrono::hours{1},
                             .machine = std::make_shared<key_value::machine>(key_value::machine::limits{}, 1),
                             .settings = {{"maxclients", "2", 1, 2}, {"timeout", "60", 0, 1000}}};
    subject = in.spawn<gateway>(environment_, clients, std::move(options));
    in.run();
  }

  void reach(probe& replica, node_id node) {
    caf::anon_send(subject, peer{node, "replica", replica.ptr()});
    in.run();
  }
  /// Answers the opening that the replica got.
  void open(probe& replica, uint64_t session) {
    auto [asked] = replica->take<message<schema::Request>>();
    REQUIRE(asked->isOpen());
    builder<schema::Opened> opened;
    opened->setNumber(asked->getOpen().getNumber());
    opened->setSession(session);
    replica.send(subject, opened.finish());
    in.run();
  }
  void receive(uint64_t client, std::string_view bytes) {
    clients->receive(client, bytes);
    in.run();
  }
  void respond(probe& replica, uint64_t session, uint64_t cid, const char* status, uint64_t mark = 0) {
    builder<schema::Responses> built;
    built->setSession(session);
    built->setFirstCid(cid);
    built->setAnswered(1);
    built->initReplies(1)[0].setStatus(status);
    built->setMark(mark);
    replica.send(subject, built.finish());
    in.run();
    clients->turn_end();
  }

  actor_world in;
  std::shared_ptr<test_environment> environment_ = std::make_shared<test_environment>(in.system);
  std::shared_ptr<test_sockets> clients = std::make_shared<test_sockets>(in.system);
  gateway_actor subject;
  probe beside{in};
  probe apart{in};
};

} // namespace

TEST_CASE_FIXTURE(fixture, "a command goes to the replica in the session, and its reply to the client") {
  reach(beside, 1);
  open(beside, 77);
  clients->connect(5);
  receive(5, "SET a 1\r\nSET b 2\r\n");
  auto [request] = beside->take<message<schema::Request>>();
  CHECK(request->getCommands().getSession() == 77);
  CHECK(request->getCommands().getFirstCid() == 1);
  CHECK(request->getCommands().getOperations().size() == 2);
  respond(beside, 77, 1, "first");
  respond(beside, 77, 2, "second");
  CHECK(clients->take(5) == "+first\r\n+second\r\n");
}

TEST_CASE_FIXTURE(fixture, "a read goes to the replica as a query") {
  reach(beside, 1);
  open(beside, 77);
  clients->connect(5);
  receive(5, "GET a\r\n");
  auto [query] = beside->take<message<schema::Query>>();
  builder<schema::Answers> answers;
  answers->setNumber(query->getNumber());
  answers->setAnswered(1);
  answers->initReplies(1)[0].setInteger(3);
  beside.send(subject, answers.finish());
  in.run();
  clients->turn_end();
  CHECK(clients->take(5) == ":3\r\n");
}

TEST_CASE_FIXTURE(fixture, "the replica beside the gateway is taken; any other when that one is lost") {
  reach(apart, 0);
  CHECK(apart->has<message<schema::Request>>());
  open(apart, 70);
  reach(beside, 1); // The session stays where it is.
  CHECK_FALSE(beside->has<message<schema::Request>>());
  clients->connect(5);
  receive(5, "SET a 1\r\n");
  caf::anon_send(subject, peer{0, "replica", nullptr});
  in.run();
  clients->turn_end();
  CHECK(clients->take(5).substr(0, 8) == "-UNKNOWN");
  CHECK(environment_->logged().find("the replica is not reached any more") != std::string::npos);
  open(beside, 77);
  receive(5, "SET a 1\r\n");
  CHECK(beside->has<message<schema::Request>>());
}

TEST_CASE_FIXTURE(fixture, "marks go back to the replica they came from: with the next tick, or at once when much came") {
  reach(beside, 1);
  open(beside, 77);
  clients->connect(5);
  receive(5, "SET a 1\r\nSET b 2\r\nSET c 3\r\n");
  respond(beside, 77, 1, "OK");
  in.pass(std::chrono::milliseconds{100});
  CHECK_FALSE(beside->has<message<schema::Received>>()); // It bore no mark.
  respond(beside, 77, 2, "OK", 1000);
  CHECK_FALSE(beside->has<message<schema::Received>>());
  in.pass(std::chrono::milliseconds{100});
  auto [received] = beside->take<message<schema::Received>>();
  CHECK(received->getMark() == 1000);
  CHECK(received->getNode() == 1);
  respond(beside, 77, 3, "OK", 3'000'000);
  CHECK(std::get<0>(beside->take<message<schema::Received>>())->getMark() == 3'000'000);
}

TEST_CASE_FIXTURE(fixture, "nothing more is read from a client whose command waits, until that goes on") {
  reach(beside, 1);
  open(beside, 77);
  clients->connect(5);
  receive(5, "WATCH a\r\n");
  CHECK(clients->reading[5]);
  receive(5, "SET a 1\r\n");
  CHECK_FALSE(clients->reading[5]);
  builder<schema::Answers> versions;
  versions->setNumber(1);
  versions->setAnswered(1);
  versions->initReplies(1)[0].initArray(1)[0].setInteger(7);
  beside.send(subject, versions.finish());
  in.run();
  clients->turn_end();
  CHECK(clients->reading[5]);
}

TEST_CASE_FIXTURE(fixture, "an opening that is not answered is asked for again") {
  reach(beside, 1);
  in.pass(std::chrono::milliseconds{200});
  CHECK(beside->count<message<schema::Request>>() == 2);
}

TEST_CASE_FIXTURE(fixture, "however much is answered here, it goes on while the socket takes it") {
  clients->connect(5);
  std::string all;
  for (int i = 0; i < 5000; ++i)
    all += "ECHO " + std::string(900, 'x') + "\r\n";
  receive(5, all);
  CHECK(clients->take(5).size() > 5000 * 900);
}

TEST_CASE_FIXTURE(fixture, "a client ends another one of its gateway") {
  clients->connect(5);
  clients->connect(6);
  receive(5, "CLIENT KILL ID 6\r\nCLIENT KILL ID 6\r\n");
  CHECK(clients->take(5) == ":1\r\n:0\r\n");
  CHECK(clients->closed == std::set<uint64_t>{6});
  receive(5, "CLIENT LIST\r\n");
  auto listed = clients->take(5);
  CHECK(listed.find("id=5 ") != std::string::npos);
  CHECK(listed.find("id=6 ") == std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "what CONFIG SET changes holds from now on") {
  clients->connect(5);
  receive(5, "CONFIG SET maxclients 1 timeout 10\r\nCONFIG GET timeout\r\n");
  CHECK(clients->take(5) == "+OK\r\n*2\r\n$7\r\ntimeout\r\n$2\r\n10\r\n");
  CHECK(clients->connect(6) == "-ERR max number of clients reached\r\n");
  in.pass(std::chrono::seconds{11});
  CHECK(clients->closed.contains(5));
}

TEST_CASE_FIXTURE(fixture, "CONFIG RESETSTAT lets the counts of INFO begin again") {
  reach(beside, 1);
  open(beside, 77);
  clients->connect(5);
  auto connections = [&] {
    receive(5, "INFO stats\r\n");
    auto [query] = beside->take<message<schema::Query>>();
    builder<schema::Answers> answers;
    answers->setNumber(query->getNumber());
    answers->setAnswered(1);
    answers->initReplies(1)[0].setBulk(as_data(""));
    beside.send(subject, answers.finish());
    in.run();
    clients->turn_end();
    return clients->take(5).find("total_connections_received:1\r\n") != std::string::npos;
  };
  CHECK(connections());
  receive(5, "CONFIG RESETSTAT\r\n");
  clients->take(5);
  CHECK_FALSE(connections());
}

TEST_CASE_FIXTURE(fixture, "a client that reads is not idle") {
  clients->connect(5);
  for (int i = 0; i < 10; ++i) {
    clients->unsent = static_cast<size_t>(1000 - i);
    in.pass(std::chrono::seconds{20});
  }
  CHECK(clients->closed.empty());
  in.pass(std::chrono::seconds{61});
  CHECK(clients->closed.contains(5));
}

TEST_CASE_FIXTURE(fixture, "one client too many is refused") {
  CHECK(clients->connect(5).empty());
  CHECK(clients->connect(6).empty());
  CHECK(clients->connect(7) == "-ERR max number of clients reached\r\n");
}

TEST_CASE_FIXTURE(fixture, "a client that is silent for too long is disconnected, one that waits is not") {
  reach(beside, 1);
  open(beside, 77);
  clients->connect(5);
  in.pass(std::chrono::seconds{30});
  clients->connect(6);
  in.pass(std::chrono::seconds{31});
  CHECK(clients->closed == std::set<uint64_t>{5});
}

TEST_CASE_FIXTURE(fixture, "commands that find no room for too long are answered, all at once, and the connection goes on") {
  reach(beside, 1);
  open(beside, 77);
  clients->connect(5);
  std::string all;
  for (int i = 0; i < 50; ++i) // Nobody answers.
    all += "SET a " + std::string(900, 'x') + "\r\n";
  receive(5, all);
  clients->connect(6);
  receive(6, "SET b 1\r\nSET b 2\r\nPING\r\n");
  CHECK(clients->take(6).empty());
  in.pass(std::chrono::milliseconds{4800});
  clients->turn_end();
  CHECK(clients->take(6).empty()); // There may be room yet.
  in.pass(std::chrono::milliseconds{400});
  clients->turn_end();
  auto told = clients->take(6);
  CHECK(std::count(told.begin(), told.end(), '\n') == 3);
  CHECK(told.find("-TRYAGAIN") == 0);
  CHECK(told.find("+PONG") != std::string::npos);
  receive(6, "PING\r\n");
  CHECK(clients->take(6) == "+PONG\r\n");
}

TEST_CASE_FIXTURE(fixture, "a client that says no more is answered, and then disconnected") {
  reach(beside, 1);
  open(beside, 77);
  clients->connect(5);
  receive(5, "SET a 1\r\nPING\r\n");
  clients->end(5);
  in.run();
  CHECK(clients->closed.empty());
  respond(beside, 77, 1, "done");
  CHECK(clients->take(5) == "+done\r\n+PONG\r\n");
  CHECK(clients->closed.contains(5));
  clients->connect(6);
  receive(6, "SET b"); // Half a command.
  clients->end(6);
  CHECK(clients->closed.contains(6));
}

TEST_CASE_FIXTURE(fixture, "QUIT closes the connection when its reply has left") {
  clients->connect(5);
  clients->unsent = 1;
  receive(5, "QUIT\r\n");
  CHECK(clients->closed.empty());
  clients->unsent = 0;
  receive(5, "");
  CHECK(clients->sent[5] == "+OK\r\n");
  CHECK(clients->closed == std::set<uint64_t>{5});
}

TEST_CASE_FIXTURE(fixture, "a gateway that ends stops its sockets") {
  in.end(caf::actor_cast<caf::actor>(subject));
  CHECK(clients->stopped);
}

namespace {

/// Clients that ask for values of `value_bytes`, and sockets that take 100 bytes.
struct unread_fixture : fixture {
  unread_fixture() {
    reach(beside, 1);
    open(beside, 77);
    clients->buffer_bytes = 100;
  }

  void ask(uint64_t client, size_t gets, const std::string& behind = "") {
    std::string text;
    for (size_t i = 0; i < gets; ++i)
      text += "GET a\r\n";
    receive(client, text + behind);
  }

  void answer_all() {
    while (beside->has<message<schema::Query>>()) {
      auto [query] = beside->take<message<schema::Query>>();
      builder<schema::Answers> answers;
      answers->setNumber(query->getNumber());
      answers->setAnswered(query->getOperations().size());
      std::string value(value_bytes, 'x');
      for (auto each : answers->initReplies(query->getOperations().size())) {
        each.setBulk(as_data(value));
        ++answered;
      }
      beside.send(subject, answers.finish());
      in.run();
      clients->turn_end();
      most_unread = std::max(most_unread, unread());
    }
  }

  /// A tick, and what comes of it.
  void tick() {
    in.pass(std::chrono::milliseconds{100});
    clients->turn_end();
    answer_all();
  }

  int64_t unread() {
    probe asker{in};
    asker.send(subject, status_atom_v);
    in.run();
    auto [status] = asker->take<message<schema::RoleStatus>>();
    for (auto entry : status->getEntries())
      if (std::string{entry.getName().cStr()} == "bytes of replies unread")
        return entry.getNumber();
    return -1;
  }

  size_t reply_bytes() const { return fmt::format("${}\r\n\r\n", value_bytes).size() + value_bytes; }

  static constexpr int64_t limit = 80'000; // as the fixture says
  size_t value_bytes = 900;
  uint64_t answered = 0;
  int64_t most_unread = 0;
};

} // namespace

TEST_CASE_FIXTURE(unread_fixture, "a client has so many replies that it has not read, and gets all when it reads") {
  clients->connect(5);
  ask(5, 50);
  answer_all();
  CHECK(most_unread < limit / 8 + 1000 + 50 * 40);
  CHECK_FALSE(clients->reading[5]);
  auto before = answered;
  for (int i = 0; i < 100; ++i)
    tick();
  CHECK(answered == before); // What finds no room is not asked for.
  std::string all;
  for (int i = 0; i < 200; ++i) {
    all += clients->client_reads(5, 400);
    tick();
  }
  CHECK(all.size() == 50 * reply_bytes());
  CHECK(unread() == 0);
  CHECK(most_unread < limit / 8 + 1000 + 50 * 40);
  CHECK(clients->closed.empty());
}

TEST_CASE_FIXTURE(unread_fixture,
                  "who reads nothing for a minute while it has as much as it may is disconnected, not who reads") {
  value_bytes = 9000; // Of two the second finds no room.
  for (uint64_t id : {5, 6}) {
    clients->buffer_bytes = 100;
    if (id == 6)
      in.pass(std::chrono::milliseconds{100});
    if (clients->connect(id).empty())
      ask(id, 4);
  }
  answer_all();
  for (int i = 0; i < 590; ++i) {
    if (i % 100 == 0) // All at once, and between two ticks.
      clients->client_reads(6, 9100);
    tick();
  }
  CHECK(clients->closed.empty());
  for (int i = 0; i < 30; ++i)
    tick();
  CHECK(clients->closed == std::set<uint64_t>{5});
}

TEST_CASE_FIXTURE(unread_fixture, "what a client that has left did not read counts no longer") {
  clients->connect(5);
  ask(5, 20);
  answer_all();
  CHECK(unread() > 0);
  clients->close(5);
  CHECK(unread() == 0);
}

TEST_CASE_FIXTURE(unread_fixture, "who quits with replies unread gets them, and is closed then") {
  value_bytes = 9000;
  clients->connect(5);
  ask(5, 5, "QUIT\r\n");
  answer_all();
  std::string all;
  for (int i = 0; i < 50; ++i) {
    all += clients->client_reads(5, 2000);
    tick();
  }
  CHECK(all.size() == 5 * reply_bytes() + 5);
  CHECK(clients->closed == std::set<uint64_t>{5});
}

TEST_CASE_FIXTURE(unread_fixture, "all together have so many, and a client that reads goes on while others do not") {
  value_bytes = 60'000; // Larger than what one may have: each gets one while there is room.
  clients->connect(5);
  clients->connect(6);
  ask(5, 3);
  answer_all();
  ask(6, 3);
  answer_all();
  CHECK(unread() > 100'000);
  CHECK(unread() < limit + 60'000 + 200);
  std::string all;
  for (int i = 0; i < 400; ++i) {
    all += clients->client_reads(6, 1000);
    tick();
  }
  CHECK(all.size() == 3 * reply_bytes());
  CHECK(most_unread < limit + 2 * 60'000);
}
