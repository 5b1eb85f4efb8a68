#include "linearizability.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <iterator>
#include <sstream>

using namespace synod::simulation;

namespace {

using std::chrono::milliseconds;
using words = std::vector<std::string>;

words split(const std::string& text) {
  std::istringstream in{text};
  return {std::istream_iterator<std::string>{in}, {}};
}

/// A history from lines of (call, return, command, reply); a return of 0: its outcome is unknown.
struct line {
  int called, returned;
  std::string command, reply;
  uint64_t place = 0;
  int64_t earliest_log_time = 0, latest_log_time = INT64_MAX;
  uint64_t stream = 0; // all of one client
};

history history_of(const std::vector<line>& lines) {
  history all;
  for (auto& x : lines) {
    operation each{static_cast<uint32_t>(all.size()), operation::kind::command, {split(x.command)}};
    each.called = milliseconds{x.called};
    if (x.returned != 0) {
      each.returned = milliseconds{x.returned};
      each.reply = x.reply;
    }
    each.place = x.place;
    each.stream = x.stream;
    if (x.stream != 0)
      each.client = 0;
    each.earliest_log_time = x.earliest_log_time;
    each.latest_log_time = x.latest_log_time;
    all.push_back(std::move(each));
  }
  return all;
}

bool linearizable(const std::vector<line>& lines) {
  auto found = check_linearizable(history_of(lines));
  CHECK(found.what != verdict::kind::undecided);
  return found.what == verdict::kind::linearizable;
}

} // namespace

TEST_CASE("one after the other: a reply has to be what the commands before it lead to") {
  CHECK(linearizable({{1, 2, "SET r v", "OK"}, {3, 4, "GET r", "\"v\""}, {5, 6, "DEL r x", "1"}, {7, 8, "GET r", "nil"}}));
  CHECK_FALSE(linearizable({{1, 2, "SET r v", "OK"}, {3, 4, "GET r", "nil"}}));
  CHECK(linearizable(
    {{1, 2, "INCRBY c 5", "5"}, {3, 4, "INCRBY c 7", "12"}, {5, 6, "APPEND c x", "3"}, {7, 8, "GETSET c a", "\"12x\""}}));
  CHECK_FALSE(linearizable({{1, 2, "INCRBY c 5", "5"}, {3, 4, "INCRBY c 7", "7"}}));
}

TEST_CASE("at the same time: any order will do that explains all replies") {
  CHECK(linearizable({{1, 10, "SET r v", "OK"}, {2, 3, "GET r", "nil"}, {4, 5, "GET r", "\"v\""}}));
  CHECK_FALSE(linearizable({{1, 10, "SET r v", "OK"}, {2, 3, "GET r", "\"v\""}, {4, 5, "GET r", "nil"}}));
  // Each of two reads sees another order of two writes.
  CHECK_FALSE(linearizable({{1, 10, "SET r a", "OK"},
                            {1, 10, "SET r b", "OK"},
                            {2, 3, "GET r", "\"a\""},
                            {4, 5, "GET r", "\"b\""},
                            {6, 7, "GET r", "\"a\""}}));
  CHECK(linearizable({{1, 10, "INCRBY c 1", "3"}, {2, 9, "INCRBY c 2", "2"}}));
}

TEST_CASE("through one connection: in the order of asking, also where the replies were not waited for") {
  auto sent_together = [](const char* first, const char* first_reply, const char* second, const char* second_reply) {
    line a{1, 10, first, first_reply}, b{1, 10, second, second_reply};
    a.stream = b.stream = 7;
    return linearizable({a, b});
  };
  CHECK(sent_together("SET r v", "OK", "GET r", "\"v\""));
  CHECK_FALSE(sent_together("SET r v", "OK", "GET r", "nil"));
  CHECK(sent_together("GET r", "nil", "SET r v", "OK"));
  CHECK_FALSE(sent_together("GET r", "\"v\"", "SET r v", "OK"));
  line first{1, 10, "GET r", "\"v\""}, second{1, 10, "GET r", "nil"};
  CHECK(linearizable({{1, 10, "SET r v", "OK"}, first, second}));
  first.stream = second.stream = 7;
  CHECK_FALSE(linearizable({{1, 10, "SET r v", "OK"}, first, second}));
  line lost{1, 0, "SET r v", ""};
  lost.stream = 7;
  CHECK(linearizable({lost, second})); // It may take effect late.
}

TEST_CASE("an unknown outcome: it may take effect late, or never") {
  CHECK(linearizable({{1, 0, "SET r v", ""}, {2, 3, "GET r", "nil"}, {4, 5, "GET r", "\"v\""}}));
  CHECK(linearizable({{1, 0, "SET r v", ""}, {2, 3, "GET r", "nil"}, {400, 500, "GET r", "nil"}}));
  CHECK_FALSE(linearizable({{1, 0, "SET r v", ""}, {2, 3, "GET r", "\"v\""}, {4, 5, "GET r", "nil"}}));
  CHECK_FALSE(linearizable({{1, 2, "GET r", "\"v\""}, {3, 0, "SET r v", ""}}));
}

TEST_CASE("the order of deciding is a hint, no more") {
  std::vector<line> right{{1, 10, "SET r a", "OK", 2}, {1, 10, "SET r b", "OK", 1}, {11, 12, "GET r", "\"a\""}};
  CHECK(linearizable(right));
  std::swap(right[0].place, right[1].place);
  CHECK(linearizable(right));
  CHECK_FALSE(linearizable({{1, 2, "SET r a", "OK", 2}, {3, 4, "SET r b", "OK", 1}, {11, 12, "GET r", "\"a\""}}));
}

TEST_CASE("expiry: a value ends at a log time that the operation can have seen") {
  line set{1, 2, "SET r v PX 100", "OK", 1, 1000, 1000};
  CHECK(linearizable({set, {3, 4, "GET r", "\"v\"", 0, 1000, 1099}}));
  CHECK(linearizable({set, {3, 4, "GET r", "nil", 0, 1000, 1100}}));
  CHECK_FALSE(linearizable({set, {3, 4, "GET r", "nil", 0, 1000, 1099}}));
  CHECK_FALSE(linearizable({set, {3, 4, "GET r", "\"v\"", 0, 1100, 1200}}));
  // Log time does not go back: gone is gone.
  CHECK_FALSE(linearizable({set, {3, 4, "GET r", "nil", 0, 1000, 1200}, {5, 6, "GET r", "\"v\"", 0, 1000, 1200}}));
}

TEST_CASE("commands with options, and with more than one key") {
  auto one_after_the_other = [](const std::vector<std::pair<std::string, std::string>>& all) {
    std::vector<line> lines;
    int now = 0;
    for (auto& [command, reply] : all)
      lines.push_back({now += 2, now + 1, command, reply, lines.size() + 1, 1000, 1000});
    return linearizable(lines);
  };
  CHECK(one_after_the_other({{"SET r v NX", "OK"}, {"SET r w NX", "nil"}, {"SET r w XX GET", "\"v\""}, {"GET r", "\"w\""}}));
  CHECK(one_after_the_other({{"SET r v XX", "nil"}, {"SETNX r a", "1"}, {"SETNX r b", "0"}, {"GET r", "\"a\""}}));
  CHECK(one_after_the_other(
    {{"SET r v EX 2", "OK"}, {"SET r w KEEPTTL", "OK"}, {"PTTL r", "2000"}, {"SET r x", "OK"}, {"PTTL r", "-1"}}));
  CHECK(one_after_the_other({{"PSETEX r 5 v", "OK"},
                             {"GETEX r PX 7", "\"v\""},
                             {"PEXPIRETIME r", "1007"},
                             {"GETEX r PERSIST", "\"v\""},
                             {"PERSIST r", "0"}}));
  CHECK(
    one_after_the_other({{"SET r v", "OK"}, {"PEXPIRE r -1", "1"}, {"EXISTS r", "0"}, {"PEXPIRE r 1", "0"}, {"PTTL r", "-2"}}));
  CHECK(one_after_the_other(
    {{"SET r abc", "OK"}, {"SETRANGE r 0 xy", "3"}, {"APPEND r d", "4"}, {"GETRANGE r 1 2", "\"yc\""}, {"STRLEN r", "4"}}));
  CHECK(one_after_the_other(
    {{"MSET r a c 1", "OK"}, {"MSETNX l b c 2", "0"}, {"MGET c l r", "[\"1\" nil \"a\"]"}, {"EXISTS r c l", "2"}}));
  CHECK(one_after_the_other({{"DECRBY c 5", "-5"},
                             {"INCRBYFLOAT c 7", "\"2\""},
                             {"INCR c", "3"},
                             {"DECR c", "2"},
                             {"SET r v", "OK"},
                             {"INCRBYFLOAT r 1", "ERR value is not a valid float"}}));
  CHECK(one_after_the_other({{"SET r v PX 9", "OK"},
                             {"COPY r l", "1"},
                             {"PTTL l", "9"},
                             {"COPY r l", "0"},
                             {"RENAMENX r l", "0"},
                             {"RENAME r l", "OK"},
                             {"DEL r l", "1"},
                             {"RENAME r l", "ERR no such key"}}));
  CHECK(one_after_the_other({{"SET r v", "OK"}, {"GETDEL r", "\"v\""}, {"GETDEL r", "nil"}}));
  CHECK_FALSE(one_after_the_other({{"SET r v PX 9", "OK"}, {"APPEND r w", "2"}, {"PTTL r", "-1"}}));
  CHECK_FALSE(one_after_the_other({{"SET r v NX", "OK"}, {"SET r w NX", "OK"}}));
}

TEST_CASE("a transaction is one step, and watched keys decide") {
  auto transaction = [](int called, int returned, std::vector<words> commands, std::optional<std::string> expects,
                        std::string reply) {
    operation x{9, operation::kind::transaction, std::move(commands)};
    x.called = milliseconds{called};
    x.returned = milliseconds{returned};
    x.expects = std::move(expects);
    x.reply = std::move(reply);
    return x;
  };
  auto check = [](std::vector<line> lines, operation x) {
    auto all = history_of(lines);
    all.push_back(std::move(x));
    std::stable_sort(all.begin(), all.end(), [](auto& a, auto& b) { return a.called < b.called; });
    return check_linearizable(all).what == verdict::kind::linearizable;
  };
  std::vector<words> both{{"SET", "r", "b"}, {"INCRBY", "c", "1"}};
  CHECK(check({{1, 2, "SET r a", "OK"}}, transaction(3, 4, both, "\"a\"", "[OK 1]")));
  CHECK_FALSE(check({{1, 2, "SET r a", "OK"}}, transaction(3, 4, both, "\"z\"", "[OK 1]")));
  CHECK(check({{1, 2, "SET r a", "OK"}, {5, 6, "GET c", "nil"}}, transaction(3, 4, both, "\"z\"", "none")));
  // Half of it cannot be seen.
  CHECK_FALSE(check({{1, 10, "GET c", "\"1\""}, {11, 12, "GET r", "nil"}}, transaction(2, 20, both, std::nullopt, "[OK 1]")));
}

TEST_CASE("what cannot be explained is explained") {
  auto found = check_linearizable(history_of({{1, 2, "SET r v", "OK"}, {3, 4, "GET r", "nil"}}));
  REQUIRE(found.what == verdict::kind::broken);
  CHECK(found.explanation.find("client 0 at 1.000 ms: SET r v -> OK at 2.000 ms") != std::string::npos);
  CHECK(found.explanation.find("client 1 at 3.000 ms: GET r -> nil at 4.000 ms") != std::string::npos);
}

TEST_CASE("a search that would take too long is given up") {
  std::vector<line> lines;
  for (int i = 0; i < 40; ++i)
    lines.push_back({1, 100, "APPEND l " + std::to_string(i) + ";", "9999"});
  CHECK(check_linearizable(history_of(lines), 1000).what != verdict::kind::linearizable);
  for (auto& x : lines)
    x = {1, 100, "SET r " + x.command.substr(9), "OK"};
  lines.push_back({101, 102, "GET r", "\"other\""});
  CHECK(check_linearizable(history_of(lines), 1000).what == verdict::kind::undecided);
}
