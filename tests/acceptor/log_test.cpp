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

namespace {

struct releasing_fixture : fixture {
  /// Appends until another segment is entered, and has all of it written. Gives the number of that segment.
  uint64_t fill(opened_log& x) {
    auto number = x.log->append(record_kind::pvalue, numbered(++last)).where.segment;
    uint64_t entered = number;
    while (entered == number)
      entered = x.log->append(record_kind::pvalue, numbered(++last)).where.segment;
    REQUIRE(!settle(*x.log));
    return entered;
  }

  void release(opened_log& x, uint64_t segment) {
    x.log->release_before(segment);
    auto work = x.log->next_release();
    REQUIRE(work);
    REQUIRE(!work->run());
    x.log->done(work->number);
    CHECK_FALSE(x.log->next_release());
  }

  size_t segments() {
    auto names = *files->list("/log");
    return static_cast<size_t>(std::count_if(names.begin(), names.end(), [](auto& x) { return x.ends_with(".log"); }));
  }

  int64_t last = 0;
};

} // namespace

TEST_CASE_FIXTURE(releasing_fixture, "released segments are used again; what later ones carry on is there without them") {
  ballot promised{7, 1, 1};
  uint64_t fourth = 0;
  size_t before = 0;
  {
    auto x = open();
    x.log->carry({promised, 5});
    fill(x), fill(x);
    fourth = fill(x);
    auto kept = x.log->kept_bytes();
    release(x, fourth);
    CHECK(x.log->kept_bytes() == kept - 3 * (64 << 10));
    before = segments();
    fill(x), fill(x), fill(x);
    CHECK(segments() == before); // No new one was made.
    x.log->release_before(1);
    CHECK_FALSE(x.log->next_release());
  }
  ballot found;
  slot_number first_kept = 0;
  std::vector<int64_t> numbers_found;
  auto again =
    write_ahead_log::open(*files, {"/log", "test", "a", 64 << 10, 0, true}, [&](auto kind, auto& content, auto& where) {
      CHECK(where.segment >= fourth);
      if (kind == record_kind::segment_start) {
        message<schema::SegmentStart> start{content};
        found = ballot_of(start->getPromised());
        first_kept = start->getFirstKept();
      } else if (kind == record_kind::pvalue) {
        numbers_found.push_back(number_of(content));
      }
    });
  REQUIRE(again);
  CHECK(found == promised);
  CHECK(first_kept == 5);
  CHECK(numbers_found == numbers(numbers_found.front(), last));
}

TEST_CASE_FIXTURE(releasing_fixture, "of many released segments some are kept to be used again, the others are deleted") {
  auto x = open();
  uint64_t entered = 0;
  for (uint64_t i = 0; i < write_ahead_log::most_free + 4; ++i)
    entered = fill(x);
  release(x, entered);
  CHECK(segments() == write_ahead_log::most_free + 2); // With the one that is written to, and the one behind it.
}

TEST_CASE_FIXTURE(releasing_fixture, "the segment that is written to is never released") {
  auto x = open();
  auto entered = fill(x);
  release(x, entered + 9);
  CHECK(x.log->kept_bytes() <= 64 << 10);
  x.log->append(record_kind::pvalue, numbered(++last));
  REQUIRE(!settle(*x.log));
  CHECK(open().found.back() == last);
}

TEST_CASE_FIXTURE(releasing_fixture, "a segment that could not be made is not counted, whatever is released meanwhile") {
  simulation::platter other{1, 7};
  files = other.plug();
  log_segments::options options{"/log", "test", "a", 64 << 10};
  last = 0;
  {
    opened_log x{*files, options};
    REQUIRE(x.log);
    auto kept_from = fill(x);
    while (x.log->last_segment() == kept_from)
      x.log->append(record_kind::pvalue, numbered(++last));
    while (auto write = x.log->next_write()) {
      REQUIRE(!write->run());
      x.log->done(write->number);
    }
    auto segment = x.log->next_segment();
    REQUIRE(segment);
    x.log->release_before(kept_from);
    CHECK_FALSE(x.log->next_release()); // It would have to know whether that is made.
    other.fill(0);
    CHECK(is_want_of_room(segment->run()));
    x.log->segment_failed();
    auto release = x.log->next_release();
    REQUIRE(release);
    REQUIRE(!release->run());
  }
  other.cut_power();
  files = other.plug();
  opened_log again{*files, options};
  CHECK_MESSAGE(again.log, to_string(again.failure));
}

TEST_CASE_FIXTURE(releasing_fixture, "where the power goes while segments are released or used again, the log is whole") {
  for (uint64_t operations = 0; operations < 40; ++operations) {
    simulation::platter other{operations, 7};
    files = other.plug();
    log_segments::options options{"/log", "test", "a", 64 << 10};
    last = 0;
    int64_t durable = 0;
    {
      opened_log x{*files, options};
      REQUIRE(x.log);
      fill(x), fill(x);
      auto kept_from = fill(x);
      durable = last;
      other.unplug_after(operations);
      x.log->release_before(kept_from);
      if (auto work = x.log->next_release(); work && !work->run())
        x.log->done(work->number);
      if (auto segment = x.log->next_segment())
        static_cast<void>(segment->run());
    }
    other.cut_power();
    files = other.plug();
    opened_log again{*files, options};
    INFO("power goes after ", operations);
    REQUIRE(again.log);
    REQUIRE(!again.found.empty());
    CHECK(again.found == numbers(again.found.front(), durable));
  }
}

TEST_CASE_FIXTURE(fixture,
                  "a segment that cannot be made for want of room is wanted again when that is said, and records wait for it") {
  auto x = open();
  auto& log = *x.log;
  on.fill(0);
  auto segment = log.next_segment();
  REQUIRE(segment);
  CHECK(is_want_of_room(segment->run()));
  log.segment_failed();
  CHECK(log.lacks_segment());
  CHECK_FALSE(log.next_segment());
  int64_t last = 0;
  while (log.last_segment() == 1)
    log.append(record_kind::pvalue, numbered(++last));
  REQUIRE(!settle(log));
  CHECK_FALSE(log.has_room(record_kind::collected, 100, false));
  SUBCASE("there is room") {
    on.fill(std::nullopt);
    log.try_segment_again();
    REQUIRE(!settle(log));
    CHECK_FALSE(log.lacks_segment());
    CHECK(open().found == numbers(1, last));
  }
  SUBCASE("there is none, and it is started again") {
    CHECK(open().found == numbers(1, last - 1));
  }
}

TEST_CASE_FIXTURE(fixture, "while a segment is missing, pvalues leave half of the last one, and promises a quarter") {
  auto x = open();
  auto& log = *x.log;
  auto room = [&](record_kind kind) { return log.has_room(kind, 100, false); };
  on.fill(0);
  CHECK(is_want_of_room(log.next_segment()->run()));
  log.segment_failed();
  auto write_until = [&](size_t bytes) {
    while (log.kept_bytes() < bytes)
      log.append(record_kind::pvalue, numbered(1));
  };
  CHECK(room(record_kind::pvalue));
  write_until(33 << 10);
  CHECK_FALSE(room(record_kind::pvalue));
  CHECK(room(record_kind::promise));
  write_until(49 << 10);
  CHECK_FALSE(room(record_kind::promise));
  CHECK(room(record_kind::collected));
  CHECK_FALSE(log.has_room(record_kind::collected, 16 << 10, false));
}
