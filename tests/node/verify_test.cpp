#include "synod/actors/node/verify.hpp"

#include "acceptor/logs.hpp"
#include "synod/actors/node/built_in.hpp"
#include "synod/actors/node/data_directory.hpp"
#include "synod/actors/node/known_nodes.hpp"
#include "synod/actors/node/local_disk.hpp"
#include "temporary_directory.hpp"

#include <doctest/doctest.h>

#include <fstream>

using namespace synod;
using namespace synod::test;
namespace fs = std::filesystem;

namespace {

struct fixture {
  fixture() {
    data_directory directory;
    REQUIRE(!directory.open(files, path, {"test", "a", 1, "agreed"}, 5));
    write_log();
    known_nodes known;
    REQUIRE(!known.open(files, path));
    REQUIRE(!directory.seal(files, {"acceptor"}));
  }

  void write_log() {
    opened_log opened{files, {path / "acceptor", "test", "a", 64 << 10, 7}};
    REQUIRE(opened.log);
    for (int64_t i = 1; i <= 20; ++i) {
      opened.log->append(record_kind::pvalue, numbered(i));
      REQUIRE(!settle(*opened.log));
    }
  }

  bool verify() {
    problems.clear();
    all.clear();
    return verify_data_directory(built_in(), files, path, [&](const finding& x) {
      all += x.part + ": " + x.text + "\n";
      if (x.is_problem)
        problems.push_back(x.part + ": " + x.text);
    });
  }

  void flip(const fs::path& file, std::streamoff offset) {
    std::fstream f{file, std::ios::in | std::ios::out | std::ios::binary};
    f.seekg(offset);
    auto byte = static_cast<char>(f.get() ^ 1);
    f.seekp(offset);
    f.put(byte);
  }

  /// Names and sizes, and when they were changed.
  std::map<std::string, std::pair<uintmax_t, fs::file_time_type>> names() const {
    std::map<std::string, std::pair<uintmax_t, fs::file_time_type>> found;
    for (auto& each : fs::recursive_directory_iterator{path})
      found[each.path()] = {each.is_regular_file() ? each.file_size() : 0, each.last_write_time()};
    return found;
  }

  temporary_directory directory;
  fs::path path = directory.path() / "a";
  local_disk files;
  std::vector<std::string> problems;
  std::string all;
};

} // namespace

TEST_CASE_FIXTURE(fixture, "a whole data directory is told in parts, and not changed") {
  auto before = names();
  CHECK(verify());
  CHECK(problems.empty());
  CHECK(all.find("identity: of node 'a' (id 1) of cluster 'test'") != std::string::npos);
  CHECK(all.find("incarnation: started 1 times") != std::string::npos);
  CHECK(all.find("acceptor: segments 1 to 1 are whole, up to record 21") != std::string::npos);
  CHECK(names() == before);
}

TEST_CASE_FIXTURE(fixture, "how far the reading of a large part is, is told") {
  std::string what;
  uint64_t last = 0, of = 0;
  CHECK(verify_data_directory(
    built_in(), files, path, [](const finding&) {},
    [&](const std::string& part) {
      what = part;
      return [&](uint64_t bytes, uint64_t of_bytes) {
        CHECK(bytes > last);
        last = bytes;
        of = of_bytes;
      };
    }));
  CHECK(what == "acceptor: the log");
  CHECK(last > 20 * 64);
  CHECK(of > 0);
  CHECK(of % (64 << 10) == 0); // Whole segments.
}

TEST_CASE_FIXTURE(fixture, "damage is told with file and offset, every part that has some") {
  flip(path / "acceptor" / "000000000001.log", 1000);
  for (auto copy : {0, 4096}) // It is there twice.
    flip(path / "incarnation", copy + 20);
  CHECK_FALSE(verify());
  REQUIRE(problems.size() == 2);
  CHECK(problems[0].find("incarnation") != std::string::npos);
  CHECK(problems[1].find("000000000001.log: offset ") != std::string::npos);
  CHECK(problems[1].find("is damaged") != std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "what a crash left is no damage, and is told") {
  auto log = path / "acceptor" / "000000000001.log";
  opened_log opened{files, {path / "acceptor", "test", "a", 64 << 10, 7}};
  flip(log, static_cast<std::streamoff>(opened.positions.back().offset + 50));
  CHECK(verify());
  CHECK(all.find("cut an unfinished write") != std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "what is missing is told") {
  SUBCASE("a role's folder") {
    fs::remove_all(path / "acceptor");
    CHECK_FALSE(verify());
    CHECK(problems.at(0).find("is not whole: it held acceptor") != std::string::npos);
  }
  SUBCASE("the last segment") {
    fs::remove(path / "acceptor" / "000000000002.log");
    CHECK_FALSE(verify());
    CHECK(problems.at(0).find("is missing, although the log went on to segment 2") != std::string::npos);
  }
  SUBCASE("identity") {
    fs::remove(path / "identity");
    CHECK_FALSE(verify());
    CHECK(problems.at(0).find("identity") != std::string::npos);
  }
  SUBCASE("all of it") {
    fs::remove_all(path);
    CHECK_FALSE(verify());
    CHECK(problems.at(0).find("is no directory") != std::string::npos);
    CHECK_FALSE(fs::exists(path));
  }
}

TEST_CASE_FIXTURE(fixture, "a data directory that is in use is not looked at") {
  directory_lock lock;
  REQUIRE(!lock.take(path));
  CHECK_FALSE(verify());
  CHECK(problems.at(0).find("another process uses this data directory") != std::string::npos);
}
