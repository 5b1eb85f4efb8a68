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

TEST_CASE_FIXTURE(fixture, "wrong arity and unknown commands are answered here") {
  CHECK(say("GET") == "-ERR wrong number of arguments for 'get' command\r\n");
  CHECK(say("get a b") == "-ERR wrong number of arguments for 'get' command\r\n");
  CHECK(say("NOPE a b") == "-ERR unknown command 'NOPE', with args beginning with: 'a' 'b' \r\n");
  CHECK(services_.all.empty());
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
}

TEST_CASE_FIXTURE(fixture, "a client may write everything before it reads anything") {
  subject.set_room({8u << 20, 0, true});
  auto line = "ECHO " + std::string(900, 'x') + "\r\n";
  for (int i = 0; i < 5000; ++i)
    subject.receive(line, {});
  CHECK_FALSE(subject.blocked());
  CHECK(out().size() == 5000 * (std::string("$900\r\n\r\n").size() + 900));
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
  CHECK(say("HELLO 2 AUTH bob anything").starts_with("-WRONGPASS"));
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

TEST_CASE_FIXTURE(fixture, "a read whose reply finds no room is asked again, with those behind it, when the client has read") {
  subject.set_room({1000, 0, true});
  for (auto* line : {"GET a", "GET b", "GET c"})
    say(line);
  answer_large(0, 900);
  answer_large(1, 900);
  answer_large(2, 10); // There is room for this one; but it would be older than what comes for b.
  CHECK(subject.blocked());
  CHECK(say("GET d").size() > 900);
  CHECK(submitted(3) == "nothing");
  subject.resume();
  CHECK(submitted(3) == "read GET b");
  CHECK(submitted(4) == "read GET c");
  CHECK(submitted(5) == "read GET d");
  CHECK(subject.waiting_bytes() == 0);
  answer_large(3, 500);
  answer_large(4, 400);
  answer_large(5, 5);
  auto all = out();
  CHECK(all.starts_with("$500\r\ndddd"));
  CHECK(all.ends_with("e\r\n$5\r\nfffff\r\n"));
}

TEST_CASE_FIXTURE(fixture, "what was asked before is waited for, and then asked again too, as much as there is room for") {
  subject.set_room({2000, 0, true});
  for (auto* line : {"GET a", "GET b", "GET c", "GET d"})
    say(line);
  answer_large(0, 1800);
  answer_large(1, 900);
  answer_large(2, 900);
  out();
  subject.resume();
  CHECK(submitted(4) == "nothing"); // The reply to d is still to come.
  answer_large(3, 900);
  subject.resume();
  CHECK(submitted(4) == "read GET b");
  CHECK(submitted(5) == "read GET c");
  CHECK(submitted(6) == "nothing");
  answer_large(4, 900);
  answer_large(5, 900);
  out();
  subject.resume();
  CHECK(submitted(6) == "read GET d");
}

TEST_CASE_FIXTURE(fixture,
                  "a single reply larger than the room goes to a client that has read everything, unless room is scarce") {
  subject.set_room({1000, 0, false});
  say("GET a");
  answer_large(0, 5000);
  CHECK(out().empty());
  CHECK(subject.waits_for_room_for_one());
  subject.resume();
  CHECK(submitted(1) == "nothing"); // It would find no room again.
  subject.set_room({1000, 0, true});
  subject.resume();
  answer_large(1, 5000);
  CHECK(out().size() > 5000);
}

TEST_CASE_FIXTURE(fixture, "what waits at the socket counts, and a read is asked again when its reply finds room, not before") {
  subject.set_room({1000, 0, true});
  say("GET a");
  say("GET b");
  answer_large(0, 900);
  out(); // To the socket.
  subject.set_room({1000, 930, false});
  answer_large(1, 900);
  for (size_t unsent : {930, 500, 101}) {
    subject.set_room({1000, unsent, false});
    subject.resume();
    CHECK(subject.out_of_room());
    CHECK(submitted(2) == "nothing");
  }
  subject.set_room({1000, 50, false});
  subject.resume();
  CHECK(submitted(2) == "read GET b");
}

TEST_CASE_FIXTURE(fixture, "a small reply always finds room: that it was left out would take more") {
  subject.set_room({1000, 5000, false});
  CHECK(subject.out_of_room());
  subject.set_room({1000, 0, false});
  say("SET a 1");
  subject.set_room({1000, 5000, false});
  answer(0, "OK");
  CHECK(out() == "+OK\r\n");
}

TEST_CASE_FIXTURE(fixture, "who quits behind reads whose replies found no room gets them nevertheless") {
  subject.set_room({1000, 0, true});
  say("GET a");
  say("GET b");
  say("QUIT");
  answer_large(0, 900);
  answer_large(1, 900);
  CHECK(out().size() > 900);
  CHECK_FALSE(subject.finished());
  subject.resume();
  answer_large(2, 900);
  CHECK(out().ends_with("+OK\r\n"));
  CHECK(subject.finished());
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

TEST_CASE_FIXTURE(fixture, "a read that was asked again may fail, and nothing is asked twice at a time") {
  subject.set_room({1000, 0, true});
  say("GET a");
  say("GET b");
  answer_large(0, 900);
  answer_large(1, 900);
  subject.deliver_error(services_.all[1].whose.number, "TIMEOUT of the query that it was in"); // It is not under way.
  out();
  subject.resume();
  subject.resume();
  CHECK(services_.all.size() == 3);
  subject.deliver_error(services_.all[2].whose.number, "TIMEOUT nothing was read");
  CHECK(out() == "-TIMEOUT nothing was read\r\n");
  CHECK(subject.pending() == 0);
}

TEST_CASE_FIXTURE(fixture, "a write waits for reads that are to be asked again") {
  subject.set_room({1000, 0, true});
  say("GET a");
  say("GET b");
  answer_large(0, 900);
  answer_large(1, 900);
  say("SET b 1");
  subject.resume();
  CHECK(submitted(2) == "read GET b");
  CHECK(submitted(3) == "nothing");
  answer_large(2, 10);
  subject.resume();
  CHECK(submitted(3) == "decide SET b 1");
}

TEST_CASE_FIXTURE(fixture, "of a command that was decided only that is told when there is no room for its reply") {
  subject.set_room({1000, 0, true});
  say("GETSET a 1");
  say("GETSET b 1");
  say("PING");
  answer_large(0, 900);
  answer_large(1, 900);
  auto all = out();
  CHECK(all.find("-ERR the command was performed, its reply was not kept") != std::string::npos);
  CHECK(all.ends_with("+PONG\r\n"));
}

TEST_CASE_FIXTURE(fixture, "few reads go behind a write while nobody knows how large their replies are") {
  say("SET a 1");
  for (int i = 0; i < 20; ++i)
    say("GET big");
  CHECK(services_.all.size() == connection::few_pending);
  answer(0, "OK");
  for (size_t i = 1; i < services_.all.size(); ++i)
    answer_large(i, 10), subject.resume();
  CHECK(services_.all.size() == 21);
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
