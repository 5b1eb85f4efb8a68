#include "gateway_fixture.hpp"

#include <doctest/doctest.h>

using namespace synod;
using namespace synod::test;
using fixture = gateway_fixture;

TEST_CASE_FIXTURE(fixture, "a command goes to the replica in the session, and its reply to the client") {
  reach(beside, 1);
  open(beside, 77);
  clients->connect(5);
  receive(5, "SET a 1\r\nSET b 2\r\n");
  auto [request] = beside->take<message<schema::Request>>();
  CHECK(request->getCommands().getSession() == 77);
  CHECK(request->getCommands().getFirstCid() == 1);
  CHECK(request->getCommands().getOperations().getCount() == 2);
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

TEST_CASE_FIXTURE(fixture, "a replica that answers nothing while commands wait for it is left for the next one") {
  reach(beside, 1);
  reach(apart, 2);
  open(beside, 77);
  clients->connect(5);
  in.pass(std::chrono::seconds{20}); // Nobody asks it anything.
  CHECK_FALSE(apart->has<message<schema::Request>>());
  std::string command = "SET a 1\r\n", error = "-UNKNOWN no majority";
  SUBCASE("commands") {}
  SUBCASE("reads") {
    command = "GET a\r\n";
    error = "-TIMEOUT no majority";
  }
  receive(5, command);
  in.pass(std::chrono::milliseconds{4800});
  CHECK_FALSE(apart->has<message<schema::Request>>());
  in.pass(std::chrono::milliseconds{300});
  clients->turn_end();
  CHECK(clients->take(5).starts_with(error));
  CHECK(environment_->logged().find("the replica answers nothing") != std::string::npos);
  open(apart, 70);
  while (apart->has<message<schema::Request>>()) // It was asked again meanwhile.
    apart->take<message<schema::Request>>();
  receive(5, "SET a 2\r\n");
  CHECK(std::get<0>(apart->take<message<schema::Request>>())->getCommands().getSession() == 70);
}

TEST_CASE_FIXTURE(fixture, "a replica that opens no session is left, too, and each has some time") {
  reach(beside, 1);
  reach(apart, 2);
  clients->connect(5);
  in.pass(std::chrono::seconds{20});
  receive(5, "SET a 1\r\n");
  in.pass(std::chrono::milliseconds{100});
  receive(5, "SET a 2\r\n");
  in.pass(std::chrono::milliseconds{5000});
  CHECK(apart->has<message<schema::Request>>());
  auto asked = beside->count<message<schema::Request>>();
  in.pass(std::chrono::milliseconds{4500}); // The second one's time is over, and it was not sent.
  CHECK(beside->count<message<schema::Request>>() == asked);
}

TEST_CASE_FIXTURE(fixture, "a replica that answers something is not left, nor is the only one") {
  reach(beside, 1);
  open(beside, 77);
  clients->connect(5);
  SUBCASE("it answers something") {
    reach(apart, 2);
    in.pass(std::chrono::seconds{20});
    receive(5, "SET a 1\r\nSET a 2\r\n");
    in.pass(std::chrono::seconds{3});
    respond(beside, 77, 1, "OK");
  }
  SUBCASE("it is the only one") {
    receive(5, "SET a 1\r\n");
    in.pass(std::chrono::seconds{3});
  }
  in.pass(std::chrono::seconds{3});
  clients->turn_end();
  CHECK(clients->take(5).find("-UNKNOWN no majority") != std::string::npos);
  CHECK_FALSE(apart->has<message<schema::Request>>());
  receive(5, "SET a 3\r\n");
  CHECK(beside->has<message<schema::Request>>());
}

TEST_CASE_FIXTURE(fixture, "the replica beside the gateway is turned to when it comes, while nothing is under way") {
  reach(apart, 0);
  open(apart, 70);
  clients->connect(5);
  receive(5, "SET a 1\r\n");
  reach(beside, 1);
  in.pass(std::chrono::milliseconds{200});
  CHECK_FALSE(beside->has<message<schema::Request>>());
  respond(apart, 70, 1, "OK");
  CHECK(clients->take(5) == "+OK\r\n");
  in.pass(std::chrono::milliseconds{200});
  open(beside, 77);
}

TEST_CASE_FIXTURE(fixture, "the replica beside the gateway is tried again some time after it was left") {
  reach(beside, 1);
  reach(apart, 2);
  open(beside, 77);
  clients->connect(5);
  receive(5, "SET a 1\r\n");
  in.pass(std::chrono::milliseconds{5100});
  open(apart, 70);
  while (beside->has<message<schema::Request>>())
    beside->take<message<schema::Request>>();
  in.pass(std::chrono::seconds{49});
  CHECK_FALSE(beside->has<message<schema::Request>>());
  in.pass(std::chrono::seconds{2});
  open(beside, 78);
}

TEST_CASE_FIXTURE(fixture, "of clients that are disconnected alike the log tells some, and how many it did not tell") {
  auto count = [&](const std::string& text) {
    auto logged = environment_->logged();
    size_t found = 0;
    for (auto at = logged.find(text); at != std::string::npos; at = logged.find(text, at + 1))
      ++found;
    return found;
  };
  for (uint64_t id = 5; id < 9; ++id) {
    clients->connect(id);
    receive(id, "Host: here\r\n");
  }
  CHECK(clients->closed.size() == 4);
  CHECK(count("speaks HTTP") == 1);
  in.pass(std::chrono::seconds{5});
  clients->connect(9);
  receive(9, "Host: here\r\n");
  CHECK(count("speaks HTTP") == 2);
  CHECK(count("127.0.0.1:1 (3 more since the last one that was told)") == 1);
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

TEST_CASE_FIXTURE(fixture, "a client that says no more is disconnected though as much is under way as may be") {
  reach(beside, 1);
  open(beside, 77);
  clients->connect(5);
  std::string all;
  for (size_t i = 0; i < connection::first_pending; ++i)
    all += "SET a 1\r\n";
  receive(5, all);
  clients->end(5);
  in.run();
  respond_to_all(beside, 77, 1, connection::first_pending);
  CHECK(clients->take(5).size() == 5 * connection::first_pending);
  CHECK(clients->closed.contains(5));
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
