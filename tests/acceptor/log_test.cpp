#include "synod/actors/acceptor/log.hpp"

#include "harness.hpp"
#include "synod/actors/node/local_disk.hpp"
#include "temporary_directory.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <unistd.h>

#include <fstream>

using namespace synod;
using namespace synod::test;
namespace fs = std::filesystem;

namespace {

constexpr ballot some{1, 0, 1};

struct fixture {
  file_log::options options(size_t segment_bytes = 64 << 10) const {
    return {directory.path(), "test", "a", segment_bytes, local_disk()};
  }

  /// What a new process finds in the log.
  std::vector<int64_t> replayed(const file_log::options& opts) {
    std::vector<int64_t> times;
    file_log log{opts};
    failure = log.replay([&](record_kind kind, const block_ptr& content, storage::position) {
      if (kind == record_kind::pvalue)
        times.push_back(message<schema::Pvalue> { content } -> getValue().getTime());
    });
    cut = log.cut();
    return times;
  }
  std::vector<int64_t> replayed() { return replayed(options()); }

  /// Writes records and syncs after each; ends without closing, as a crash does.
  void write(int64_t first, int64_t last, bool closes = false) {
    file_log log{options()};
    REQUIRE(!log.replay([](auto, auto&, auto) {}));
    for (auto i = first; i <= last; ++i) {
      REQUIRE(log.append(record_kind::pvalue, value_of(some, static_cast<slot_number>(i), i).content()));
      REQUIRE(!log.sync());
    }
    if (closes)
      REQUIRE(!log.close());
  }

  fs::path segment(int number = 1) const { return directory.path() / ("00000000000" + std::to_string(number) + ".log"); }

  /// Where the record with this time begins.
  size_t offset_of(int64_t time) {
    size_t found = 0;
    file_log log{options()};
    REQUIRE(!log.replay([&](record_kind, const block_ptr& content, storage::position where) {
      if (message<schema::Pvalue> { content } -> getValue().getTime() == time)
        found = where.offset;
    }));
    return found;
  }

  void overwrite(size_t offset, std::string bytes) {
    std::fstream file{segment(), std::ios::in | std::ios::out | std::ios::binary};
    file.seekp(static_cast<std::streamoff>(offset));
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }

  std::string problem() const { return to_string(failure); }

  temporary_directory directory;
  caf::error failure;
  std::string cut;
};

std::vector<int64_t> numbers(int64_t first, int64_t last) {
  std::vector<int64_t> all;
  for (; first <= last; ++first)
    all.push_back(first);
  return all;
}

} // namespace

TEST_CASE_FIXTURE(fixture, "what was synced is there after a crash, in order") {
  write(1, 5);
  CHECK(replayed() == numbers(1, 5));
  write(6, 9);
  CHECK(replayed() == numbers(1, 9));
  CHECK(cut.empty());
}

TEST_CASE_FIXTURE(fixture, "a log goes over many segments, and a record may be larger than one") {
  write(1, 2000);
  CHECK(fs::exists(segment(3)));
  {
    file_log log{options()};
    REQUIRE(!log.replay([](auto, auto&, auto) {}));
    auto large = request_of(1, 1, {{std::string(200 << 10, 'x')}});
    auto where = log.append(record_kind::pvalue, pvalue_of(some, 2001, {large}, 2001).content());
    REQUIRE(where);
    REQUIRE(!log.sync());
    auto back = log.read(*where);
    REQUIRE(back);
    CHECK(message<schema::Pvalue> { *back } -> getValue().getTime() == 2001);
  }
  CHECK(replayed() == numbers(1, 2001));
}

TEST_CASE_FIXTURE(fixture, "a torn tail is cut and reported, and what follows is written over it") {
  write(1, 5);
  overwrite(offset_of(5) + 40, "torn");
  CHECK(replayed() == numbers(1, 4));
  CHECK(cut.find("cut ") != std::string::npos);
  write(50, 52);
  CHECK(replayed() == std::vector<int64_t>{1, 2, 3, 4, 50, 51, 52});
}

TEST_CASE_FIXTURE(fixture, "records of one unfinished sync may be lost in any combination") {
  write(1, 3);
  {
    file_log log{options()};
    REQUIRE(!log.replay([](auto, auto&, auto) {}));
    for (int64_t i = 4; i <= 6; ++i)
      REQUIRE(log.append(record_kind::pvalue, value_of(some, static_cast<slot_number>(i), i).content()));
    REQUIRE(!log.sync());
  }
  overwrite(offset_of(4) + 50, "gone");
  CHECK(replayed() == numbers(1, 3));
  CHECK(!failure);
}

TEST_CASE_FIXTURE(fixture, "damage before the last sync is refused with file and offset") {
  write(1, 9);
  auto offset = offset_of(4);
  overwrite(offset + 50, "damage");
  replayed();
  CHECK(problem().find(segment().string()) != std::string::npos);
  CHECK(problem().find("offset " + std::to_string(offset)) != std::string::npos);
  CHECK(problem().find("damaged") != std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "any single byte damaged before the last sync is refused, or changes nothing") {
  write(1, 6);
  auto end = offset_of(6);
  std::ifstream in{segment(), std::ios::binary};
  std::string bytes{std::istreambuf_iterator<char>{in}, {}};
  for (size_t i = 0; i < end; i += 7) {
    overwrite(i, std::string(1, static_cast<char>(bytes[i] ^ 0x41)));
    replayed();
    CHECK_MESSAGE(failure, "byte ", i);
    overwrite(i, std::string(1, bytes[i]));
  }
  CHECK(replayed() == numbers(1, 6));
}

TEST_CASE_FIXTURE(fixture, "in a log that was closed in order even the last record is known to be durable") {
  write(1, 5, true);
  auto offset = offset_of(5);
  CHECK(replayed() == numbers(1, 5));
  overwrite(offset + 40, "damage");
  replayed();
  CHECK(problem().find("damaged") != std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "a truncated or missing file is refused") {
  write(1, 2000);
  SUBCASE("cut short") {
    fs::resize_file(segment(2), 5000);
  }
  SUBCASE("empty") {
    fs::resize_file(segment(2), 0);
  }
  SUBCASE("gone") {
    fs::remove(segment(1));
  }
  SUBCASE("the last one cut short") {
    int last = 1;
    while (fs::exists(segment(last + 2)))
      ++last;
    fs::resize_file(segment(last), 5000);
  }
  replayed();
  CHECK(problem().find("damaged") != std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "a log of another node is refused") {
  write(1, 3);
  auto other = options();
  other.node = "b";
  replayed(other);
  CHECK(problem().find("belongs to node 'a'") != std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "a full disk is an error that names the file") {
  auto on_full_disk = options();
  on_full_disk.directory = "/dev/full/log";
  replayed(on_full_disk);
  CHECK(failure);
}
