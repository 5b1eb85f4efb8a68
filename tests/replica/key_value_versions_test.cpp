// What WATCH and snapshots rely on: versions, and that a copy is the same.
#include "key_value_fixture.hpp"

#include <doctest/doctest.h>

using namespace synod;
using fixture = test::key_value_fixture;

TEST_CASE_FIXTURE(fixture, "versions differ whenever a value may have, also between two times that a key is absent") {
  at(1000);
  auto& r = *this;
  CHECK(subject.version("k") == 0);
  uint64_t last = 0;
  for (auto* change : {"SET k v", "SET k v", "APPEND k x", "EXPIRE k 5", "PERSIST k", "SETRANGE k 0 y"}) {
    r(change);
    CHECK(subject.version("k") > last);
    last = subject.version("k");
  }
  r("GET k");
  CHECK(subject.version("k") == last);
  r("PEXPIRE k 10");
  at(1010);
  auto absent = subject.version("k");
  CHECK(absent != last);
  r("SET k v");
  r("DEL k");
  CHECK(subject.version("k") != absent);
  absent = subject.version("k");
  CHECK(subject.version("k") == absent);
  r("SET k v PX 5");
  at(1020);
  CHECK(subject.version("k") != absent);
  absent = subject.version("k");
  r("SET k v PXAT 1015"); // That is over: the key is absent at once, though nothing has removed it yet.
  CHECK(r("GET k") == "nil");
  CHECK(subject.version("k") != absent);
  r("SET k v PX 5");
  last = subject.version("k");
  at(1030);
  CHECK(subject.version("k") != last);
  absent = subject.version("k");
  r("SET k v");
  r("FLUSHALL");
  CHECK(subject.version("k") != absent);
}

TEST_CASE_FIXTURE(fixture, "versions stay when nothing has changed for the key") {
  at(1000);
  auto& r = *this;
  auto absent = subject.version("k");
  r("SET other v");
  r("FLUSHALL");
  CHECK(subject.version("k") == absent);
  r("SET k v");
  auto there = subject.version("k");
  r("GETEX k PERSIST"); // It has no deadline.
  CHECK(subject.version("k") == there);
  r("PEXPIRE k 10");
  subject.data().advance(1010 - 1);
  r("PEXPIREAT k 5000");
  there = subject.version("k");
  r("FLUSHALL");
  CHECK(subject.version("k") != there);
}

TEST_CASE_FIXTURE(fixture, "a key that is over is absent, and stays what it is when it is removed") {
  at(1000);
  auto& r = *this;
  r("SET k v PXAT 900"); // Over already, and still there.
  auto over = subject.version("k");
  SUBCASE("by time") {
    at(1001);
  }
  SUBCASE("by DEL") {
    CHECK(r("DEL k") == ":0");
  }
  SUBCASE("by FLUSHALL") {
    r("FLUSHALL");
  }
  CHECK(subject.data().size() == 0);
  CHECK(subject.version("k") == over);
  r("SET k v PX 10");
  CHECK(subject.version("k") != over);
  at(1100);
  CHECK(subject.version("k") != over); // It was there in between.
}

TEST_CASE_FIXTURE(fixture, "a snapshot restores the same state") {
  at(1000);
  for (int i = 0; i < 2000; ++i)
    run({"SET", "key:" + std::to_string(i), std::string(static_cast<size_t>(i % 900), 'x'), "PX", std::to_string(100 + i)});
  run({"SET", "gone", "x"});
  run({"DEL", "gone"});
  std::vector<std::string> pieces;
  subject.snapshot([&](std::string_view piece) { pieces.emplace_back(piece); });
  key_value::machine other{{1000, 1 << 20}, 2};
  size_t next = 0;
  CHECK_FALSE(other.restore([&] { return next < pieces.size() ? pieces[next++] : std::string{}; }));
  CHECK(other.data().size() == subject.data().size());
  CHECK(other.data().bytes() == subject.data().bytes());
  CHECK(other.next_deadline() == subject.next_deadline());
  CHECK(other.version("key:7") == subject.version("key:7"));
  CHECK(subject.version("gone") != 0);
  CHECK(other.version("gone") == subject.version("gone"));
  CHECK(other.data().find("key:899")->value().size() == 899);
}

TEST_CASE_FIXTURE(fixture, "a snapshot is the same bytes on every host") {
  at(258);
  run({"SET", "k", "v"});
  std::string piece;
  subject.snapshot([&](std::string_view each) { piece += each; });
  using namespace std::string_literals;
  auto number = [](char low, char next = 0) { return std::string{low, next, 0, 0, 0, 0, 0, 0}; };
  CHECK(piece
        == "synkv\0\0\1"s + number(2, 1) + number(1) + number(0) + number(1) + "k" + number(1) + "v" + number(0) + number(1));
}

TEST_CASE_FIXTURE(fixture, "a damaged snapshot is refused, wherever it ends, and leaves nothing behind") {
  at(1000);
  run({"SET", "one", "1", "PX", "100"});
  run({"SET", "two", "22"});
  run({"DEL", "two"});
  std::string whole;
  subject.snapshot([&](std::string_view piece) { whole += piece; });
  auto restore = [](key_value::machine& into, const std::string& piece) {
    size_t next = 0;
    return into.restore([&] { return next++ ? std::string{} : piece; });
  };
  key_value::machine other{{1000, 1 << 20}, 2};
  CHECK_FALSE(restore(other, whole));
  CHECK(other.data().size() == 1);
  auto head = 8 + 8 + 8 + 8 + 16; // One shard with a removal; a snapshot without an entry is whole, too.
  for (size_t size = 0; size < whole.size(); ++size) {
    if (static_cast<int>(size) == head)
      continue;
    CAPTURE(size);
    CHECK(restore(other, whole.substr(0, size)).has_value());
    CHECK(other.data().size() == 0);
  }
  auto newer = whole;
  newer[7] = 2;
  CHECK(restore(other, newer).has_value());
  auto foreign = whole;
  foreign[0] = 'x';
  CHECK(restore(other, foreign).has_value());
  auto no_such_shard = whole;
  no_such_shard[8 + 8 + 8 + 8 + 7] = 1;
  CHECK(restore(other, no_such_shard).has_value());
}
