#include "synod/actors/gateway/resp.hpp"

#include "synod/messages/message.hpp"

#include <doctest/doctest.h>

#include <random>

using namespace synod;
using namespace std::string_literals;
using resp::parser;

namespace {

using command = std::vector<std::string>;

/// All commands of a stream that is fed in pieces; an error ends it, as its text.
std::vector<command> parse(const std::string& bytes, size_t piece = SIZE_MAX, size_t limit = 1000) {
  parser subject{{limit}};
  std::vector<command> found;
  for (size_t i = 0; i < bytes.size();) {
    auto size = std::min(piece, bytes.size() - i);
    subject.feed(std::string_view{bytes}.substr(i, size));
    i += size;
    for (auto next = subject.next(); next != parser::outcome::incomplete; next = subject.next()) {
      if (next == parser::outcome::command)
        found.emplace_back(subject.arguments().begin(), subject.arguments().end());
      else
        found.push_back({"error", subject.error()});
      if (next == parser::outcome::broken)
        return found;
    }
  }
  return found;
}

std::string array(const command& args) {
  std::string bytes = "*" + std::to_string(args.size()) + "\r\n";
  for (auto& each : args)
    bytes += "$" + std::to_string(each.size()) + "\r\n" + each + "\r\n";
  return bytes;
}

std::string error_of(const std::string& bytes) {
  auto found = parse(bytes);
  return found.size() == 1 && found[0][0] == "error" ? found[0][1] : "no error";
}

} // namespace

TEST_CASE("commands come out whole, however the bytes come in") {
  const std::vector<command> sent{{"SET", "k", "v"}, {"GET", std::string("bin\0\r\nary", 9)}, {"PING"}, {"SET", "", ""}};
  std::string bytes;
  for (auto& each : sent)
    bytes += array(each);
  for (size_t piece = 1; piece <= bytes.size(); ++piece)
    CHECK(parse(bytes, piece) == sent);
}

TEST_CASE("inline commands are split at blanks, with quotes as in redis-cli") {
  CHECK(parse("PING\r\n") == std::vector<command>{{"PING"}});
  CHECK(parse("  SET  k \"a b\\x41\\n\"\n") == std::vector<command>{{"SET", "k", "a bA\n"}});
  CHECK(parse("ECHO 'it\\'s'\r\n") == std::vector<command>{{"ECHO", "it's"}});
  CHECK(parse("\r\n\r\nPING\r\n") == std::vector<command>{{"PING"}});
  CHECK(error_of("SET k \"open\r\n") == "Protocol error: unbalanced quotes in request");
  CHECK(error_of("SET \"a\"b\r\n") == "Protocol error: unbalanced quotes in request");
  CHECK(error_of("SET 'a\0'\r\n"s) == "Protocol error: unbalanced quotes in request");
  CHECK(parse("SET k he\"llo\"\r\n") == std::vector<command>{{"SET", "k", "hello"}});
  CHECK(parse("SET k a\"b c\"\r\n") == std::vector<command>{{"SET", "k", "ab c"}});
  CHECK(parse("SET k '' a\vb\r\n") == std::vector<command>{{"SET", "k", "", "a\vb"}});
  CHECK(parse("\vECHO \"\\q\\x4\\\"\"\r\n") == std::vector<command>{{"ECHO", "qx4\""}});
}

TEST_CASE("what is not the protocol is refused with Redis's words") {
  CHECK(error_of("*x\r\n") == "Protocol error: invalid multibulk length");
  CHECK(error_of("*2147483648\r\n") == "Protocol error: invalid multibulk length");
  CHECK(error_of("*01\r\n") == "Protocol error: invalid multibulk length");
  CHECK(error_of("*\r\n") == "Protocol error: invalid multibulk length");
  CHECK(error_of("*1\r\n$04\r\n") == "Protocol error: invalid bulk length");
  CHECK(parse("*1\r\nx").empty()); // The line is not whole yet.
  CHECK(error_of("*99999999999999999999\r\n") == "Protocol error: invalid multibulk length");
  CHECK(error_of("*1\r\n$-1\r\n") == "Protocol error: invalid bulk length");
  CHECK(error_of("*1\r\n$536870913\r\n") == "Protocol error: invalid bulk length");
  CHECK(error_of("*1\r\n$abc\r\n") == "Protocol error: invalid bulk length");
  CHECK(error_of("*1\r\n:5\r\n") == "Protocol error: expected '$', got ':'");
  CHECK(error_of(std::string(70000, 'x')) == "Protocol error: too big inline request");
  CHECK(error_of("*" + std::string(70000, '1')) == "Protocol error: too big mbulk count string");
  CHECK(error_of("*1\r\n$" + std::string(70000, '1')) == "Protocol error: too big bulk count string");
}

TEST_CASE("empty and negative arrays are passed over") {
  CHECK(parse("*0\r\n*-1\r\n*-10\r\nPING\r\n") == std::vector<command>{{"PING"}});
}

TEST_CASE("a command above the limit is skipped, and what follows is read") {
  auto bytes = array({"SET", "k", std::string(5000, 'x')}) + array({"PING"});
  for (size_t piece : {size_t{1}, size_t{100}, bytes.size()}) {
    auto found = parse(bytes, piece);
    REQUIRE(found.size() == 2);
    CHECK(found[0][1].find("larger than the limit of 1000 bytes") != std::string::npos);
    CHECK(found[1] == command{"PING"});
  }
}

TEST_CASE("a command of very many arguments is too large, not wrong") {
  auto bytes = "*1048577\r\n" + std::string{"$1\r\nx\r\n"};
  for (int i = 0; i < 1048576; ++i)
    bytes += "$1\r\nx\r\n";
  auto found = parse(bytes + array({"PING"}));
  REQUIRE(found.size() == 2);
  CHECK(found[0][1].find("larger than the limit") != std::string::npos);
  CHECK(found[1] == command{"PING"});
}

TEST_CASE("a parser holds no more than one command") {
  parser subject{{1000}};
  subject.feed("*2\r\n$400000000\r\n");
  for (int i = 0; i < 1000; ++i) {
    subject.feed(std::string(10000, 'x'));
    CHECK(subject.next() == parser::outcome::incomplete);
    REQUIRE(subject.buffered_bytes() < 20000);
  }
}

TEST_CASE("random bytes never do more than break a connection") {
  std::mt19937 random{1};
  const std::string alphabet = "*$:+-0123456789\r\n\"'\\x ab";
  for (int run = 0; run < 20000; ++run) {
    std::string bytes;
    for (auto size = random() % 60; bytes.size() < size;)
      bytes += alphabet[random() % alphabet.size()];
    auto whole = parse(bytes);
    REQUIRE(parse(bytes, 1 + random() % 5) == whole);
  }
}

TEST_CASE("replies are written in the version of the connection") {
  auto written = [](int version, auto write) {
    std::string bytes;
    resp::writer out{bytes, version};
    write(out);
    return bytes;
  };
  CHECK(written(2, [](auto& out) { out.nil(); }) == "$-1\r\n");
  CHECK(written(3, [](auto& out) { out.nil(); }) == "_\r\n");
  CHECK(written(2, [](auto& out) { out.no_array(); }) == "*-1\r\n");
  CHECK(written(3, [](auto& out) { out.map(2); }) == "%2\r\n");
  CHECK(written(2, [](auto& out) { out.map(2); }) == "*4\r\n");
  CHECK(written(2, [](auto& out) { out.error("ERR a\r\n+b"); }) == "-ERR a  +b\r\n");
  builder<schema::Reply> reply;
  auto list = reply->initArray(3);
  list[0].setInteger(-5);
  list[1].setBulk(as_data("x"));
  auto built = reply.finish();
  CHECK(written(2, [&](auto& out) { out.reply(*built); }) == "*3\r\n:-5\r\n$1\r\nx\r\n$-1\r\n");
}

TEST_CASE("a writer stops where its limit is passed") {
  std::string bytes = "1234";
  resp::writer out{bytes, 2, 20};
  out.bulk("abcde"); // 11 bytes
  CHECK_FALSE(out.full());
  out.in_version(3).status("123456");
  CHECK(out.full());
  CHECK(bytes.size() == 21);
  out.error("more");
  CHECK(bytes == "1234$5\r\nabcde\r\n+12345");
}

TEST_CASE("a parser that is done with a large command keeps little") {
  std::string many = "*60000\r\n";
  for (int i = 0; i < 60000; ++i)
    many += "$0\r\n\r\n";
  for (auto& large : {"*1\r\n$900000\r\n" + std::string(900'000, 'x') + "\r\n", many})
    for (auto* next : {"", "PING\r\nPI"}) {
      resp::parser subject{{1u << 20}};
      subject.feed(large);
      REQUIRE(subject.next() == resp::parser::outcome::command);
      CHECK(subject.held_bytes() > 800'000);
      subject.feed(next);
      auto follows = *next != '\0';
      CHECK(subject.next() == (follows ? resp::parser::outcome::command : resp::parser::outcome::incomplete));
      CHECK(subject.held_bytes() < 100'000);
    }
}
