#include "acceptor/logs.hpp"

#include "platter.hpp"

#include <doctest/doctest.h>

using namespace synod;
using namespace synod::test;

namespace {

struct fixture {
  opened_log open(size_t segment_bytes = 64 << 10) {
    files = on.plug();
    return {*files, {"/log", "test", "a", segment_bytes}};
  }

  simulation::platter on{1, 0};
  std::unique_ptr<disk> files;
};

} // namespace

TEST_CASE_FIXTURE(fixture, "appends collect while a write is under way; the next one takes them all") {
  auto x = open();
  auto& log = *x.log;
  auto before = log.durable();
  auto first = log.append(record_kind::pvalue, numbered(1));
  auto write = log.next_write();
  REQUIRE(write);
  CHECK(write->lane == disk::lane::durable);
  log.append(record_kind::pvalue, numbered(2));
  auto third = log.append(record_kind::pvalue, numbered(3));
  CHECK_FALSE(log.next_write());
  CHECK(log.durable() == before);
  REQUIRE(!write->run());
  log.done(write->number);
  CHECK(log.durable() == first.number);
  write = log.next_write();
  REQUIRE(write);
  CHECK_FALSE(log.next_write());
  REQUIRE(!write->run());
  log.done(write->number);
  CHECK(log.durable() == third.number);
  CHECK_FALSE(log.next_write());
  CHECK(open().found == numbers(1, 3));
}

TEST_CASE_FIXTURE(fixture, "what was not handed over is not in the log; what was, is") {
  auto x = open();
  x.log->append(record_kind::pvalue, numbered(1));
  auto write = x.log->next_write();
  x.log->append(record_kind::pvalue, numbered(2));
  REQUIRE(!write->run());
  CHECK(open().found == numbers(1, 1));
}

TEST_CASE_FIXTURE(fixture, "a log goes over many segments, and a record may be larger than one") {
  auto x = open();
  auto& log = *x.log;
  for (int64_t i = 1; i <= 2000; ++i) {
    log.append(record_kind::pvalue, numbered(i));
    if (i % 100 == 0)
      REQUIRE(!settle(log));
  }
  auto large = request_of(1, 1, {{std::string(200 << 10, 'x')}});
  auto where = log.append(record_kind::pvalue, pvalue_of({1, 0, 1}, 2001, {large}, 2001).content()).where;
  log.append(record_kind::pvalue, numbered(2002));
  REQUIRE(!settle(log));
  CHECK(where.segment > 3);
  auto back = std::make_shared<std::vector<block_ptr>>();
  auto read = log.read(7, {where}, back);
  CHECK(read.lane == disk::lane::background);
  CHECK(read.number == 7);
  REQUIRE(!read.run());
  REQUIRE(back->size() == 1);
  CHECK(number_of(back->front()) == 2001);
  CHECK(open().found == numbers(1, 2002));
}

TEST_CASE_FIXTURE(fixture, "the next segment is prepared in the background, and a write that needs it waits for that") {
  auto x = open();
  auto& log = *x.log;
  auto segment = log.next_segment();
  REQUIRE(segment);
  CHECK(segment->lane == disk::lane::background);
  CHECK_FALSE(log.next_segment());
  auto first_segment = log.append(record_kind::pvalue, numbered(1)).where.segment;
  int64_t i = 1;
  record_position where;
  do
    where = log.append(record_kind::pvalue, numbered(++i)).where;
  while (where.segment == first_segment);
  auto write = log.next_write(); // All that is in the first one.
  REQUIRE(write);
  REQUIRE(!write->run());
  log.done(write->number);
  CHECK_FALSE(log.next_write());
  REQUIRE(!segment->run());
  log.done(segment->number);
  write = log.next_write();
  REQUIRE(write);
  REQUIRE(!write->run());
  log.done(write->number);
  CHECK(log.next_segment());
  CHECK(open().found == numbers(1, i));
}

TEST_CASE_FIXTURE(fixture, "a segment that was prepared too small for a large record is prepared again") {
  auto x = open();
  REQUIRE(!settle(*x.log));
  auto large = request_of(1, 1, {{std::string(100 << 10, 'x')}});
  x.log->append(record_kind::pvalue, pvalue_of({1, 0, 1}, 1, {large}, 1).content());
  CHECK_FALSE(x.log->next_write());
  REQUIRE(!settle(*x.log));
  CHECK(open().found == numbers(1, 1));
}

TEST_CASE_FIXTURE(fixture, "after a failed write nothing is written any more") {
  auto x = open();
  x.log->append(record_kind::pvalue, numbered(1));
  auto first = x.log->next_write();
  on.on_sync = [&] { on.behaviour().error_per_million = 1'000'000; };
  CHECK(first->run());
  on.on_sync = nullptr;
  on.behaviour().error_per_million = 0;
  CHECK(x.log->close().run());
  CHECK(first->run());
}

TEST_CASE_FIXTURE(fixture,
                  "where the next segment cannot be opened the log is not closed: its end would be written over records") {
  auto x = open();
  auto& log = *x.log;
  REQUIRE(!settle(log)); // The next segment is prepared.
  auto first_segment = log.append(record_kind::pvalue, numbered(1)).where.segment;
  while (log.append(record_kind::pvalue, numbered(2)).where.segment == first_segment) {
  }
  auto write = log.next_write();
  REQUIRE(!write->run());
  log.done(write->number);
  write = log.next_write();
  auto close = log.close();
  REQUIRE(!files->remove(log_segments{{"/log", "test", "a", 64 << 10}}.path_of(first_segment + 1)));
  CHECK(write->run());
  CHECK(close.run());
}

TEST_CASE_FIXTURE(fixture, "a log is closed behind the write that is under way; what waits is dropped") {
  auto x = open();
  x.log->append(record_kind::pvalue, numbered(1));
  auto write = x.log->next_write();
  x.log->append(record_kind::pvalue, numbered(2));
  auto close = x.log->close();
  REQUIRE(!write->run());
  REQUIRE(!close.run());
  auto again = open();
  CHECK(again.found == numbers(1, 1));
  CHECK(again.log->cut().empty()); // Its end is part of the log.
  again.log->append(record_kind::pvalue, numbered(2));
  REQUIRE(!settle(*again.log));
  CHECK(open().found == numbers(1, 2));
}

TEST_CASE_FIXTURE(fixture, "a log may be closed wherever in a segment it ends") {
  std::vector<int64_t> all;
  for (int64_t i = 1; i <= 600; ++i) {
    auto x = open(4096);
    CHECK(x.found == all);
    x.log->append(record_kind::pvalue, numbered(i));
    all.push_back(i);
    REQUIRE(!settle(*x.log));
    REQUIRE(!x.log->close().run());
  }
}

TEST_CASE_FIXTURE(fixture, "a record that is not what was written there is an error of its read, with file and offset") {
  auto x = open();
  auto where = x.log->append(record_kind::pvalue, numbered(1)).where;
  REQUIRE(!settle(*x.log));
  std::vector<std::byte> damage(8, std::byte{1});
  std::span<const std::byte> parts[]{damage};
  REQUIRE(!(*files->open("/log/000000000001.log"))->write(where.offset + 40, parts));
  auto failure = to_string(x.log->read(7, {where}, std::make_shared<std::vector<block_ptr>>()).run());
  CHECK(failure.find("000000000001.log") != std::string::npos);
  CHECK(failure.find("offset " + std::to_string(where.offset) + ": the record is damaged") != std::string::npos);
}
