#include "connection_fixture.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace synod;
using fixture = test::connection_fixture;

TEST_CASE_FIXTURE(fixture, "replies come in the order of the commands") {
  CHECK(say("SET a 1").empty());
  CHECK(say("SET b 2").empty());
  CHECK(say("PING").empty());
  answer(1, "second");
  CHECK(out().empty());
  answer(0, "first");
  CHECK(out() == "+first\r\n+second\r\n+PONG\r\n");
}

TEST_CASE_FIXTURE(fixture, "a reply is in the protocol's version of the moment when its command came") {
  say("GET none");
  CHECK(say("HELLO 3").empty());
  say("GET none");
  CHECK(say("RESET").empty());
  for (size_t index : {0, 1}) {
    builder<schema::Reply> nothing;
    nothing->setNil();
    auto built = nothing.finish();
    subject.deliver(services_.all[index].whose.number, *built);
  }
  auto all = out();
  CHECK(all.starts_with("$-1\r\n%"));
  CHECK(all.ends_with("_\r\n+RESET\r\n"));
}

TEST_CASE_FIXTURE(fixture, "replies that are complete wait for an earlier one in bounded room") {
  constexpr size_t room_bytes = 1u << 20;
  subject.set_room({room_bytes, 0, true});
  say("SET a 1");
  auto line = "ECHO " + std::string(900, 'x');
  for (int i = 0; i < 3000; ++i)
    say(line);
  CHECK(subject.blocked());
  answer(0, "OK");
  size_t bytes = 0;
  while (true) {
    auto more = out().size();
    bytes += more;
    if (!subject.resume() && more == 0)
      break;
    CHECK(more < room_bytes + 2000);
  }
  CHECK(bytes > 3000 * 900);
}

TEST_CASE_FIXTURE(fixture, "a read behind a write is decided behind it, a read alone is not") {
  say("GET a");
  say("GET b");
  CHECK(submitted(0) == "read GET a");
  CHECK(submitted(1) == "read GET b");
  answer(0, "x");
  answer(1, "x");
  say("SET a 1");
  say("GET a");
  CHECK(submitted(3) == "decide GET a");
}

TEST_CASE_FIXTURE(fixture, "a write waits for the reads before it") {
  say("GET a");
  say("SET a 1");
  CHECK(submitted(1) == "nothing");
  CHECK(subject.blocked());
  answer(0, "old");
  CHECK(submitted(1) == "decide SET a 1");
}

TEST_CASE_FIXTURE(fixture, "wrong arity and unknown commands are answered here") {
  CHECK(say("GET") == "-ERR wrong number of arguments for 'get' command\r\n");
  CHECK(say("get a b") == "-ERR wrong number of arguments for 'get' command\r\n");
  CHECK(say("NOPE a b") == "-ERR unknown command 'NOPE', with args beginning with: 'a' 'b' \r\n");
  CHECK(services_.all.empty());
}

TEST_CASE_FIXTURE(fixture, "INFO is told by gateway and state machine together, within a transaction too") {
  CHECK(say("INFO").empty());
  CHECK(submitted(0) == "read INFO");
  answer_bulk(0, "# Keyspace\r\n");
  CHECK(out() == "$24\r\n# Server\r\n\r\n# Keyspace\r\n\r\n");
  say("INFO keyspace");
  answer_bulk(1, "# Keyspace\r\n");
  CHECK(out() == "$12\r\n# Keyspace\r\n\r\n");
  say("MULTI\r\nPING\r\nINFO\r\nEXEC");
  out();
  CHECK(submitted(2) == "transaction 1 commands");
  builder<schema::Reply> reply;
  reply->initArray(1)[0].setBulk(as_data("# Keyspace\r\n"));
  subject.deliver(services_.all[2].whose.number, *reply.finish());
  CHECK(out() == "*2\r\n+PONG\r\n$24\r\n# Server\r\n\r\n# Keyspace\r\n\r\n");
}

TEST_CASE_FIXTURE(fixture, "INFO without a majority tells what the gateway knows") {
  say("INFO");
  subject.deliver_error(services_.all[0].whose.number, "TIMEOUT nobody answers");
  CHECK(out() == "$10\r\n# Server\r\n\r\n");
}

TEST_CASE_FIXTURE(fixture, "CLIENT REPLY leaves out replies, of commands that are under way too") {
  CHECK(say("CLIENT REPLY OFF").empty());
  say("SET a 1");
  CHECK(say("PING").empty());
  CHECK(say("NOSUCH").empty());
  CHECK(say("CLIENT REPLY ON").empty()); // Behind SET's.
  answer(0, "OK");
  CHECK(out() == "+OK\r\n");
  CHECK(say("CLIENT REPLY SKIP").empty());
  say("SET a 2");
  say("SET a 3");
  answer(1, "second");
  answer(2, "third");
  CHECK(out() == "+third\r\n");
  CHECK(say("CLIENT REPLY SKIP\r\nPING\r\nPING") == "+PONG\r\n");
  CHECK(say("CLIENT REPLY SOON").starts_with("-ERR syntax error"));
  CHECK(say("CLIENT REPLY OFF\r\nRESET\r\nPING") == "+RESET\r\n+PONG\r\n");
  CHECK(say("CLIENT REPLY SKIP\r\nRESET\r\nPING") == "+PONG\r\n");
}

TEST_CASE_FIXTURE(fixture, "a client may write everything before it reads anything") {
  subject.set_room({8u << 20, 0, true});
  auto line = "ECHO " + std::string(900, 'x') + "\r\n";
  for (int i = 0; i < 5000; ++i)
    subject.receive(line, {});
  CHECK_FALSE(subject.blocked());
  CHECK(out().size() == 5000 * (std::string("$900\r\n\r\n").size() + 900));
}

TEST_CASE_FIXTURE(fixture, "a command that finds no room waits, and is given up with an error") {
  services_.full = true;
  CHECK(say("SET a 1").empty());
  CHECK(subject.waits_for_room());
  subject.give_up("TRYAGAIN later");
  CHECK(out() == "-TRYAGAIN later\r\n");
  CHECK(say("SET a 2").empty());
  services_.full = false;
  subject.resume();
  CHECK(submitted(0) == "decide SET a 2");
}

TEST_CASE_FIXTURE(fixture, "a client that says no more is finished when all that came is answered, not what was begun so far") {
  std::string all;
  constexpr size_t count = connection::first_pending + 36;
  for (size_t i = 0; i < count; ++i)
    all += "INCR n\r\n";
  subject.receive(all + "INCR", {});
  subject.end_input();
  size_t answered = 0;
  while (answered < count) {
    REQUIRE(services_.all.size() > answered);
    for (; answered < services_.all.size(); ++answered) {
      CHECK_FALSE(subject.finished());
      builder<schema::Reply> reply;
      reply->setInteger(1);
      subject.deliver(services_.all[answered].whose.number, *reply.finish());
    }
    if (answered < count)
      CHECK_FALSE(subject.finished());
    subject.resume();
  }
  CHECK(subject.finished());
}

TEST_CASE_FIXTURE(fixture, "what a browser sends is not performed") {
  for (auto* first : {"POST / HTTP/1.1", "Host: here", "host: here"}) {
    fixture fresh;
    CHECK(fresh.say(std::string{first} + "\r\nSET a 1").empty());
    CHECK(fresh.subject.finished());
    CHECK(fresh.services_.all.empty());
    CHECK(fresh.services_.warned.find("HTTP") != std::string::npos);
  }
}

TEST_CASE_FIXTURE(fixture, "bytes that come while a command waits are not lost") {
  services_.full = true;
  say("SET a 1");
  say("SET b 2");
  services_.full = false;
  subject.resume();
  CHECK(submitted(0) == "decide SET a 1");
  CHECK(submitted(1) == "decide SET b 2");
}

TEST_CASE_FIXTURE(fixture, "HELLO chooses the version") {
  CHECK(say("HELLO 3").substr(0, 4) == "%7\r\n");
  CHECK(say("HELLO 2").substr(0, 5) == "*14\r\n");
  CHECK(say("HELLO 4") == "-NOPROTO unsupported protocol version\r\n");
  CHECK(say("HELLO 3 SETNAME me").substr(0, 1) == "%");
  CHECK(say("CLIENT GETNAME") == "$2\r\nme\r\n");
  CHECK(say("RESET") == "+RESET\r\n");
  CHECK(say("CLIENT GETNAME") == "$-1\r\n");
  CHECK(say("HELLO 2 AUTH default anything").starts_with("*14"));
  CHECK(say("HELLO 3 SETNAME you AUTH bob anything").starts_with("-WRONGPASS"));
  CHECK(say("CLIENT GETNAME") == "$3\r\nyou\r\n"); // As with Redis.
}

TEST_CASE("a reply of the gateway's own that is larger than any may be is replaced by an error") {
  test::test_services services;
  connection subject{9, {}, {200u << 20}, {}, services};
  auto say = [&](const std::string& text) {
    subject.receive(text, {});
    return std::exchange(subject.output(), {});
  };
  auto echo = [](size_t bytes) {
    return "*2\r\n$4\r\nECHO\r\n$" + std::to_string(bytes) + "\r\n" + std::string(bytes, 'x') + "\r\n";
  };
  subject.set_room({200u << 20, 0, true});
  CHECK(say(echo(reply_limit_bytes)) == "-ERR the reply is larger than the limit of 60 MiB\r\n");
  CHECK(say(echo(reply_limit_bytes - 100)).size() > reply_limit_bytes - 100);
  say("MULTI\r\n" + echo(reply_limit_bytes / 2) + echo(reply_limit_bytes / 2) + "CLIENT SETNAME me\r\nCLIENT LIST\r\nEXEC\r\n");
  builder<schema::Reply> reply;
  reply->initArray(0);
  subject.deliver(services.all.back().whose.number, *reply.finish());
  CHECK(say("CLIENT GETNAME\r\n")
        == "-ERR the transaction was performed, its reply is larger than the limit of 60 MiB\r\n$2\r\nme\r\n");
}

TEST_CASE_FIXTURE(fixture, "there is one user, and no password is asked of it") {
  CHECK(say("AUTH default anything") == "+OK\r\n");
  CHECK(say("AUTH bob anything") == "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
  CHECK(say("AUTH anything").starts_with("-ERR AUTH <password> called without any password configured"));
  CHECK(say("AUTH a b c") == "-ERR syntax error\r\n");
}

TEST_CASE_FIXTURE(fixture, "the commands that concern the connection") {
  CHECK(say("PING hi") == "$2\r\nhi\r\n");
  CHECK(say("SELECT 0") == "+OK\r\n");
  CHECK(say("SELECT 1") == "-ERR DB index is out of range\r\n");
  CHECK(say("SELECT x") == "-ERR value is not an integer or out of range\r\n");
  CHECK(say("TIME") == "*2\r\n$1\r\n1\r\n$6\r\n234567\r\n");
  CHECK(say("QUIT") == "+OK\r\n");
  CHECK(subject.finished());
}

TEST_CASE_FIXTURE(fixture, "bytes that are not the protocol end the connection with an error") {
  CHECK(say("*1\r\n$-5") == "-ERR Protocol error: invalid bulk length\r\n");
  CHECK(subject.finished());
}

// -- replies that the client has not read ---------------------------------------
