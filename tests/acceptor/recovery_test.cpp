#include "acceptor/logs.hpp"

#include "synod/actors/node/local_disk.hpp"
#include "temporary_directory.hpp"

#include <doctest/doctest.h>

#include <fstream>

using namespace synod;
using namespace synod::test;
namespace fs = std::filesystem;

namespace {

struct fixture {
  log_segments::options options() const { return {directory.path(), "test", "a", 64 << 10, 0x5eed}; }

  /// What a new process finds in the log.
  std::vector<int64_t> replayed(const log_segments::options& with) {
    opened_log opened{files, with};
    failure = opened.failure;
    cut = opened.log ? opened.log->cut() : "";
    return opened.found;
  }
  std::vector<int64_t> replayed() { return replayed(options()); }

  /// Writes records and syncs after each; ends without closing, as a crash does.
  void write(int64_t first, int64_t last, bool closes = false) {
    opened_log opened{files, options()};
    REQUIRE(opened.log);
    for (auto i = first; i <= last; ++i) {
      opened.log->append(record_kind::pvalue, numbered(i));
      REQUIRE(!settle(*opened.log));
    }
    if (closes)
      REQUIRE(!opened.log->close().run());
  }

  fs::path segment(int number = 1) const { return log_segments{options()}.path_of(static_cast<uint64_t>(number)); }

  /// Where the record with this number begins.
  size_t offset_of(int64_t number) {
    opened_log opened{files, options()};
    auto found = std::find(opened.found.begin(), opened.found.end(), number);
    REQUIRE(found != opened.found.end());
    return opened.positions[static_cast<size_t>(found - opened.found.begin())].offset;
  }

  std::string bytes() const {
    std::ifstream in{segment(), std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
  }

  void overwrite(size_t offset, std::string with) {
    std::fstream file{segment(), std::ios::in | std::ios::out | std::ios::binary};
    file.seekp(static_cast<std::streamoff>(offset));
    file.write(with.data(), static_cast<std::streamsize>(with.size()));
  }

  int last() const {
    int number = 1;
    while (fs::exists(segment(number + 1)))
      ++number;
    return number;
  }

  std::string problem() const { return to_string(failure); }

  temporary_directory directory;
  local_disk files;
  caf::error failure;
  std::string cut;
};

} // namespace

TEST_CASE_FIXTURE(fixture, "what was synced is there after a crash, in order") {
  write(1, 5);
  CHECK(replayed() == numbers(1, 5));
  write(6, 9);
  CHECK(replayed() == numbers(1, 9));
  CHECK(cut.empty());
}

TEST_CASE_FIXTURE(fixture, "a torn tail is cut and reported, and what follows is written over it") {
  write(1, 5);
  overwrite(offset_of(5) + 40, "torn");
  CHECK(replayed() == numbers(1, 4));
  CHECK(cut.find("cut ") != std::string::npos);
  write(50, 52);
  CHECK(replayed() == std::vector<int64_t>{1, 2, 3, 4, 50, 51, 52});
}

TEST_CASE_FIXTURE(fixture, "what was cut is zeros behind the end, so that nothing later is taken for its continuation") {
  write(1, 3);
  auto end = offset_of(3);
  write(4, 9);
  overwrite(offset_of(3) + 40, "torn");
  // Records 4 to 9 say that record 3 was durable, which would be damage: they are torn as well.
  for (auto i = 4; i <= 9; ++i)
    overwrite(end + static_cast<size_t>(i - 3) * record_bytes(numbered(1)) + 16, std::string(8, '\1'));
  replayed();
  CHECK(!failure);
  auto after = bytes();
  CHECK(after.find_first_not_of('\0', end) == std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "what was cut becomes zeros in a log that was closed in order once and then went on, too") {
  write(1, 2, true);
  write(3, 5);
  auto end = offset_of(5);
  overwrite(end + 40, "torn");
  CHECK(replayed() == numbers(1, 4));
  CHECK(bytes().find_first_not_of('\0', end) == std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "records of one unfinished sync may be lost in any combination") {
  write(1, 3);
  {
    opened_log opened{files, options()};
    for (int64_t i = 4; i <= 6; ++i)
      opened.log->append(record_kind::pvalue, numbered(i));
    REQUIRE(!settle(*opened.log));
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

TEST_CASE_FIXTURE(fixture, "damage in a segment before the last one is refused, though the next one begins with a whole record") {
  write(1, 2000);
  auto offset = offset_of(4);
  overwrite(offset + 50, "damage");
  replayed();
  CHECK(problem().find("offset " + std::to_string(offset)) != std::string::npos);
  CHECK(problem().find("damaged") != std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "any single byte damaged before the last sync is refused, or changes nothing") {
  write(1, 6);
  auto end = offset_of(6);
  auto before = bytes();
  for (size_t i = 0; i < end; i += 7) {
    overwrite(i, std::string(1, static_cast<char>(before[i] ^ 0x41)));
    replayed();
    CHECK_MESSAGE(failure, "byte ", i);
    overwrite(i, std::string(1, before[i]));
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

TEST_CASE_FIXTURE(fixture, "a log that was closed goes on") {
  write(1, 5, true);
  write(6, 7, true);
  CHECK(replayed() == numbers(1, 7));
}

TEST_CASE_FIXTURE(fixture, "a truncated or missing file is refused") {
  write(1, 2000);
  SUBCASE("cut short") {
    fs::resize_file(segment(2), 5000);
  }
  SUBCASE("empty") {
    fs::resize_file(segment(2), 0);
  }
  SUBCASE("the first one is gone") {
    fs::remove(segment(1));
  }
  SUBCASE("one between others is gone") {
    fs::remove(segment(2));
  }
  SUBCASE("the last ones are gone") {
    fs::remove(segment(last()));
  }
  SUBCASE("all but the first one are gone") {
    for (auto number = last(); number > 1; --number)
      fs::remove(segment(number));
  }
  SUBCASE("all are gone") {
    for (auto number = last(); number > 0; --number)
      fs::remove(segment(number));
  }
  SUBCASE("how far it goes is gone") {
    fs::remove(log_segments{options()}.extent_path());
  }
  SUBCASE("the last one cut short") {
    fs::resize_file(segment(last() - 1), 5000); // Behind it one is prepared.
  }
  replayed();
  CHECK(problem().find("damaged") != std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "bytes of a client's that look like a record are none") {
  write(1, 3);
  auto offset = offset_of(3);
  // Behind a torn record lies a value which says, if it is taken for a record, that the torn one was durable.
  auto content = numbered(9);
  auto header = header_of(90, 89, record_kind::pvalue, content, 0);
  std::string forged(reinterpret_cast<const char*>(&header), record_header_bytes);
  forged.append(reinterpret_cast<const char*>(content->words().data()), content->size_bytes());
  overwrite(offset + 40, "torn");
  overwrite(offset + record_bytes(numbered(3)), forged);
  CHECK(replayed() == numbers(1, 2));
  CHECK(!failure);
  CHECK(cut.find("cut ") != std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "a log of another node is refused") {
  write(1, 3);
  auto other = options();
  other.node = "b";
  replayed(other);
  CHECK(problem().find("belongs to node 'a'") != std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "a segment that was prepared and not used is no part of the log") {
  write(1, 3);
  CHECK(fs::exists(segment(2)));
  CHECK(replayed() == numbers(1, 3));
  CHECK_FALSE(fs::exists(segment(2)));
  CHECK(cut.empty());
}

TEST_CASE_FIXTURE(fixture, "a place that cannot be written to is an error that names the file") {
  auto on_full_disk = options();
  on_full_disk.directory = "/dev/full/log";
  replayed(on_full_disk);
  CHECK(problem().find("/dev/full") != std::string::npos);
}
