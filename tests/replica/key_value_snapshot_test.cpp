// A snapshot of the key-value state machine shows one moment while commands go on.
#include "key_value_fixture.hpp"

#include <doctest/doctest.h>

#include <random>

using namespace synod;

namespace {

struct fixture : test::key_value_fixture {
  fixture() { at(1000); }

  void set(int key, const std::string& value) { run({"SET", "key:" + std::to_string(key), value}); }

  static std::string written(const key_value::machine& x) {
    std::string all;
    x.snapshot([&](std::string_view piece) { all += piece; });
    return all;
  }

  /// Tells the rest of a snapshot, and what a machine is that restores it.
  std::string restored(snapshot_source& source) {
    for (auto piece = source.next(); !piece.empty(); piece = source.next())
      pieces.emplace_back(piece);
    key_value::machine other{{1000, 64 << 20}, 2};
    size_t next = 0;
    auto problem = other.restore([&] { return next < pieces.size() ? pieces[next++] : std::string{}; });
    CHECK_FALSE(problem);
    return written(other);
  }

  void tell_one(snapshot_source& source) { pieces.emplace_back(source.next()); }

  /// So much that a snapshot is many pieces.
  void fill() {
    subject = key_value::machine{{1000, 64 << 20}, 1};
    at(1000);
    for (int i = 0; i < 10'000; ++i)
      set(i, std::string(100, 'x'));
  }

  std::vector<std::string> pieces;
};

} // namespace

TEST_CASE_FIXTURE(fixture, "what is changed, added, removed or expires after it began is told as it was") {
  fill();
  run({"PEXPIRE", "key:77", "500"});
  auto then = written(subject);
  auto source = subject.begin_snapshot();
  SUBCASE("before anything was told") {}
  SUBCASE("in the middle") {
    tell_one(*source);
    tell_one(*source);
  }
  for (int i = 0; i < 10'000; i += 3)
    set(i, "changed");
  for (int i = 1; i < 10'000; i += 30)
    run({"DEL", "key:" + std::to_string(i)});
  run({"APPEND", "key:2", "longer"});
  run({"SETRANGE", "key:5", "1", "y"});
  run({"INCR", "number"});
  run({"EXPIRE", "key:8", "100"});
  run({"PERSIST", "key:77"});
  run({"RENAME", "key:11", "key:14"});
  at(2000);
  CHECK(written(subject) != then);
  CHECK(restored(*source) == then);
}

TEST_CASE_FIXTURE(fixture, "a key that expires while a snapshot is taken is in it") {
  run({"SET", "k", "v", "PX", "10"});
  auto then = written(subject);
  auto source = subject.begin_snapshot();
  at(2000); // It is removed.
  CHECK(subject.data().size() == 0);
  CHECK(restored(*source) == then);
}

TEST_CASE_FIXTURE(fixture, "a store that is cleared, perhaps twice, is told as it was") {
  fill();
  auto then = written(subject);
  auto source = subject.begin_snapshot();
  tell_one(*source);
  set(3, "changed");
  run({"FLUSHALL"});
  set(4, "new");
  set(5, "new");
  tell_one(*source);
  run({"FLUSHDB"});
  set(4, "newer");
  CHECK(restored(*source) == then);
  CHECK(subject.data().size() == 1);
}

TEST_CASE_FIXTURE(fixture, "what is held grows by each key once, and not by those that were told already") {
  fill();
  auto source = subject.begin_snapshot();
  CHECK(source->held_bytes() == 0);
  set(1, "a");
  auto once = source->held_bytes();
  CHECK(once > 100);
  CHECK(once < 200);
  set(1, "b");
  run({"APPEND", "key:1", "c"});
  CHECK(source->held_bytes() == once);
  set(10'001, "new");
  CHECK(source->held_bytes() == once);
  restored(*source);
  CHECK(source->held_bytes() == 0);
  set(2, "a");
  CHECK(source->held_bytes() == 0);
}

TEST_CASE_FIXTURE(fixture, "when a snapshot has ended nothing is held any more, and another one may begin") {
  set(1, "a");
  subject.begin_snapshot();
  set(1, "b");
  auto then = written(subject);
  auto source = subject.begin_snapshot();
  set(1, "c");
  CHECK(restored(*source) == then);
}

TEST_CASE_FIXTURE(fixture, "pieces are small") {
  fill();
  auto source = subject.begin_snapshot();
  size_t pieces_told = 0;
  for (auto piece = source->next(); !piece.empty(); piece = source->next(), ++pieces_told)
    CHECK(piece.size() < 2 * snapshot_piece_bytes);
  CHECK(pieces_told > 5);
}

TEST_CASE_FIXTURE(fixture, "random commands, random pieces") {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    std::minstd_rand random{seed};
    subject = key_value::machine{{1000, 64 << 20}, 1};
    int64_t now = 1000;
    auto change = [&](int times) {
      for (int i = 0; i < times; ++i) {
        auto key = std::to_string(random() % 3000);
        switch (random() % 12) {
          case 0:
            run({"DEL", key});
            break;
          case 1:
            run({"APPEND", key, "x"});
            break;
          case 2:
            run({"PEXPIRE", key, std::to_string(random() % 200 + 1)});
            break;
          case 3:
            at(now += static_cast<int64_t>(random() % 3));
            break;
          case 4:
            if (random() % 2000 == 0)
              run({"FLUSHALL"});
            break;
          default:
            run({"SET", key, std::string(random() % 900, 'v')});
        }
      }
    };
    change(5000);
    auto then = written(subject);
    pieces.clear();
    auto source = subject.begin_snapshot();
    for (auto piece = source->next(); !piece.empty(); piece = source->next()) {
      pieces.emplace_back(piece);
      change(static_cast<int>(random() % 500));
    }
    INFO("seed ", seed);
    CHECK(restored(*source) == then);
  }
}

TEST_CASE("a state machine that has only a plain snapshot is told whole, as it was when the snapshot began") {
  struct plain : state_machine {
    std::span<const command_spec> commands() const override { return {}; }
    void apply(arguments, reply) override { ++count; }
    void query(arguments, reply) const override {}
    void snapshot(const std::function<void(std::string_view)>& write) const override {
      for (int i = 0; i < 3; ++i)
        write(std::to_string(count) + "," + std::to_string(i));
      write("");
    }
    std::optional<std::string> restore(const std::function<std::string()>&) override { return std::nullopt; }
    int count = 0;
  };
  plain subject;
  auto source = subject.begin_snapshot();
  subject.apply({}, reply{});
  CHECK(source->next() == "0,0");
  CHECK(source->next() == "0,1");
  CHECK(source->next() == "0,2");
  CHECK(source->next().empty());
}
