#include "fresh_state.hpp"
#include "harness.hpp"
#include "platter.hpp"

#include "synod/actors/replica/snapshot_file.hpp"
#include "synod/actors/role/error_text.hpp"

#include <doctest/doctest.h>

using namespace synod;
using namespace synod::test;

namespace {

struct fixture {
  fixture() { REQUIRE(!files->make_directory("/s")); }

  void set(const std::string& key, const std::string& value) {
    std::string_view command[]{"SET", key, value};
    state.machine->apply(command, reply{});
  }

  /// Writes all of a snapshot.
  void write(slot_number slot_out = 7) {
    state.slot_out = slot_out;
    state_snapshot source{state, whose, 99};
    unfinished_file file{*files, path};
    bytes = 0;
    for (auto records = source.next(); !records.empty(); records = source.next())
      for (auto& each : records) {
        std::span<const std::byte> parts[]{std::as_bytes(std::span{&each.header, 1}), std::as_bytes(each.content->words())};
        bytes += record_bytes(each.content);
        REQUIRE(!file.append(parts));
      }
    REQUIRE(!file.finish());
  }

  std::string problem() {
    auto into = fresh();
    auto restored = restore_snapshot(*files, path, whose, into);
    auto checked = check_snapshot(*files, path, whose);
    CHECK(static_cast<bool>(restored) == static_cast<bool>(checked));
    if (restored)
      return {};
    CHECK(restored.error() == caf::sec::invalid_argument);
    return text_of(restored.error());
  }

  void overwrite(size_t offset, std::byte with) {
    std::span<const std::byte> part{&with, 1};
    REQUIRE(!(*files->open(path))->write(offset, {&part, 1}));
  }

  std::vector<std::byte> content() {
    std::vector<std::byte> all(bytes);
    REQUIRE(!(*files->open(path))->read(0, all));
    return all;
  }

  void write(std::span<const std::byte> all) { REQUIRE(!write_whole(*files, path, all)); }

  simulation::platter on{1, 0};
  std::unique_ptr<disk> files = on.plug();
  snapshot_origin whose{"test", "key-value"};
  std::filesystem::path path = snapshot_path("/s", 7);
  replicated_state state = fresh();
  size_t bytes = 0;
};

} // namespace

TEST_CASE_FIXTURE(fixture, "a snapshot brings back machine, sessions with their results, log time and slot") {
  set("k", "v");
  set("large", std::string(3u << 20, 'x')); // More than a record takes.
  state.sessions.open(5, 65536, true, 3);
  builder<schema::Reply> kept;
  kept->setBulk(as_data("result"));
  state.sessions.advance(65536, 4);
  state.sessions.keep(65536, 1, kept.finish());
  state.sessions.expire(100);
  state.log_time = 100;
  write();
  auto into = fresh();
  auto found = restore_snapshot(*files, path, whose, into);
  REQUIRE(found);
  CHECK(*found == snapshot_info{7, 99, bytes});
  CHECK(into.slot_out == 7);
  CHECK(into.log_time == 100);
  CHECK(into.sessions.next_cid(65536) == 2);
  CHECK(view(into.sessions.result(65536, 1)->getBulk()) == "result");
  CHECK(into.sessions.expired_at() == 100);
  auto& machine = dynamic_cast<key_value::machine&>(*into.machine);
  CHECK(machine.data().find("k")->value() == "v");
  CHECK(machine.data().find("large")->value().size() == 3u << 20);
  CHECK(*look_at_snapshot(*files, path, whose) == *found);
}

TEST_CASE_FIXTURE(fixture, "an empty state has a snapshot, too; one with many sessions has several records of them") {
  write();
  CHECK(problem().empty());
  for (uint64_t i = 1; i <= 3000; ++i)
    state.sessions.open(i, i, false, 0);
  write();
  auto into = fresh();
  REQUIRE(restore_snapshot(*files, path, whose, into));
  CHECK(into.sessions.size() == 3000);
}

TEST_CASE_FIXTURE(fixture, "a flipped bit anywhere is found, with file and offset") {
  set("k", "v");
  state.sessions.open(5, 65536, true, 3);
  write();
  auto whole = content();
  for (size_t offset = 0; offset < bytes; ++offset) {
    overwrite(offset, whole[offset] ^ std::byte{4});
    INFO("offset ", offset);
    CHECK(problem().find("00000000000000000007.snapshot: offset ") != std::string::npos);
    overwrite(offset, whole[offset]);
  }
  CHECK(problem().empty());
}

TEST_CASE_FIXTURE(fixture, "one that is cut short anywhere is found, and one that goes on behind its end") {
  set("k", "v");
  write();
  auto whole = content();
  for (size_t size = 8; size < bytes; size += 8) {
    write(std::span{whole}.first(size));
    CHECK(problem().find("damaged") != std::string::npos);
  }
  auto longer = whole;
  longer.resize(bytes + 8);
  write(longer);
  CHECK(problem().find("damaged") != std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "records of another snapshot do not fit") {
  set("k", "v");
  write();
  auto whole = content();
  state_snapshot other{state, whose, 98};
  std::vector<std::byte> mixed;
  for (auto records = other.next(); !records.empty(); records = other.next())
    for (auto& each : records) {
      auto header = std::as_bytes(std::span{&each.header, 1});
      auto words = std::as_bytes(each.content->words());
      mixed.insert(mixed.end(), header.begin(), header.end());
      mixed.insert(mixed.end(), words.begin(), words.end());
    }
  REQUIRE(mixed.size() == whole.size());
  std::copy(whole.begin(), whole.begin() + 200, mixed.begin());
  write(mixed);
  CHECK(problem().find("damaged") != std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "another cluster's, another machine's and another version's are refused with both names") {
  write();
  whose.cluster = "other";
  CHECK(problem().find("is of cluster 'test' with state machine 'key-value', not of 'other' with 'key-value'")
        != std::string::npos);
  whose = {"test", "bank"};
  CHECK(problem().find("not of 'test' with 'bank'") != std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "a state machine need not ask for the end of its pieces, but for all before it") {
  struct reads : state_machine {
    explicit reads(int pieces) : pieces_{pieces} {}
    std::span<const command_spec> commands() const override { return {}; }
    void apply(arguments, reply) override {}
    void query(arguments, reply) const override {}
    void snapshot(const std::function<void(std::string_view)>& write) const override { write("one"), write("two"); }
    std::optional<std::string> restore(const std::function<std::string()>& read) override {
      for (int i = 0; i < pieces_; ++i)
        read();
      return std::nullopt;
    }
    int pieces_;
  };
  state.machine = std::make_unique<reads>(2);
  write();
  for (int pieces : {1, 2, 3}) {
    auto into = fresh();
    into.machine = std::make_unique<reads>(pieces);
    CHECK(static_cast<bool>(restore_snapshot(*files, path, whose, into)) == (pieces > 1));
  }
}

TEST_CASE("snapshots are found by their names") {
  CHECK(snapshot_path("/s", 7).filename() == "00000000000000000007.snapshot");
  CHECK(snapshot_slot("00000000000000000007.snapshot") == 7);
  CHECK(snapshot_slot("7.snapshot") == 7);
  for (auto* name : {"7", "x7.snapshot", "7x.snapshot", ".snapshot", "7.snapshot.new", "snapshot"})
    CHECK_FALSE(snapshot_slot(name));
}

TEST_CASE_FIXTURE(fixture, "how far the reading of a snapshot is, is told") {
  for (int i = 0; i < 100; ++i)
    set("key" + std::to_string(i), std::string(1000, 'x'));
  write();
  uint64_t last = 0;
  size_t times = 0;
  auto told = [&](uint64_t done, uint64_t of_bytes) {
    CHECK(of_bytes == bytes);
    CHECK(done > last);
    last = done;
    ++times;
  };
  auto into = fresh();
  REQUIRE(restore_snapshot(*files, path, whose, into, told));
  CHECK(last == bytes);
  CHECK(times > 1);
}
