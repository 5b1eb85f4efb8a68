#include "harness.hpp"

#include "disk.hpp"

#include "synod/actors/acceptor/log.hpp"

#include <doctest/doctest.h>

using namespace synod;
using namespace synod::test;
using synod::simulation::platter;
using synod::simulation::random_stream;

namespace {

constexpr ballot some{1, 0, 1};

/// A host's log from one start to the next. Records are numbered; a record counts as told once a sync behind it, or a
/// replay, has returned: from then on it must never be missing.
struct host {
  explicit host(uint64_t seed) : disk{seed, 0}, random{seed, "lives"} {}

  file_log::options options() { return {"/log", "test", "a", 64 << 10, disk.plug()}; }

  /// Opens the log, checks what is there, and appends until something ends it. True: it came so far as to append.
  bool live() {
    file_log log{options()};
    std::vector<int64_t> found;
    auto failure = log.replay([&](record_kind kind, const block_ptr& content, storage::position) {
      if (kind == record_kind::pvalue)
        found.push_back(message<schema::Pvalue> { content } -> getValue().getTime());
    });
    if (failure) {
      CHECK_MESSAGE(text_of(failure).find("(simulated)") != std::string::npos, text_of(failure));
      return false;
    }
    CHECK_MESSAGE(static_cast<int64_t>(found.size()) >= told, found.size(), " records are there, ", told, " were told of");
    for (size_t i = 0; i < found.size(); ++i)
      CHECK(found[i] == static_cast<int64_t>(i + 1));
    told = static_cast<int64_t>(found.size());
    append(log);
    return true;
  }

  void append(file_log& log) {
    auto last = told;
    for (auto left = random.below(60); left > 0; --left) {
      if (log.append(record_kind::pvalue, value_of(some, static_cast<slot_number>(last + 1), last + 1).content()))
        ++last;
      else
        return;
      if (random.below(3) > 0)
        continue;
      if (log.sync())
        return; // That is final.
      told = last;
    }
    if (random.below(10) == 0)
      static_cast<void>(log.close());
  }

  static std::string text_of(const caf::error& x) { return caf::to_string(x); }

  platter disk;
  random_stream random;
  int64_t told = 0;
};

} // namespace

TEST_CASE("the log keeps what it told of over kills, power cuts and failed writes") {
  uint64_t lives = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    host subject{seed};
    for (int life = 0; life < 40; ++life) {
      subject.disk.behaviour().torn = subject.random.below(2) == 0;
      subject.disk.behaviour().error_per_million = subject.random.below(3) == 0 ? 30'000 : 0;
      lives += subject.live();
      subject.disk.unplug();
      if (subject.random.below(2) == 0)
        subject.disk.cut_power();
    }
    CHECK(subject.told > 0);
  }
  CHECK(lives > 1000);
}

TEST_CASE("what a start finds in a segment that is full to its last byte is durable, too") {
  platter measured{1, 0}, disk{1, 0};
  auto options = [](platter& on, size_t segment_bytes) {
    return file_log::options{"/log", "test", "a", segment_bytes, on.plug()};
  };
  auto content = value_of(some, 1, 1).content();
  auto replay = [](file_log& log) {
    int found = 0;
    REQUIRE(!log.replay([&](record_kind, const block_ptr&, storage::position) { ++found; }));
    return found;
  };
  auto append = [&](file_log& log) {
    auto where = log.append(record_kind::pvalue, content);
    REQUIRE(where);
    return where->offset;
  };
  constexpr int count = 100;
  size_t full = 0;
  {
    file_log log{options(measured, 64 << 10)};
    replay(log);
    auto first = append(log), second = append(log);
    full = first + count * (second - first);
  }
  {
    file_log log{options(disk, full)};
    replay(log);
    for (int i = 0; i < count; ++i)
      append(log);
    disk.on_sync = [&] { disk.behaviour().error_per_million = 1'000'000; }; // It is the sync that fails, not the write.
    REQUIRE(log.sync());
    disk.on_sync = nullptr;
    disk.behaviour().error_per_million = 0;
  }
  disk.unplug();
  auto found = 0;
  {
    file_log log{options(disk, full)};
    found = replay(log);
  }
  disk.unplug();
  disk.cut_power();
  file_log log{options(disk, full)};
  CHECK(replay(log) == found);
  CHECK(found == count);
}

TEST_CASE("a platter loses in a power cut what was not synced, and in a failed sync, too") {
  platter subject{1, 0};
  auto read = [&] {
    auto file = subject.plug()->open("/f");
    REQUIRE(file);
    std::vector<std::byte> bytes(2 * platter::sector_bytes);
    REQUIRE(!(*file)->read(0, bytes));
    return std::pair{static_cast<char>(bytes.front()), static_cast<char>(bytes.back())};
  };
  auto write = [&](char what, bool syncs) {
    auto file = subject.plug()->open("/f");
    REQUIRE(file);
    std::vector<std::byte> bytes(2 * platter::sector_bytes, static_cast<std::byte>(what));
    std::span<const std::byte> parts[]{bytes};
    REQUIRE(!(*file)->write(0, parts));
    return syncs ? (*file)->sync() : caf::error{};
  };
  REQUIRE(!subject.plug()->make("/f", 2 * platter::sector_bytes));
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
      CHECK((*subject.plug()->open("/f"))->sync());
      subject.behaviour().error_per_million = 0;
      CHECK(!(*subject.plug()->open("/f"))->sync());
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
