#include "harness.hpp"

#include "platter.hpp"
#include "synod/actors/node/data_directory.hpp"
#include "synod/messages/log.capnp.h"
#include "temporary_directory.hpp"

#include <xxhash.h>

#include <doctest/doctest.h>

using namespace synod;
using namespace synod::test;

namespace {

struct fixture {
  std::optional<data_directory::failure> open(const char* cluster = "test", const char* node = "a", node_id id = 1) {
    files = on.plug();
    subject = {};
    return subject.open(*files, "/data", {cluster, node, id, agreement}, token);
  }

  /// Writes over one byte of a file.
  void damage(const char* file, size_t offset) {
    files = on.plug();
    std::vector<std::byte> bytes(1, std::byte{0x77});
    std::span<const std::byte> parts[]{bytes};
    REQUIRE(!(*files->open(file))->write(offset, parts));
  }

  simulation::platter on{1, 0};
  std::unique_ptr<disk> files;
  data_directory subject;
  uint64_t token = 5;
  std::string agreement = "one thing\nanother thing\n";
};

using fault = data_directory::fault;

} // namespace

TEST_CASE_FIXTURE(fixture, "each start has a number of its own") {
  for (uint32_t start = 1; start <= 3; ++start) {
    CHECK(!open());
    CHECK(subject.incarnation() == start);
  }
}

TEST_CASE_FIXTURE(fixture, "no number of a start that succeeded is used again, whenever the power goes") {
  simulation::random_stream random{1, "starts"};
  uint32_t last = 0;
  int interrupted = 0;
  for (int i = 0; i < 500; ++i) {
    files = on.plug();
    on.behaviour().torn = random.below(2) == 0;
    if (random.below(2) == 0)
      on.unplug_after(random.below(8));
    auto wrong = subject.open(*files, "/data", {"test", "a", 1, agreement}, token);
    if (on.plugged()) {
      REQUIRE_MESSAGE(!wrong, wrong->text);
      CHECK(subject.incarnation() > last);
      last = subject.incarnation();
    } else {
      ++interrupted;
    }
    on.unplug();
    if (random.below(2) == 0)
      on.cut_power();
  }
  CHECK(interrupted > 100);
}

TEST_CASE_FIXTURE(fixture, "a directory keeps the token that it was begun with") {
  REQUIRE(!open());
  CHECK(subject.token() == 5);
  token = 7;
  REQUIRE(!open());
  CHECK(subject.token() == 5);
  on.erase();
  REQUIRE(!open());
  CHECK(subject.token() == 7);
}

TEST_CASE_FIXTURE(fixture, "what a directory held at its last start must be there") {
  REQUIRE(!open());
  REQUIRE(files->create("/data/acceptor/000000000001.log"));
  REQUIRE(files->create("/data/nodes"));
  REQUIRE(!subject.seal(*files, {"replica", "acceptor"}));
  REQUIRE(!open());
  std::string gone;
  SUBCASE("a role's folder but for what a file system and a crash leave") {
    gone = "acceptor";
    REQUIRE(!files->remove("/data/acceptor/000000000001.log"));
    REQUIRE(files->create("/data/acceptor/extent.new"));
    REQUIRE(files->create("/data/acceptor/lost+found/x"));
  }
  SUBCASE("a role's folder") {
    gone = "acceptor";
    REQUIRE(!files->remove("/data/acceptor/000000000001.log"));
  }
  SUBCASE("the incarnation") {
    gone = "incarnation";
    REQUIRE(!files->remove("/data/incarnation"));
  }
  SUBCASE("the known nodes") {
    gone = "nodes";
    REQUIRE(!files->remove("/data/nodes"));
  }
  auto wrong = open();
  REQUIRE(wrong);
  CHECK(wrong->kind == fault::wrong_directory);
  CHECK(wrong->text.find("it held " + gone + " when") != std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "a role is told whether it has stored something at an earlier start") {
  REQUIRE(!open());
  CHECK_FALSE(subject.has_stored("acceptor"));
  REQUIRE(files->create("/data/acceptor/000000000001.log"));
  REQUIRE(!subject.seal(*files, {"replica", "acceptor"}));
  REQUIRE(files->create("/data/nodes"));
  REQUIRE(!open());
  CHECK(subject.has_stored("acceptor"));
  CHECK_FALSE(subject.has_stored("replica"));
}

TEST_CASE_FIXTURE(fixture, "a start that came to nothing before its roles had started can be tried again") {
  REQUIRE(!open()); // Not sealed.
  REQUIRE(!open());
  CHECK(subject.incarnation() == 2);
}

TEST_CASE_FIXTURE(fixture, "what must not change is what it was when the directory was begun") {
  REQUIRE(!open());
  agreement = "another thing\none thing more\n";
  auto wrong = open();
  REQUIRE(wrong);
  CHECK(wrong->kind == fault::wrong_directory);
  CHECK(wrong->text.find("was begun with \"one thing\", and the cluster file says \"one thing more\"") != std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "a node whose id has changed is refused") {
  REQUIRE(!open());
  auto wrong = open("test", "a", 2);
  REQUIRE(wrong);
  CHECK(wrong->kind == fault::wrong_directory);
  CHECK(wrong->text.find("belongs to the node with id 1, and 'a' has id 2") != std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "a directory of another node or cluster is refused") {
  REQUIRE(!open());
  for (auto [cluster, node] : {std::pair{"test", "b"}, std::pair{"other", "a"}}) {
    auto wrong = open(cluster, node);
    REQUIRE(wrong);
    CHECK(wrong->kind == fault::wrong_directory);
    CHECK(wrong->text.find("belongs to node 'a' of cluster 'test'") != std::string::npos);
  }
}

TEST_CASE_FIXTURE(fixture, "a directory that was made by another version is refused, and both versions are named") {
  builder<schema::Identity> older;
  older->setFormatVersion(1);
  older->setCluster("test");
  older->setNode("a");
  auto content = older.finish();
  std::vector<uint64_t> words{XXH3_64bits(content.words().data(), content.size_bytes())};
  words.insert(words.end(), content.words().begin(), content.words().end());
  files = on.plug();
  REQUIRE(!write_whole(*files, "/data/identity", std::as_bytes(std::span{words})));
  auto wrong = open();
  REQUIRE(wrong);
  CHECK(wrong->kind == fault::wrong_directory);
  CHECK(wrong->text.find("has format version 1, this program knows 5") != std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "a directory that holds something else is refused") {
  files = on.plug();
  REQUIRE(files->create("/data/lock"));
  REQUIRE(files->create("/data/identity.new"));
  REQUIRE(files->create("/data/photo.jpg"));
  auto wrong = open();
  REQUIRE(wrong);
  CHECK(wrong->kind == fault::wrong_directory);
  CHECK(wrong->text.find("photo.jpg") != std::string::npos);
  REQUIRE(!files->remove("/data/photo.jpg"));
  CHECK(!open());
}

TEST_CASE_FIXTURE(fixture, "a damaged file is refused") {
  REQUIRE(!open());
  auto file = std::string{"/data/incarnation"};
  SUBCASE("identity") {
    file = "/data/identity";
  }
  SUBCASE("incarnation") {}
  for (size_t copy : {0, 4096}) // It is there twice.
    damage(file.c_str(), copy + 20);
  auto wrong = open();
  REQUIRE(wrong);
  CHECK(wrong->kind == fault::wrong_directory);
  CHECK(wrong->text.find(file + ": is damaged") != std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "starts are not counted from 1 again where something was written already") {
  REQUIRE(!open());
  REQUIRE(!files->remove("/data/incarnation"));
  CHECK(!open()); // As after a crash between the two files.
  REQUIRE(!files->remove("/data/incarnation"));
  REQUIRE(files->create("/data/acceptor"));
  auto wrong = open();
  REQUIRE(wrong);
  CHECK(wrong->text.find("/data/incarnation: is missing") != std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "looking at a directory writes nothing there") {
  files = on.plug();
  CHECK(!subject.look(*files, "/data", {"test", "a", 1, agreement}));
  CHECK(files->list("/data")->empty());
  REQUIRE(!open());
  auto wrong = data_directory{}.look(*files, "/data", {"test", "b", 1, agreement});
  REQUIRE(wrong);
  CHECK(wrong->kind == fault::wrong_directory);
  CHECK(!data_directory{}.look(*files, "/data", {"test", "a", 1, agreement}));
  CHECK(files->list("/data")->size() == 2);
}

TEST_CASE_FIXTURE(fixture, "a disk that fails is no wrong directory") {
  REQUIRE(!open());
  files = on.plug();
  on.behaviour().error_per_million = 1'000'000;
  auto wrong = subject.open(*files, "/data", {"test", "a", 1, agreement}, token);
  REQUIRE(wrong);
  CHECK(wrong->kind == fault::unusable);
}

TEST_CASE("one process at a time uses a directory") {
  temporary_directory directory;
  directory_lock first, second;
  CHECK(!first.take(directory.path()));
  auto wrong = second.take(directory.path());
  REQUIRE(wrong);
  CHECK(wrong->text.find("another process uses this data directory") != std::string::npos);
}

TEST_CASE("a lock is the directory's, whatever becomes of the files in it") {
  temporary_directory directory;
  directory_lock first, second, third;
  CHECK(!first.take(directory.path()));
  std::filesystem::remove_all(directory.path());
  CHECK(second.take(directory.path())->text.find("cannot open") != std::string::npos);
  std::filesystem::create_directory(directory.path());
  CHECK(!third.take(directory.path())); // Another one by the same name.
  CHECK(std::filesystem::is_empty(directory.path()));
}

TEST_CASE_FIXTURE(fixture, "a start is counted on a full disk, too") {
  REQUIRE(!open());
  REQUIRE(!write_whole(*files, "/data/nodes", std::vector<std::byte>(8)));
  REQUIRE(!subject.seal(*files, {}));
  REQUIRE(!write_whole(*files, "/data/replica/snapshot", std::vector<std::byte>(100)));
  on.fill(0);
  for (uint32_t start = 2; start <= 4; ++start) {
    REQUIRE(!open());
    CHECK(subject.incarnation() == start);
    CHECK(!subject.seal(*files, {"replica"})); // It holds more than before.
    CHECK(subject.has_stored("replica"));
  }
}
