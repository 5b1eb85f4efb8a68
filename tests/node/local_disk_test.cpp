#include "acceptor/logs.hpp"

#include "synod/actors/node/local_disk.hpp"
#include "synod/actors/node/system_config.hpp"
#include "temporary_directory.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <filesystem>
#include <set>
#include <thread>

using namespace synod;
using namespace synod::test;
namespace fs = std::filesystem;

namespace {

std::vector<std::byte> bytes_of(std::string_view text) {
  auto bytes = std::as_bytes(std::span{text});
  return {bytes.begin(), bytes.end()};
}

std::string content_of(disk& files, const fs::path& path) {
  auto file = files.open(path);
  REQUIRE(file);
  std::string text((*file)->size(), ' ');
  REQUIRE(!(*file)->read(0, std::as_writable_bytes(std::span{text})));
  return text;
}

struct fixture {
  fs::path path(const char* name) const { return directory.path() / name; }

  temporary_directory directory;
  local_disk files;
};

/// An actor system with real threads, and an actor that counts what it is told.
struct threads {
  threads() {
    // With an argument: for none CAF binds a reference to nothing, which a sanitizer notices.
    auto listen = [](caf::event_based_actor*, threads* to) -> caf::behavior {
      return {[to](const done_aside& x) {
        to->failures += bool{x.failure};
        to->told.push_back(x.number);
      }};
    };
    asker = system.spawn(listen, this);
  }
  ~threads() { caf::anon_send_exit(asker, caf::exit_reason::user_shutdown); }

  /// All that was sent to the asker has been received.
  std::vector<uint64_t> all_told() {
    caf::scoped_actor self{system};
    self->send_exit(asker, caf::exit_reason::user_shutdown);
    self->wait_for(asker);
    return told;
  }

  system_config settings;
  caf::actor_system system{settings};
  caf::actor asker;
  std::vector<uint64_t> told;
  int failures = 0;
};

} // namespace

TEST_CASE_FIXTURE(fixture, "a file is written in parts, grows, and is read back") {
  auto file = files.create(path("f"));
  REQUIRE(file);
  auto one = bytes_of("one"), two = bytes_of(""), three = bytes_of("three");
  std::span<const std::byte> parts[]{one, two, three};
  REQUIRE(!(*file)->write(0, parts));
  REQUIRE(!(*file)->write(8, parts));
  REQUIRE(!(*file)->sync());
  CHECK((*file)->size() == 16);
  CHECK(content_of(files, path("f")) == "onethreeonethree");
  std::byte beyond[4];
  CHECK(to_string((*file)->read(14, beyond)).find("ends at offset 16") != std::string::npos);
  CHECK((*files.create(path("f")))->size() == 0);
}

TEST_CASE_FIXTURE(fixture, "more parts than the system takes at once are written") {
  std::vector<std::vector<std::byte>> texts;
  std::vector<std::span<const std::byte>> parts;
  std::string expected;
  for (int i = 0; i < 3000; ++i) {
    expected += std::to_string(i);
    texts.push_back(bytes_of(std::to_string(i)));
  }
  for (auto& each : texts)
    parts.emplace_back(each);
  REQUIRE(!(*files.create(path("f")))->write(0, parts));
  CHECK(content_of(files, path("f")) == expected);
}

TEST_CASE_FIXTURE(fixture, "names come and go") {
  auto inner = directory.path() / "one" / "two";
  REQUIRE(!files.make_directory(inner));
  REQUIRE(!files.make_directory(inner));
  REQUIRE(!files.make_directory(inner / ""));
  REQUIRE(!write_whole(files, inner / "a", bytes_of("a")));
  REQUIRE(!write_whole(files, inner / "a", bytes_of("b")));
  CHECK(content_of(files, inner / "a") == "b");
  CHECK(*files.list(inner) == std::vector<std::string>{"a"});
  REQUIRE(!files.rename(inner / "a", inner / "c"));
  REQUIRE(!files.sync_directory(inner));
  CHECK(*files.list(inner) == std::vector<std::string>{"c"});
  REQUIRE(!files.remove(inner / "c"));
  CHECK(files.list(inner)->empty());
}

TEST_CASE_FIXTURE(fixture, "an error names the file and what could not be done with it") {
  auto missing = path("missing");
  for (auto& text : {to_string(files.open(missing).error()), to_string(files.remove(missing)),
                     to_string(files.rename(missing, path("f"))), to_string(files.list(missing).error()),
                     to_string(files.sync_directory(missing)), to_string(files.create(missing / "f").error())}) {
    CHECK(text.find(missing.string()) != std::string::npos);
    CHECK(text.find("No such file") != std::string::npos);
  }
  REQUIRE(files.create(path("f")));
  CHECK(to_string(files.make_directory(path("f"))).find("is not a directory") != std::string::npos);
  CHECK(files.make_directory(path("f") / "g"));
}

TEST_CASE_FIXTURE(fixture, "a file that cannot be written leaves no remains, and what was there stays") {
  REQUIRE(!write_whole(files, path("f"), bytes_of("before")));
  CHECK(write_whole(files, "/dev/full/f", bytes_of("x")));
  REQUIRE(!files.make_directory(path("f.new")));
  CHECK(write_whole(files, path("f"), bytes_of("after")));
  CHECK(content_of(files, path("f")) == "before");
}

TEST_CASE_FIXTURE(fixture, "work of one lane is done in order, in a thread of its own, and its end is told") {
  threads around;
  auto here = std::this_thread::get_id();
  std::vector<uint64_t> done;
  std::set<std::thread::id> ids;
  for (uint64_t i = 0; i < 1000; ++i)
    files.aside(
      disk::lane::durable,
      [&, i]() -> caf::error {
        done.push_back(i);
        ids.insert(std::this_thread::get_id());
        return i % 10 == 0 ? caf::make_error(caf::sec::runtime_error, "as told") : caf::error{};
      },
      around.asker, i);
  files.finish();
  CHECK(done.size() == 1000);
  CHECK(std::is_sorted(done.begin(), done.end()));
  CHECK(ids.size() == 1);
  CHECK_FALSE(ids.contains(here));
  CHECK(around.all_told() == done);
  CHECK(around.failures == 100);
}

TEST_CASE_FIXTURE(fixture, "a durable write does not wait for work in the background") {
  std::atomic<bool> written{false};
  std::atomic<int> found{0};
  files.aside(
    disk::lane::background,
    [&] {
      written.wait(false);
      ++found;
      return caf::error{};
    },
    {}, 1);
  files.aside(
    disk::lane::durable,
    [&] {
      written = true;
      written.notify_all();
      return caf::error{};
    },
    {}, 2);
  files.finish();
  CHECK(found == 1);
}

TEST_CASE_FIXTURE(fixture, "what many threads ask for is all done before the disk goes") {
  std::atomic<int> done{0};
  {
    local_disk inner;
    std::vector<std::thread> askers;
    for (int i = 0; i < 4; ++i)
      askers.emplace_back([&] {
        for (int j = 0; j < 500; ++j)
          inner.aside(
            j % 2 ? disk::lane::durable : disk::lane::background,
            [&] {
              ++done;
              return caf::error{};
            },
            {}, 0);
      });
    for (auto& each : askers)
      each.join();
  }
  CHECK(done == 2000);
}

TEST_CASE_FIXTURE(fixture, "a log on real files is written and read by both threads at once") {
  threads around;
  log_segments::options options{directory.path(), "test", "a", 64 << 10};
  auto read = std::make_shared<std::vector<block_ptr>>();
  {
    opened_log opened{files, options};
    REQUIRE(opened.log);
    auto where = opened.log->append(record_kind::pvalue, numbered(1)).where;
    REQUIRE(!settle(*opened.log));
    for (int64_t i = 2; i <= 3000; ++i)
      opened.log->append(record_kind::pvalue, numbered(i));
    auto first = opened.log->next_write();
    REQUIRE(first);
    files.aside(first->lane, std::move(first->run), around.asker, first->number);
    auto back = opened.log->read(7, {where}, read);
    files.aside(back.lane, std::move(back.run), around.asker, back.number);
    auto end = opened.log->close();
    files.aside(end.lane, std::move(end.run), {}, end.number);
    files.finish();
  }
  CHECK(around.all_told().size() == 2);
  CHECK(around.failures == 0);
  REQUIRE(read->size() == 1);
  CHECK(number_of(read->front()) == 1);
  local_disk again;
  auto found = opened_log{again, options}.found;
  CHECK(found.size() > 100); // As many as the first segment takes.
  CHECK(found == numbers(1, static_cast<int64_t>(found.size())));
}

TEST_CASE("a disk tells how much room it has; a disk that is full is told from one that fails") {
  temporary_directory directory;
  local_disk files;
  auto free = files.free_bytes(directory.path());
  REQUIRE(free);
  CHECK(*free > 0);
  auto none = files.free_bytes(directory.path() / "none");
  REQUIRE(!none);
  CHECK_FALSE(is_want_of_room(none.error()));
  if (!fs::exists("/dev/full"))
    return;
  auto full = files.open("/dev/full");
  REQUIRE(full);
  auto bytes = bytes_of("text");
  std::span<const std::byte> part{bytes};
  auto failure = (*full)->write(0, {&part, 1});
  CHECK(is_want_of_room(failure));
  CHECK(caf::to_string(failure).find("No space left on device") != std::string::npos);
}
