#include "connection_fixture.hpp"

#include "synod/actors/gateway/subcommands.hpp"

#include <doctest/doctest.h>

using namespace synod;
using fixture = test::connection_fixture;

namespace {

/// Another client of the same gateway.
struct fixture_of_two : fixture {
  fixture_of_two() { services_.connections = {&other, &subject}; }
  std::string say_other(const std::string& line) {
    other.receive(line + "\r\n", client_state::time_point{} + std::chrono::seconds{60});
    return std::exchange(other.output(), {});
  }
  connection other{4, {"127.0.0.1:3", "127.0.0.1:2"}, {1000}, client_state::time_point{} + std::chrono::seconds{30}, services_};
};

size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
    ++found;
  return found;
}

} // namespace

// -- CLIENT ---------------------------------------------------------------------

TEST_CASE_FIXTURE(fixture, "what CLIENT tells and changes of its own connection") {
  CHECK(say("CLIENT ID") == ":9\r\n");
  CHECK(say("CLIENT SETINFO lib-name x") == "+OK\r\n");
  CHECK(say("CLIENT NO-EVICT on") == "+OK\r\n");
  CHECK(say("CLIENT NO-EVICT maybe") == "-ERR syntax error\r\n");
  CHECK(say("CLIENT NOPE") == "-ERR unknown subcommand 'NOPE'. Try CLIENT HELP.\r\n");
  CHECK(say("client id 1") == "-ERR wrong number of arguments for 'client|id' command\r\n");
  CHECK(say("CLIENT TRACKINGINFO").starts_with("*6\r\n$5\r\nflags\r\n*1\r\n$3\r\noff\r\n"));
  CHECK(say("CLIENT TRACKING off") == "+OK\r\n");
  CHECK(say("CLIENT TRACKING on").starts_with("-ERR"));
  CHECK(say("CLIENT PAUSE 100").starts_with("-ERR clients are not paused"));
  CHECK(say("CLIENT UNPAUSE") == "+OK\r\n");
  CHECK(say("CLIENT UNBLOCK 5") == ":0\r\n");
}

TEST_CASE_FIXTURE(fixture_of_two, "CLIENT LIST tells of all clients, or of those that are meant") {
  say("CLIENT SETNAME me");
  say_other("MULTI");
  auto all = say("CLIENT LIST");
  CHECK(all.find("id=4 addr=127.0.0.1:3 laddr=127.0.0.1:2 ") < all.find("id=9 "));
  CHECK(all.find(" age=40 idle=10 flags=x ") != std::string::npos);
  CHECK(all.find(" name=me ") != std::string::npos);
  CHECK(all.find(" cmd=client|list ") != std::string::npos);
  CHECK(count(say("CLIENT LIST TYPE normal"), "id=") == 2);
  CHECK(say("CLIENT LIST TYPE pubsub") == "$0\r\n\r\n");
  auto one = say("CLIENT LIST ID 9 77");
  CHECK(count(one, "id=9 ") == 1);
  CHECK(count(one, "addr=") == 2); // and laddr
  auto two = say("CLIENT LIST ID 9 4 9 9 4");
  CHECK(count(two, "age=") == 2);
  CHECK(two.find("id=9 ") < two.find("id=4 "));
  CHECK(say("CLIENT LIST TYPE x") == "-ERR Unknown client type 'x'\r\n");
  CHECK(say("CLIENT LIST ID x") == "-ERR Invalid client ID\r\n");
  CHECK(say("CLIENT LIST x") == "-ERR syntax error\r\n");
  CHECK(count(say("CLIENT INFO"), "id=9 ") == 1);
}

TEST_CASE_FIXTURE(fixture_of_two, "CLIENT KILL ends those that fit all its filters, itself only if asked") {
  CHECK(say("CLIENT KILL 127.0.0.1:9") == "-ERR No such client\r\n");
  CHECK(say("CLIENT KILL 127.0.0.1:3") == "+OK\r\n");
  CHECK(services_.ended == std::vector<uint64_t>{4});
  CHECK(say("CLIENT KILL ID 4 ADDR 127.0.0.1:1") == ":0\r\n");
  CHECK(say("CLIENT KILL ID 4 LADDR 127.0.0.1:2 TYPE normal USER default") == ":1\r\n");
  CHECK(say("CLIENT KILL TYPE pubsub") == ":0\r\n");
  CHECK(say("CLIENT KILL USER bob") == "-ERR No such user 'bob'\r\n");
  CHECK(say("CLIENT KILL ID 0") == "-ERR client-id should be greater than 0\r\n");
  CHECK(say("CLIENT KILL ID 4 SKIPME maybe") == "-ERR syntax error\r\n");
  CHECK(say("CLIENT KILL TYPE normal") == ":1\r\n");
  CHECK_FALSE(subject.finished());
  CHECK(say("CLIENT KILL TYPE normal SKIPME no") == ":2\r\n");
  CHECK(subject.finished());
}

TEST_CASE("what a client calls itself and its library is short") {
  test::test_services services;
  connection subject{9, {}, {10'000}, {}, services};
  for (auto* command : {"CLIENT SETNAME ", "CLIENT SETINFO lib-name ", "CLIENT SETINFO lib-ver ", "HELLO 2 SETNAME "}) {
    auto say = [&](size_t size) {
      subject.receive(command + std::string(size, 'x') + "\r\n", {});
      return std::exchange(subject.output(), {});
    };
    CHECK_FALSE(say(client_text_limit_bytes).starts_with("-"));
    CHECK(say(client_text_limit_bytes + 1).ends_with(" cannot be longer than 1024 bytes.\r\n"));
  }
}

TEST_CASE("a command tells of few names and of short patterns") {
  test::test_services services;
  connection subject{9, {}, {100'000}, {}, services};
  auto say = [&](const std::string& line) {
    subject.receive(line + "\r\n", {});
    return std::exchange(subject.output(), {});
  };
  std::string names;
  for (size_t i = 0; i < most_names; ++i)
    names += " nope";
  for (std::string command : {"COMMAND INFO", "COMMAND DOCS", "CONFIG GET", "CONFIG SET"}) {
    CHECK_FALSE(say(command + names).starts_with("-ERR there are"));
    CHECK(say(command + names + " nope nope").starts_with("-ERR there are 51"));
  }
  std::string pattern(most_pattern_bytes, '*');
  for (std::string command : {"CONFIG GET ", "COMMAND LIST FILTERBY PATTERN "}) {
    CHECK(say(command + pattern).starts_with("*"));
    CHECK(say(command + pattern + "*") == "-ERR a pattern here has no more than 1024 bytes\r\n");
  }
}

// -- CONFIG ---------------------------------------------------------------------

TEST_CASE_FIXTURE(fixture, "CONFIG SET changes what may change, all that it names or nothing") {
  CHECK(say("CONFIG GET max*") == "*2\r\n$10\r\nmaxclients\r\n$2\r\n10\r\n");
  CHECK(say("CONFIG SET MAXCLIENTS 5 timeout 60") == "+OK\r\n");
  CHECK(say("CONFIG GET maxclients") == "*2\r\n$10\r\nmaxclients\r\n$1\r\n5\r\n");
  const std::string failed = "-ERR CONFIG SET failed (possibly related to argument ";
  CHECK(say("CONFIG SET timeout 7 save x") == failed + "'save') - can't set immutable config\r\n");
  CHECK(say("CONFIG SET timeout 7 maxclients 21") == failed + "'maxclients') - argument must be between 1 and 20 inclusive\r\n");
  CHECK(say("CONFIG SET timeout x") == failed + "'timeout') - argument couldn't be parsed into an integer\r\n");
  CHECK(say("CONFIG SET timeout 1 timeout 2") == failed + "'timeout') - duplicate parameter\r\n");
  CHECK(say("CONFIG SET timeout 7 nope 1") == "-ERR Unknown option or number of arguments for CONFIG SET - 'nope'\r\n");
  CHECK(say("CONFIG SET timeout 7 maxclients").starts_with("-ERR"));
  CHECK(say("CONFIG GET timeout") == "*2\r\n$7\r\ntimeout\r\n$2\r\n60\r\n");
  CHECK(say("CONFIG RESETSTAT") == "+OK\r\n");
  CHECK(services_.resets == 1);
  CHECK(say("CONFIG REWRITE").starts_with("-ERR"));
}

// -- COMMAND --------------------------------------------------------------------

TEST_CASE_FIXTURE(fixture, "COMMAND tells which commands there are") {
  CHECK(say("COMMAND COUNT").starts_with(":"));
  CHECK(
    say("COMMAND INFO get nope").starts_with("*2\r\n*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n"));
  CHECK(say("COMMAND INFO nope") == "*1\r\n$-1\r\n");
  CHECK(say("COMMAND INFO client|id").find("client|id") != std::string::npos);
  CHECK(say("COMMAND LIST FILTERBY PATTERN pexpire*") == "*3\r\n$7\r\npexpire\r\n$9\r\npexpireat\r\n$11\r\npexpiretime\r\n");
  CHECK(say("COMMAND LIST FILTERBY MODULE x") == "*0\r\n");
  CHECK(say("COMMAND LIST FILTERBY ACLCAT transaction").find("$4\r\nexec\r\n") != std::string::npos);
  CHECK(say("COMMAND LIST FILTERBY x y") == "-ERR syntax error\r\n");
}

TEST_CASE_FIXTURE(fixture, "COMMAND GETKEYS finds the keys") {
  CHECK(say("COMMAND GETKEYS MSET a 1 b 2") == "*2\r\n$1\r\na\r\n$1\r\nb\r\n");
  CHECK(say("COMMAND GETKEYS GET a b") == "-ERR Invalid number of arguments specified for command\r\n");
  CHECK(say("COMMAND GETKEYS PING x") == "-ERR The command has no key arguments\r\n");
  CHECK(say("COMMAND GETKEYS NOPE x") == "-ERR Invalid command specified\r\n");
  CHECK(say("COMMAND GETKEYSANDFLAGS SET a 1") == "*1\r\n*2\r\n$1\r\na\r\n*2\r\n+OW\r\n+update\r\n");
  CHECK(say("COMMAND GETKEYSANDFLAGS SET a 1 GET") == "*1\r\n*2\r\n$1\r\na\r\n*3\r\n+RW\r\n+access\r\n+update\r\n");
  CHECK(say("COMMAND GETKEYSANDFLAGS RENAME a b")
        == "*2\r\n*2\r\n$1\r\na\r\n*3\r\n+RW\r\n+access\r\n+delete\r\n*2\r\n$1\r\nb\r\n*2\r\n+OW\r\n+update\r\n");
}

TEST_CASE_FIXTURE(fixture, "COMMAND DOCS has the arguments, and those of subcommands") {
  auto get = say("COMMAND DOCS get");
  CHECK(get.starts_with("*2\r\n$3\r\nget\r\n*8\r\n$7\r\nsummary\r\n"));
  CHECK(get.ends_with("$9\r\narguments\r\n*1\r\n*4\r\n$4\r\nname\r\n$3\r\nkey\r\n$4\r\ntype\r\n$3\r\nkey\r\n"));
  CHECK(say("COMMAND DOCS client").find("client|kill") != std::string::npos);
  CHECK(say("COMMAND DOCS nope") == "*0\r\n");
}

TEST_CASE_FIXTURE(fixture, "HELP tells all subcommands with their arguments") {
  for (auto* name : {"CLIENT", "CONFIG", "COMMAND"}) {
    auto help = say(std::string{name} + " HELP");
    CHECK(help.find(std::string{"+"} + name + " <subcommand> ") != std::string::npos);
    CHECK(help.find("+HELP\r\n") != std::string::npos);
  }
  CHECK(say("CONFIG HELP").find("+SET {parameter value}...\r\n") != std::string::npos);
}
