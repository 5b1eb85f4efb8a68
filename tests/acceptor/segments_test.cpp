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
  CHECK(segments.find(*files)->empty());
  for (auto number : {12, 10, 11})
    REQUIRE(!segments.prepare(*files, static_cast<uint64_t>(number), 4096));
  make("note.txt");
  make("x1.log");
  auto found = segments.find(*files);
  REQUIRE(found);
  CHECK(*found == std::vector<uint64_t>{10, 11, 12});
}

TEST_CASE_FIXTURE(fixture, "a gap between segments is damage") {
  REQUIRE(!segments.prepare(*files, 1, 4096));
  REQUIRE(!segments.prepare(*files, 3, 4096));
  auto found = segments.find(*files);
  REQUIRE(!found);
  CHECK(to_string(found.error()).find("000000000002.log: is missing") != std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "what a crash left unfinished is removed") {
  make("000000000002.log.new");
  REQUIRE(segments.find(*files));
  CHECK(files->list("/log")->empty());
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
  CHECK(refused.find("has format version 1, this program knows 3") != std::string::npos);
  log_segments others{{"/log", "test", "b", 8192}};
  message<schema::SegmentStart> start{others.start_of(1, 1, 8192)};
  CHECK(to_string(segments.check_start(*start, 1, 8192)).find("belongs to node 'b' of cluster 'test', not to 'a'")
        != std::string::npos);
  CHECK(!others.check_start(*start, 1, 8192));
  CHECK(to_string(others.check_start(*start, 1, 8191)).find("truncated at offset 8191") != std::string::npos);
  CHECK(to_string(others.check_start(*start, 2, 8192)).find("says that it is segment 1") != std::string::npos);
}
