#include "acceptor/logs.hpp"

#include "platter.hpp"

#include <doctest/doctest.h>

using namespace synod;
using namespace synod::test;
using synod::simulation::platter;
using synod::simulation::random_stream;

namespace {

/// A host's log from one start to the next. Records are numbered; a record counts as told once a write behind it, or a
/// replay, has ended: from then on it must never be missing.
struct disk_owner {
  explicit disk_owner(uint64_t seed) : disk{seed, 0}, random{seed, "lives"} {}

  /// Opens the log, checks what is there, and appends until something ends it. True: it came so far as to append.
  bool live() {
    auto files = disk.plug();
    if (random.below(4) == 0)
      disk.unplug_after(random.below(150));
    opened_log opened{*files, {"/log", "test", "a", 8 << 10}};
    if (!disk.plugged())
      return false; // It ended in the middle of it.
    if (!opened.log) {
      CHECK_MESSAGE(text_of(opened.failure).find("(simulated)") != std::string::npos, text_of(opened.failure));
      return false;
    }
    auto& found = opened.found;
    CHECK_MESSAGE(static_cast<int64_t>(found.size()) >= told, found.size(), " records are there, ", told, " were told of");
    CHECK(found == numbers(1, static_cast<int64_t>(found.size())));
    told = static_cast<int64_t>(found.size());
    cuts += !opened.log->cut().empty();
    append(*opened.log);
    return true;
  }

  void append(write_ahead_log& log) {
    auto last = told;
    for (auto left = random.below(100); left > 0; --left) {
      log.append(record_kind::pvalue, numbered(++last));
      if (random.below(3) > 0)
        continue;
      if (settle(log))
        return; // That is final.
      if (disk.plugged())
        told = last;
    }
    if (random.below(10) == 0)
      static_cast<void>(log.close().run());
  }

  static std::string text_of(const caf::error& x) { return caf::to_string(x); }

  platter disk;
  random_stream random;
  int64_t told = 0;
  int cuts = 0;
};

} // namespace

TEST_CASE("the log keeps what it told of over kills, power cuts and failed writes") {
  uint64_t lives = 0;
  auto cuts = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    disk_owner subject{seed};
    for (int life = 0; life < 40; ++life) {
      subject.disk.behaviour().torn = subject.random.below(2) == 0;
      subject.disk.behaviour().error_per_million = subject.random.below(3) == 0 ? 30'000 : 0;
      lives += subject.live();
      subject.disk.unplug();
      if (subject.random.below(2) == 0)
        subject.disk.cut_power();
    }
    CHECK(subject.told > 0);
    cuts += subject.cuts;
  }
  CHECK(lives > 1000);
  CHECK(cuts > 30);
}

TEST_CASE("what a start finds in a segment that is full to its last byte is durable, too") {
  constexpr int64_t count = 100;
  log_segments sizes{{"/log", "test", "a", 0}};
  // Room is kept for a record that says that the log was closed.
  auto full = 2 * sizes.start_bytes() + count * record_bytes(numbered(1));
  log_segments::options options{"/log", "test", "a", full};
  platter disk{1, 0};
  {
    auto files = disk.plug();
    opened_log opened{*files, options};
    REQUIRE(opened.log);
    for (int64_t i = 1; i <= count; ++i)
      opened.log->append(record_kind::pvalue, numbered(i));
    disk.on_sync = [&] { disk.behaviour().error_per_million = 1'000'000; }; // It is the sync that fails, not the write.
    REQUIRE(settle(*opened.log));
    disk.on_sync = nullptr;
    disk.behaviour().error_per_million = 0;
  }
  {
    auto files = disk.plug();
    CHECK(opened_log{*files, options}.found == numbers(1, count));
  }
  disk.unplug();
  disk.cut_power();
  auto files = disk.plug();
  CHECK(opened_log{*files, options}.found == numbers(1, count));
}

TEST_CASE("a platter loses in a power cut what was not synced, and in a failed sync, too") {
  platter subject{1, 0};
  auto read = [&] {
    auto files = subject.plug();
    auto file = files->open("/f");
    REQUIRE(file);
    std::vector<std::byte> bytes(2 * platter::sector_bytes);
    REQUIRE(!(*file)->read(0, bytes));
    return std::pair{static_cast<char>(bytes.front()), static_cast<char>(bytes.back())};
  };
  auto write = [&](char what, bool syncs) {
    auto files = subject.plug();
    auto file = files->open("/f");
    REQUIRE(file);
    std::vector<std::byte> bytes(2 * platter::sector_bytes, static_cast<std::byte>(what));
    std::span<const std::byte> parts[]{bytes};
    REQUIRE(!(*file)->write(0, parts));
    return syncs ? (*file)->sync() : caf::error{};
  };
  auto sync = [&] {
    auto files = subject.plug();
    return (*files->open("/f"))->sync();
  };
  REQUIRE(!write_whole(*subject.plug(), "/f", std::vector<std::byte>(2 * platter::sector_bytes)));
  REQUIRE(!write('a', true));
  subject.cut_power();
  CHECK(read() == std::pair{'a', 'a'});

  SUBCASE("a kill loses nothing") {
    REQUIRE(!write('b', false));
    subject.unplug();
    CHECK(read() == std::pair{'b', 'b'});
  }
  SUBCASE("a power cut may lose anything") {
    auto lost = 0, torn = 0;
    subject.behaviour().torn = true;
    for (int i = 0; i < 100; ++i) {
      REQUIRE(!write('a', true));
      REQUIRE(!write('b', false));
      subject.cut_power();
      lost += read() == std::pair{'a', 'a'};
      torn += read().first != read().second;
    }
    CHECK(lost > 0);
    CHECK(torn > 0);
  }
  SUBCASE("after a failed sync another one is no help, only writing again is") {
    auto lost = 0;
    for (int i = 0; i < 100; ++i) {
      REQUIRE(!write('a', true));
      subject.behaviour().error_per_million = 0;
      REQUIRE(!write('b', false));
      subject.behaviour().error_per_million = 1'000'000;
      CHECK(sync());
      subject.behaviour().error_per_million = 0;
      CHECK(!sync());
      CHECK(read() == std::pair{'b', 'b'});
      subject.cut_power();
      lost += read() != std::pair{'b', 'b'};
      REQUIRE(!write('b', true));
      subject.cut_power();
      CHECK(read() == std::pair{'b', 'b'});
    }
    CHECK(lost > 0);
  }
}

TEST_CASE("a name is there after a power cut if its directory was synced, and otherwise by chance") {
  int made = 0, renamed = 0, removed = 0;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    CAPTURE(seed);
    platter subject{seed, 0};
    auto files = subject.plug();
    subject.behaviour().torn = true;
    for (auto* name : {"/d/kept", "/d/old", "/d/doomed"})
      REQUIRE(files->create(name));
    REQUIRE(!files->sync_directory("/d"));
    REQUIRE(files->create("/d/made"));
    REQUIRE(!files->rename("/d/old", "/d/renamed"));
    REQUIRE(!files->remove("/d/doomed"));
    subject.cut_power();
    auto after = subject.plug();
    auto names = *after->list("/d");
    auto has = [&](const char* name) { return std::count(names.begin(), names.end(), name) > 0; };
    CHECK(has("kept"));
    CHECK(has("old") != has("renamed"));
    made += has("made");
    renamed += has("renamed");
    removed += !has("doomed");
  }
  for (auto count : {made, renamed, removed}) {
    CHECK(count > 10);
    CHECK(count < 90);
  }
}

TEST_CASE("a kill loses no names, and a synced directory none in a power cut") {
  platter subject{1, 0};
  auto files = subject.plug();
  REQUIRE(files->create("/d/a"));
  REQUIRE(!files->rename("/d/a", "/d/b"));
  auto next = subject.plug();
  CHECK(*next->list("/d") == std::vector<std::string>{"b"});
  REQUIRE(!next->sync_directory("/d"));
  subject.cut_power();
  CHECK(*subject.plug()->list("/d") == std::vector<std::string>{"b"});
}

TEST_CASE("a file is written whole or not at all, whenever the power goes") {
  auto content = [](char what) { return std::vector<std::byte>(3000, static_cast<std::byte>(what)); };
  int before = 0, after = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    platter subject{seed, 0};
    subject.behaviour().torn = seed % 2 == 0;
    REQUIRE(!write_whole(*subject.plug(), "/d/f", content('a')));
    auto files = subject.plug();
    subject.unplug_after(seed % 7);
    static_cast<void>(write_whole(*files, "/d/f", content('b')));
    auto told = subject.plugged();
    subject.cut_power();
    auto next = subject.plug();
    auto file = next->open("/d/f");
    REQUIRE(file);
    REQUIRE((*file)->size() == 3000);
    std::vector<std::byte> found(3000);
    REQUIRE(!(*file)->read(0, found));
    auto is_new = found == content('b');
    CHECK((is_new || found == content('a')));
    if (told)
      CHECK(is_new);
    (is_new ? after : before)++;
  }
  CHECK(before > 20);
  CHECK(after > 20);
}

TEST_CASE("a file that grew and was not synced has its old size after a power cut, or the new one") {
  int grown = 0;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    platter subject{seed, 0};
    REQUIRE(!write_whole(*subject.plug(), "/f", std::vector<std::byte>(100, std::byte{1})));
    std::vector<std::byte> more(2000, std::byte{2});
    std::span<const std::byte> parts[]{more};
    auto files = subject.plug();
    REQUIRE(!(*files->open("/f"))->write(100, parts));
    subject.cut_power();
    auto size = (*subject.plug()->open("/f"))->size();
    CHECK((size == 100 || size == 2100));
    grown += size == 2100;
  }
  CHECK(grown > 5);
  CHECK(grown < 45);
}

TEST_CASE("a platter that is unplugged takes no harm") {
  platter subject{1, 0};
  auto files = subject.plug();
  REQUIRE(files->create("/d/a"));
  subject.unplug_after(2);
  REQUIRE(files->create("/d/b"));
  REQUIRE(files->create("/d/c"));
  CHECK(subject.plugged());
  REQUIRE(files->create("/d/d"));
  CHECK_FALSE(subject.plugged());
  CHECK(!files->remove("/d/a"));
  files->aside(
    disk::lane::durable,
    [] {
      FAIL("it is unplugged");
      return caf::error{};
    },
    {}, 1);
  CHECK(subject.plug()->list("/d")->size() == 3);
}

TEST_CASE("on a disk that is full nothing grows, and what is there is still written") {
  platter on{1, 0};
  auto files = on.plug();
  std::vector<std::byte> bytes(1000, std::byte{1});
  std::span<const std::byte> part{bytes};
  CHECK(*files->free_bytes("/d") == platter::plenty_bytes);
  REQUIRE(!write_whole(*files, "/d/one", part));
  on.fill(1500);
  CHECK(*files->free_bytes("/d") == 1500);
  REQUIRE(!write_whole(*files, "/d/two", part));
  auto failure = write_whole(*files, "/d/three", part);
  CHECK(is_want_of_room(failure));
  CHECK(caf::to_string(failure).find("No space left on device (simulated)") != std::string::npos);
  CHECK(*files->free_bytes("/d") == 500); // What there was of it was removed.
  auto file = files->open("/d/two");
  REQUIRE(file);
  CHECK(!(*file)->write(0, {&part, 1}));
  CHECK(!(*file)->sync());
  REQUIRE(!files->remove("/d/one"));
  CHECK(!write_whole(*files, "/d/three", part));
  on.fill(0);
  CHECK(is_want_of_room(files->create("/d/four").error()));
  on.fill(std::nullopt);
  CHECK(!write_whole(*files, "/d/four", part));
}
