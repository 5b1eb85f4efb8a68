// Transactions and WATCH, as a connection goes through them.
#include "connection_fixture.hpp"

#include <doctest/doctest.h>

using namespace synod;
using fixture = test::connection_fixture;

TEST_CASE_FIXTURE(fixture, "WATCH behind a write is decided behind it, and what comes behind WATCH waits for it") {
  say("SET a 1");
  say("WATCH a");
  say("SET a 2");
  CHECK(submitted(1) == "decide-versions a");
  CHECK(submitted(2) == "nothing");
  answer(0, "OK");
  answer_list(1, {5});
  CHECK(submitted(2) == "decide SET a 2");
}

TEST_CASE_FIXTURE(fixture, "EXEC waits for the reads before it") {
  say("GET a");
  say("MULTI");
  say("SET a 1");
  say("EXEC");
  CHECK(submitted(1) == "nothing");
  answer(0, "old");
  CHECK(submitted(1) == "transaction 1 commands");
}

TEST_CASE_FIXTURE(fixture, "a transaction is one command; local commands in it are answered in their places") {
  CHECK(say("MULTI") == "+OK\r\n");
  CHECK(say("SET a 1") == "+QUEUED\r\n");
  CHECK(say("ECHO hi") == "+QUEUED\r\n");
  CHECK(say("INCR a") == "+QUEUED\r\n");
  CHECK(say("MULTI") == "-ERR MULTI calls can not be nested\r\n");
  CHECK(say("WATCH a") == "-ERR WATCH inside MULTI is not allowed\r\n");
  CHECK(say("EXEC").empty());
  CHECK(submitted(0) == "transaction 2 commands");
  answer_list(0, {7, 8});
  CHECK(out() == "*3\r\n:7\r\n$2\r\nhi\r\n:8\r\n");
  CHECK(say("EXEC") == "-ERR EXEC without MULTI\r\n");
  CHECK(say("DISCARD") == "-ERR DISCARD without MULTI\r\n");
}

TEST_CASE_FIXTURE(fixture, "an error while a transaction is queued discards it") {
  say("MULTI");
  CHECK(say("SET a").substr(0, 4) == "-ERR");
  CHECK(say("EXEC") == "-EXECABORT Transaction discarded because of previous errors.\r\n");
  CHECK(services_.all.empty());
}

TEST_CASE_FIXTURE(fixture, "what is wrong with a subcommand discards a transaction, too") {
  for (auto* wrong : {"CONFIG GET", "CONFIG", "CLIENT KILL", "CLIENT NOPE", "CLIENT ID 1"}) {
    say("MULTI");
    say("SET a 1");
    CHECK(say(wrong).starts_with("-ERR"));
    CHECK(say("EXEC") == "-EXECABORT Transaction discarded because of previous errors.\r\n");
  }
  CHECK(services_.all.empty());
}

TEST_CASE_FIXTURE(fixture, "EXEC ends a transaction, and forgets the watched keys, also with a wrong number of arguments") {
  say("WATCH k");
  CHECK(say("EXEC now").empty()); // In its turn: behind the versions.
  answer_list(0, {7});
  CHECK(out() == "+OK\r\n-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command\r\n");
  say("MULTI");
  say("SET a 1");
  say("EXEC now");
  CHECK(out().empty());
  CHECK(say("EXEC") == "-ERR EXEC without MULTI\r\n");
  say("MULTI");
  say("EXEC");
  CHECK(submitted(1) == "transaction 0 commands");
}

TEST_CASE_FIXTURE(fixture, "an empty transaction is answered with an empty list") {
  say("MULTI");
  say("EXEC");
  answer_list(0, {});
  CHECK(out() == "*0\r\n");
}

TEST_CASE_FIXTURE(fixture, "WATCH asks for versions, which EXEC carries; UNWATCH and EXEC forget them") {
  say("WATCH a b");
  CHECK(submitted(0) == "versions a b");
  say("MULTI"); // Comes before the versions do.
  answer_list(0, {5, 0});
  CHECK(out() == "+OK\r\n+OK\r\n");
  say("EXEC");
  CHECK(submitted(1) == "transaction 0 commands a@5 b@0");
  answer_list(1, {});
  out();
  say("WATCH a");
  answer_list(2, {6});
  say("UNWATCH");
  say("MULTI");
  say("EXEC");
  CHECK(submitted(3) == "transaction 0 commands");
}

TEST_CASE_FIXTURE(fixture, "an EXEC that is given up has ended its transaction") {
  say("WATCH k");
  answer_list(0, {7});
  say("MULTI");
  CHECK(say("SET a 1").find("QUEUED") != std::string::npos);
  services_.full = true;
  CHECK(say("EXEC").empty());
  REQUIRE(subject.waits_for_room());
  subject.give_up("TRYAGAIN later");
  CHECK(out() == "-TRYAGAIN later\r\n");
  services_.full = false;
  CHECK(say("EXEC") == "-ERR EXEC without MULTI\r\n");
  CHECK(say("SET b 2").empty());
  CHECK(submitted(1) == "decide SET b 2");
}

TEST_CASE_FIXTURE(fixture, "what a failed WATCH was to protect is not performed") {
  const std::string never = "@18446744073709551615";
  SUBCASE("it got an error") {
    say("WATCH k other");
    subject.deliver_error(services_.all[0].whose.number, "TRYAGAIN later");
    CHECK(out() == "-TRYAGAIN later\r\n");
    say("MULTI\r\nSET k 1\r\nEXEC");
    CHECK(submitted(1) == "transaction 1 commands k" + never + " other" + never);
  }
  SUBCASE("it found no room") {
    services_.full = true;
    say("WATCH k");
    REQUIRE(subject.waits_for_room());
    subject.give_up("TRYAGAIN later");
    services_.full = false;
    say("MULTI\r\nSET k 1\r\nEXEC");
    CHECK(submitted(0) == "transaction 1 commands k" + never);
  }
  SUBCASE("and UNWATCH forgets it") {
    say("WATCH k");
    subject.deliver_error(services_.all[0].whose.number, "TRYAGAIN later");
    say("UNWATCH\r\nMULTI\r\nSET k 1\r\nEXEC");
    CHECK(submitted(1) == "transaction 1 commands");
  }
}

TEST_CASE_FIXTURE(fixture, "a WATCH is answered by a word, whatever it was told") {
  subject.set_room({10, 0, false});
  say("SET x 1");
  say("WATCH " + std::string(100, 'k'));
  answer(0, "OK");
  answer_list(1, std::vector<int64_t>(100, 7));
  CHECK(out() == "+OK\r\n+OK\r\n");
}

TEST_CASE_FIXTURE(fixture, "of a transaction whose reply is left out the gateway's own commands were performed, too") {
  say("MULTI");
  say("HELLO 3");
  say("GET a");
  subject.set_room({10, 5000, false});
  say("EXEC");
  subject.set_room({10, 0, true});
  subject.resume();
  subject.set_room({10, 5000, false});
  std::string large(1000, 'x');
  give(services_.all.size() - 1, [&](auto reply) { reply.initArray(1)[0].setBulk(as_data(large)); });
  CHECK(
    out().ends_with("-ERR the command was performed, its reply was not kept: more replies wait for this client than the gateway "
                    "may keep\r\n"));
  subject.set_room({1000, 0, true});
  subject.resume();
  CHECK(say("GET none").empty());
  give(services_.all.size() - 1, [](auto reply) { reply.setNil(); });
  CHECK(out() == "_\r\n");
}

TEST_CASE_FIXTURE(fixture, "a transaction's reply has a limit, whatever the gateway itself has to say") {
  connection roomy{9, {"127.0.0.1:1", "127.0.0.1:2"}, {100'000}, {}, services_};
  auto reply_to = [&](int commands) {
    std::string text = "MULTI\r\n";
    for (int i = 0; i < commands; ++i)
      text += "INFO\r\n";
    roomy.receive(text + "EXEC\r\n", {});
    roomy.output().clear();
    builder<schema::Reply> of_machine;
    for (auto each : of_machine->initArray(static_cast<unsigned>(commands)))
      each.setBulk(as_data(""));
    auto built = of_machine.finish();
    roomy.deliver(services_.all.back().whose.number, *built);
    return std::exchange(roomy.output(), {});
  };
  services_.information = std::string(1u << 20, 'x');
  CHECK(reply_to(59).size() > 59u << 20);
  auto refused = reply_to(100);
  CHECK(refused.starts_with("-ERR the transaction was performed, its reply is larger"));
  CHECK(refused.size() < 200);
  roomy.receive("PING\r\n", {});
  CHECK(roomy.output() == "+PONG\r\n");
}
