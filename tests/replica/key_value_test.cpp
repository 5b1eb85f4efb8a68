#include "key_value_fixture.hpp"

#include "synod/actors/role/redis_text.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

using namespace synod;
using fixture = test::key_value_fixture;

TEST_CASE_FIXTURE(fixture, "SET and its options") {
  at(1000);
  auto& r = *this;
  CHECK(r("SET k v") == "+OK");
  CHECK(r("GET k") == "$v");
  CHECK(r("SET k w NX") == "nil");
  CHECK(r("SET q w XX") == "nil");
  CHECK(r("SET k w XX GET") == "$v");
  CHECK(r("SET new v NX GET") == "nil");
  CHECK(r("GET new") == "$v");
  CHECK(r("SET k v EX 10") == "+OK");
  CHECK(r("TTL k") == ":10");
  CHECK(r("SET k w KEEPTTL") == "+OK");
  CHECK(r("PTTL k") == ":10000");
  CHECK(r("SET k w") == "+OK");
  CHECK(r("TTL k") == ":-1");
  CHECK(r("SET k v PXAT 5000") == "+OK");
  CHECK(r("PEXPIRETIME k") == ":5000");
  CHECK(r("SET k v EX 0") == "-ERR invalid expire time in 'set' command");
  CHECK(r("SET k v EX -1") == "-ERR invalid expire time in 'set' command");
  CHECK(r("SET k v EX x") == "-ERR value is not an integer or out of range");
  CHECK(r("SET k v EX 9223372036854775807") == "-ERR invalid expire time in 'set' command");
  CHECK(r("SET k v EX") == "-ERR syntax error");
  CHECK(r("SET k v EX 10 PX 10") == "-ERR syntax error");
  CHECK(r("SET k v EX 10 KEEPTTL") == "-ERR syntax error");
  CHECK(r("SET k v NX XX") == "-ERR syntax error");
  CHECK(r("SET k v EX 100 ex 200") == "+OK"); // The last one counts.
  CHECK(r("TTL k") == ":200");
  CHECK(r("SET k v EX x NOPE") == "-ERR syntax error"); // What is no option is told before what is no number.
  CHECK(r("SET k v EX x EX 5") == "+OK");
  CHECK(r("SET k v NOPE") == "-ERR syntax error");
  CHECK(r("SETEX k 10 v") == "+OK");
  CHECK(r("PSETEX k 0 v") == "-ERR invalid expire time in 'psetex' command");
  CHECK(r("SETNX k v") == ":0");
  CHECK(r("GETSET k new") == "$v");
  CHECK(r("TTL k") == ":-1");
  CHECK(r("GETDEL k") == "$new");
  CHECK(r("GETDEL k") == "nil");
}

TEST_CASE_FIXTURE(fixture, "GETEX changes the expiry") {
  at(1000);
  auto& r = *this;
  r("SET k v");
  CHECK(r("GETEX k EX 5") == "$v");
  CHECK(r("PTTL k") == ":5000");
  CHECK(r("GETEX k PERSIST") == "$v");
  CHECK(r("PTTL k") == ":-1");
  CHECK(r("GETEX k") == "$v");
  CHECK(r("GETEX k EX") == "-ERR syntax error");
  CHECK(r("GETEX none EX 5") == "nil");
  CHECK(r("GETEX none EX 0") == "nil");
  CHECK(r("GETEX k EX 0") == "-ERR invalid expire time in 'getex' command");
  CHECK(r("GETEX k EX 5 EX 6") == "$v");
  CHECK(r("PTTL k") == ":6000");
  CHECK(r("GETEX k PERSIST EX 5") == "-ERR syntax error");
  CHECK(r("GETEX k PXAT 1") == "$v");
  CHECK(r("GET k") == "nil");
}

TEST_CASE_FIXTURE(fixture, "several keys at once") {
  auto& r = *this;
  CHECK(r("MSET a 1 b 2") == "+OK");
  CHECK(r("MSET a 1 b") == "-ERR wrong number of arguments for 'mset' command");
  CHECK(r("MGET a none b") == "*$1 nil $2 ");
  CHECK(r("MSETNX c 3 a 9") == ":0");
  CHECK(r("EXISTS c a a") == ":2");
  CHECK(r("MSETNX c 3 d 4") == ":1");
  CHECK(r("DEL a b none") == ":2");
  CHECK(r("UNLINK c d") == ":2");
}

TEST_CASE_FIXTURE(fixture, "numbers") {
  auto& r = *this;
  CHECK(r("INCR n") == ":1");
  CHECK(r("INCRBY n 41") == ":42");
  CHECK(r("DECRBY n 2") == ":40");
  CHECK(r("DECR n") == ":39");
  CHECK(r("SET n 9223372036854775807") == "+OK");
  CHECK(r("INCR n") == "-ERR increment or decrement would overflow");
  CHECK(r("DECRBY n -9223372036854775808") == "-ERR decrement would overflow");
  for (auto* wrong : {"' 1'", "'1 '", "01", "+1", "-0", "1.0", "abc", "''"}) {
    r(std::string{"SET n "} + wrong);
    CHECK(r("INCR n") == "-ERR value is not an integer or out of range");
  }
  CHECK(r("SET f 10.50") == "+OK");
  CHECK(r("INCRBYFLOAT f 0.1") == "$10.6");
  CHECK(r("INCRBYFLOAT f -5") == "$5.6");
  CHECK(r("SET f 5.0e3") == "+OK");
  CHECK(r("INCRBYFLOAT f 2.0e2") == "$5200");
  CHECK(r("INCRBYFLOAT f abc") == "-ERR value is not a valid float");
  for (auto* infinite : {"inf", "+inf", "-inf", "infinity"})
    CHECK(r(std::string{"INCRBYFLOAT f "} + infinite) == "-ERR increment would produce NaN or Infinity");
  for (auto* wrong : {"nan", "1e5000", "1e-5000", "' 1'", "'1 '", "''", "1e"})
    CHECK(r(std::string{"INCRBYFLOAT f "} + wrong) == "-ERR value is not a valid float");
  CHECK(r("SET f 1e256") == "+OK");
  CHECK(r("INCRBYFLOAT f 1").size() == 258); // Its own results are numbers for it, however long.
  CHECK(r("INCRBYFLOAT f 1").size() == 258);
}

TEST_CASE_FIXTURE(fixture, "parts of values") {
  auto& r = *this;
  CHECK(r("APPEND k Hello") == ":5");
  CHECK(r("APPEND k ' World'") == ":11");
  CHECK(r("STRLEN k") == ":11");
  CHECK(r("GETRANGE k 0 4") == "$Hello");
  CHECK(r("GETRANGE k -5 -1") == "$World");
  CHECK(r("GETRANGE k 0 -1") == "$Hello World");
  CHECK(r("GETRANGE k 5 2") == "$");
  CHECK(r("GETRANGE k -1 -5") == "$");
  CHECK(r("GETRANGE k 100 200") == "$");
  CHECK(r("SUBSTR k -100 1") == "$He");
  CHECK(r("SETRANGE k 6 Redis") == ":11");
  CHECK(r("GET k") == "$Hello Redis");
  CHECK(r("SETRANGE new 2 x") == ":3");
  CHECK(run({"GET", "new"}) == std::string("$\0\0x", 4));
  CHECK(r("SETRANGE k -1 x") == "-ERR offset is out of range");
  CHECK(r("SETRANGE k 5000 x") == "-ERR string exceeds maximum allowed size (value-limit)");
  CHECK(run({"SET", "k", std::string(1001, 'x')}) == "-ERR string exceeds maximum allowed size (value-limit)");
  CHECK(r("SETRANGE none 0 ''") == ":0");
  CHECK(r("EXISTS none") == ":0");
}

TEST_CASE_FIXTURE(fixture, "expiry by log time") {
  at(10'000);
  auto& r = *this;
  r("SET k v");
  CHECK(r("EXPIRE k 5") == ":1");
  CHECK(r("EXPIRE none 5") == ":0");
  CHECK(r("TTL none") == ":-2");
  CHECK(r("PTTL k") == ":5000");
  CHECK(r("EXPIRE k 3 GT") == ":0");
  CHECK(r("EXPIRE k 3 LT") == ":1");
  CHECK(r("EXPIRE k 9 NX") == ":0");
  CHECK(r("EXPIRE k 9 XX") == ":1");
  CHECK(r("EXPIRE k 9 NX XX") == "-ERR NX and XX, GT or LT options at the same time are not compatible");
  CHECK(r("EXPIRE k 9 GT LT") == "-ERR GT and LT options at the same time are not compatible");
  CHECK(r("EXPIRE k 9 AB") == "-ERR Unsupported option AB");
  CHECK(r("EXPIRETIME k") == ":19");
  CHECK(r("PEXPIREAT k 12000") == ":1");
  CHECK(r("EXPIREAT k 15") == ":1");
  CHECK(r("PERSIST k") == ":1");
  CHECK(r("PERSIST k") == ":0");
  CHECK(r("EXPIRE k 5 GT") == ":0");
  CHECK(r("EXPIRE k 5 LT") == ":1");
  r("PERSIST k");
  CHECK(r("PEXPIREAT k 9223372036854775807 LT") == ":1"); // None is further away than any.
  CHECK(r("EXPIRETIME k") == ":9223372036854776");
  r("EXPIREAT k 15");
  CHECK(r("EXPIRE k 9223372036854775807") == "-ERR invalid expire time in 'expire' command");
  CHECK(subject.next_deadline() == 15'000);
  at(14'999);
  CHECK(r("GET k") == "$v");
  at(15'000);
  CHECK(r("GET k") == "nil");
  CHECK(r("DBSIZE") == ":0");
  r("SET k v");
  CHECK(r("EXPIRE k -1") == ":1");
  CHECK(r("EXISTS k") == ":0");
  r("SET k v");
  CHECK(r("EXPIREAT k 0") == ":1");
  CHECK(r("DBSIZE") == ":0");
  r("SET k v EX 5");
  r("FLUSHALL");
  CHECK_FALSE(subject.next_deadline());
}

TEST_CASE_FIXTURE(fixture, "what changes a value in place keeps its expiry, what sets it anew removes it") {
  at(1000);
  auto& r = *this;
  r("SET k 1 PX 500");
  for (auto* change : {"INCR k", "INCRBYFLOAT k 1", "APPEND k 1", "SETRANGE k 0 2"}) {
    CAPTURE(change);
    r(change);
    CHECK(r("PTTL k") == ":500");
  }
  r("GETSET k 1");
  CHECK(r("PTTL k") == ":-1");
}

TEST_CASE_FIXTURE(fixture, "a key expires at its last deadline, and not at one that it had before") {
  at(1000);
  auto& r = *this;
  r("SET k v PX 10");
  r("PEXPIRE k 100");
  at(1010);
  CHECK(r("GET k") == "$v");
  r("SET k v");
  at(1100);
  CHECK(r("GET k") == "$v");
  r("PEXPIRE k 100");
  r("DEL k");
  CHECK_FALSE(subject.next_deadline());
}

TEST_CASE_FIXTURE(fixture, "keys that are over are not told of, though nothing has removed them yet") {
  at(1000);
  auto& r = *this;
  r("SET k v PXAT 900");
  CHECK(r("KEYS *") == "*");
  CHECK(r("SCAN 0 COUNT 100000") == "*$0 * ");
  CHECK(r("RANDOMKEY") == "nil");
}

TEST_CASE_FIXTURE(fixture, "names") {
  at(1000);
  auto& r = *this;
  r("SET a 1 PX 500");
  CHECK(r("RENAME a b") == "+OK");
  CHECK(r("PTTL b") == ":500");
  CHECK(r("RENAME a b") == "-ERR no such key");
  CHECK(r("RENAME b b") == "+OK");
  r("SET c 3");
  CHECK(r("RENAMENX b c") == ":0");
  CHECK(r("RENAMENX b d") == ":1");
  CHECK(r("COPY d c") == ":0");
  CHECK(r("COPY d c REPLACE") == ":1");
  CHECK(r("COPY d e DB 0") == ":1");
  CHECK(r("COPY d e DB 1") == "-ERR DB index is out of range");
  CHECK(r("PTTL e") == ":500");
  CHECK(r("TYPE e") == "+string");
  CHECK(r("TYPE none") == "+none");
  CHECK(r("FLUSHALL") == "+OK");
  CHECK(r("DBSIZE") == ":0");
  CHECK(r("RANDOMKEY") == "nil");
  r("SET only 1");
  CHECK(r("RANDOMKEY") == "$only");
}

TEST_CASE_FIXTURE(fixture, "SCAN meets every key that is there throughout, also when it goes on at another replica") {
  fixture other;
  for (int i = 0; i < 3000; ++i)
    run({"SET", "key:" + std::to_string(i), "v"});
  for (int i = 2999; i >= 0; --i)
    other.run({"SET", "key:" + std::to_string(i), "v"});
  std::set<std::string> seen;
  std::string cursor = "0";
  int calls = 0;
  do {
    auto& at_replica = calls % 2 ? other : *this;
    std::vector<std::string> command{"SCAN", cursor, "COUNT", "50"};
    std::vector<std::string_view> args{command.begin(), command.end()};
    builder<schema::Reply> built;
    at_replica.subject.query(args, reply{*built});
    auto message = built.finish();
    cursor = view(message->getArray()[0].getBulk());
    for (auto key : message->getArray()[1].getArray())
      seen.insert(std::string{view(key.getBulk())});
    run({"SET", "later:" + std::to_string(calls), "v"});
    run({"DEL", "later:" + std::to_string(calls - 5)});
    ++calls;
  } while (cursor != "0");
  for (int i = 0; i < 3000; ++i)
    REQUIRE(seen.contains("key:" + std::to_string(i)));
  CHECK(calls > 10);
  auto& r = *this;
  CHECK(r("SCAN x") == "-ERR invalid cursor");
  CHECK(r("SCAN ' 0'") == "-ERR invalid cursor");
  CHECK(r("SCAN 99999999999999999999") == "-ERR invalid cursor");
  CHECK(r("SCAN -1") == "*$0 * "); // Any number may come: behind all shards there is nothing.
  CHECK(r("SCAN '' COUNT 1").starts_with("*$"));
  CHECK(r("SCAN 0 COUNT 0") == "-ERR syntax error");
  CHECK(r("SCAN 0 COUNT x") == "-ERR value is not an integer or out of range");
  CHECK(r("SCAN 0 COUNT 100000 TYPE list") == "*$0 * ");
}

TEST_CASE_FIXTURE(fixture, "INFO tells memory and keys") {
  at(1000);
  auto& r = *this;
  CHECK(r("INFO keyspace") == "$# Keyspace\r\n");
  r("SET a 1");
  r("SET b 2 PX 500");
  r("SET c 3 PX 700");
  CHECK(r("INFO keyspace") == "$# Keyspace\r\ndb0:keys=3,expires=2,avg_ttl=600\r\n");
  auto memory = r("INFO MEMORY");
  CHECK(memory.find("used_memory:" + std::to_string(subject.data().bytes()) + "\r\n") != std::string::npos);
  CHECK(memory.find("maxmemory_human:1.00M\r\n") != std::string::npos);
  CHECK(r("INFO") == memory + "\r\n" + r("INFO Keyspace").substr(1));
  CHECK(r("INFO server") == "$");
}

TEST_CASE_FIXTURE(fixture, "a full store refuses commands that grow it, and takes others") {
  auto& r = *this;
  for (int i = 0; i < 3000 && subject.data().bytes() <= (1 << 20); ++i)
    run({"SET", "key:" + std::to_string(i), std::string(900, 'x')});
  for (auto* command : {"SET more 1", "RENAME key:1 longer", "RENAMENX key:1 longer"})
    CHECK(r(command) == "-OOM command not allowed when used memory > 'maxmemory'.");
  CHECK(r("RENAME key:1 short") == "+OK");
  CHECK(r("DEL short") == ":1");
  CHECK(r("FLUSHALL") == "+OK");
  CHECK(r("SET more 1") == "+OK");
}

TEST_CASE_FIXTURE(fixture, "a value holds little more than its size, however it came to that") {
  auto& r = *this;
  auto held = [&] { return subject.data().find("k")->held_bytes(); };
  auto room = [](size_t bytes) { return bytes + bytes / 4 + 64; };
  auto set = [&](size_t size) { run({"SET", "k", std::string(size, 'x')}); };
  set(900);
  r("SET k y");
  CHECK(held() <= room(16));
  CHECK(r("GET k") == "$y");
  set(400);
  r("APPEND k y");
  CHECK(held() <= room(401 + 401 / 8));
  CHECK(r("GETRANGE k 398 500") == "$xxy");
  set(400);
  r("SETRANGE k 420 y");
  CHECK(held() <= room(421 + 421 / 8));
  CHECK(r("GETRANGE k 399 500") == "$x" + std::string(20, '\0') + "y");
  auto with = subject.data().bytes();
  set(421);
  CHECK(subject.data().bytes() == with);
}

TEST_CASE_FIXTURE(fixture, "a pattern that takes too long is given up with an error, others are not") {
  auto& r = *this;
  std::string many(440, 'a');
  for (int i = 0; i < 200; ++i)
    run({"SET", std::to_string(i) + many + many, ""});
  const std::string error = "-ERR the pattern takes too long to match";
  CHECK(r("KEYS *" + many + "b") == error);
  CHECK(r("SCAN 0 COUNT 1000 MATCH *" + many + "b") == error);
  CHECK(r("KEYS *a*a*a*b") == "*");
  CHECK(r("KEYS 17a*" + many) == "*$17" + many + many + " ");
}

TEST_CASE("matching takes no longer than it may") {
  uint64_t left = 1000;
  CHECK(redis::matches("*aaab", std::string(200, 'a') + "b", left));
  CHECK(left > 0);
  CHECK_FALSE(redis::matches("*aaab", std::string(2000, 'a') + "b", left));
  CHECK(left == 0);
  left = 1000;
  CHECK_FALSE(redis::matches("[" + std::string(5000, 'b') + "]", "a", left));
  CHECK(left == 0);
}

TEST_CASE("patterns match as Redis's do") {
  using redis::matches;
  CHECK(matches("*", ""));
  CHECK_FALSE(matches("**", ""));
  CHECK(matches("h?llo", "hello"));
  CHECK(matches("h*llo", "heeeello"));
  CHECK(matches("h[ae]llo", "hallo"));
  CHECK_FALSE(matches("h[^e]llo", "hello"));
  CHECK(matches("h[a-c]llo", "hbllo"));
  CHECK(matches("h[c-a]llo", "hbllo"));
  CHECK(matches("\\*", "*"));
  CHECK_FALSE(matches("\\*", "x"));
  CHECK(matches("a*b*c", "axxbyyc"));
  CHECK_FALSE(matches("a*b*c", "axxbyyd"));
  CHECK_FALSE(matches("", "x"));
  CHECK_FALSE(matches(std::string(30, '*') + "b", std::string(5000, 'a')));
}

TEST_CASE("what is foreseen changes nothing, whether its keys are there or not") {
  key_value::store subject;
  for (int i = 0; i < 1000; ++i)
    subject.put("k" + std::to_string(i), "v", 0);
  std::vector<std::string> names;
  for (int i = 990; i < 1010; ++i)
    names.push_back("k" + std::to_string(i));
  std::vector<std::string_view> keys{names.begin(), names.end()};
  auto version = subject.last_version();
  subject.foresee(keys);
  subject.foresee({});
  CHECK(subject.last_version() == version);
  CHECK(subject.size() == 1000);
  CHECK(subject.find("k995"));
  CHECK_FALSE(subject.find("k1001"));
}

TEST_CASE("a shard's entries have an order of their own, however they came to be there") {
  key_value::store::shard one, other;
  for (int i = 0; i < 100; ++i) {
    one.insert(key_value::entry::make("k" + std::to_string(i), 0, false));
    other.insert(key_value::entry::make("k" + std::to_string(99 - i), 0, false));
  }
  auto keys = [](const key_value::store::shard& x) {
    std::vector<std::string> found;
    for (auto* each : key_value::store::sorted(x))
      found.emplace_back(each->key());
    return found;
  };
  CHECK(keys(one).size() == 100);
  CHECK(keys(one) == keys(other));
}
