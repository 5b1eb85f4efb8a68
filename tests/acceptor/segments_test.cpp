#include "acceptor/logs.hpp"

#include "platter.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace synod;
using namespace synod::test;

namespace {

struct fixture {
  void make(const std::string& name) { REQUIRE(!write_whole(*files, "/log/" + name, std::vector<std::byte>(4096))); }

  simulation::platter on{1, 0};
  std::unique_ptr<disk> files = on.plug();
  log_segments segments{{"/log", "test", "a", 8192}};
};

} // namespace

TEST_CASE_FIXTURE(fixture, "segments are found by their numbers, whatever the first one is; other files are not looked at") {
  CHECK(segments.find(*files, 1)->empty());
  for (auto number : {12, 10, 11})
    REQUIRE(!segments.prepare(*files, static_cast<uint64_t>(number), 4096));
  make("note.txt");
  make("x1.log");
  auto found = segments.find(*files, 1);
  REQUIRE(found);
  CHECK(*found == std::vector<uint64_t>{10, 11, 12});
}

TEST_CASE_FIXTURE(fixture, "a gap between segments is damage") {
  REQUIRE(!segments.prepare(*files, 1, 4096));
  REQUIRE(!segments.prepare(*files, 3, 4096));
  auto found = segments.find(*files, 1);
  REQUIRE(!found);
  CHECK(to_string(found.error()).find("000000000002.log: is missing") != std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "what a crash left unfinished is removed") {
  make("000000000002.log.new");
  CHECK(segments.find(*files, 1)->empty());
  REQUIRE(!segments.clean_up(*files, 1));
  CHECK(files->list("/log")->empty());
}

TEST_CASE_FIXTURE(fixture, "segments before the first one do not count, with gaps or without, and are removed") {
  for (auto number : {2, 4, 5, 6})
    REQUIRE(!segments.prepare(*files, static_cast<uint64_t>(number), 4096));
  CHECK(*segments.find(*files, 5) == std::vector<uint64_t>{5, 6});
  REQUIRE(!segments.clean_up(*files, 5));
  CHECK(files->list("/log")->size() == 3); // And how far the log goes.
}

TEST_CASE_FIXTURE(fixture, "a free segment is used again as it is; one of another size is not") {
  REQUIRE(!segments.prepare(*files, 1, 4096));
  auto content = std::vector<std::byte>(4096, std::byte{7});
  std::span<const std::byte> parts[]{content};
  REQUIRE(!(*segments.open(*files, 1))->write(0, parts));
  REQUIRE(!segments.prepare(*files, 5, 4096, 5, 1));
  CHECK(*segments.find(*files, 1) == std::vector<uint64_t>{5});
  std::vector<std::byte> bytes(4096);
  REQUIRE(!(*segments.open(*files, 5))->read(0, bytes));
  CHECK(bytes == content);
  REQUIRE(!segments.prepare(*files, 6, 8192, 6, 5));
  CHECK(*segments.find(*files, 1) == std::vector<uint64_t>{6});
  CHECK((*segments.open(*files, 6))->size() == 8192);
  auto extent = segments.find_extent(*files);
  CHECK((*extent)->first == 6);
  CHECK((*extent)->last == 6);
}

TEST_CASE_FIXTURE(fixture, "a segment is made of zeros, of the size that was asked for") {
  REQUIRE(!segments.prepare(*files, 1, 3u << 20));
  auto file = segments.open(*files, 1);
  REQUIRE(file);
  CHECK((*file)->size() == 3u << 20);
  std::vector<std::byte> bytes(3u << 20, std::byte{1});
  REQUIRE(!(*file)->read(0, bytes));
  CHECK(std::all_of(bytes.begin(), bytes.end(), [](auto x) { return x == std::byte{0}; }));
}

TEST_CASE_FIXTURE(fixture, "another version is refused with both versions, and another node's log with both nodes") {
  builder<schema::SegmentStart> older;
  older->setFormatVersion(1);
  auto refused = to_string(segments.check_start(*older.finish(), 1, 8192));
  CHECK(refused.find("has format version 1, this program knows 5") != std::string::npos);
  log_segments others{{"/log", "test", "b", 8192}};
  message<schema::SegmentStart> start{others.start_of(1, 8192, {})};
  CHECK(to_string(segments.check_start(*start, 1, 8192)).find("belongs to node 'b' of cluster 'test', not to 'a'")
        != std::string::npos);
  CHECK(!others.check_start(*start, 1, 8192));
  CHECK(to_string(others.check_start(*start, 1, 8191)).find("truncated at offset 8191") != std::string::npos);
  CHECK(to_string(others.check_start(*start, 2, 8192)).find("says that it is segment 1") != std::string::npos);
}
