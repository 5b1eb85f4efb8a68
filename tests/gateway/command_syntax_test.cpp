#include "synod/actors/gateway/command_syntax.hpp"

#include <doctest/doctest.h>

using namespace synod;

namespace {

/// name:type, with its token before and what it may do behind; parts in parentheses.
std::string text(const std::vector<syntax_element>& elements) {
  std::string all;
  for (auto& each : elements) {
    all += all.empty() ? "" : " ";
    all += each.token.empty() ? "" : each.token + "=";
    all += each.type == "oneof" || each.type == "block" ? each.type : each.name + ":" + each.type;
    all += each.parts.empty() ? "" : "(" + text(each.parts) + ")";
    all += std::string{each.optional ? "?" : ""} + (each.multiple ? "*" : "");
  }
  return all;
}

std::string parsed(const char* syntax) {
  return text(parse_syntax(syntax));
}

} // namespace

TEST_CASE("words are arguments whose names tell their types") {
  CHECK(parsed("").empty());
  CHECK(parsed("key value") == "key:key value:string");
  CHECK(parsed("cursor pattern unix-time-seconds") == "cursor:integer pattern:pattern unix-time-seconds:unix-time");
  CHECK(parsed("increment:double ip:port") == "increment:double ip:port:string");
}

TEST_CASE("words in capitals are tokens, alone or before an argument") {
  CHECK(parsed("[GET]") == "GET=get:pure-token?");
  CHECK(parsed("[COUNT count]") == "COUNT=count:integer?");
  CHECK(parsed("[NX|XX]") == "oneof(NX=nx:pure-token XX=xx:pure-token)?");
  CHECK(parsed("[TYPE {A|B}]") == "TYPE=oneof(A=a:pure-token B=b:pure-token)?");
  CHECK(parsed("[EX seconds|PERSIST]") == "oneof(EX=seconds:integer PERSIST=persist:pure-token)?");
}

TEST_CASE("three dots follow what may come several times") {
  CHECK(parsed("key...") == "key:key*");
  CHECK(parsed("{key value}...") == "block(key:key value:string)*");
  CHECK(parsed("[ID client-id...]") == "ID=client-id:integer?*");
  CHECK(parsed("command [arg]...") == "command:string arg:string?*");
}

TEST_CASE("what is not closed ends with the text") {
  CHECK(parsed("key [NX|") == "key:key oneof(NX=nx:pure-token block)?");
  CHECK(parsed("key ]") == "key:key");
}
