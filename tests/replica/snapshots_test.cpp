#include "fresh_state.hpp"
#include "harness.hpp"
#include "platter.hpp"

#include "synod/actors/replica/snapshots.hpp"

#include <doctest/doctest.h>

using namespace synod;
using namespace synod::test;

namespace {

struct fixture {
  fixture() { begin(); }

  /// As a start does.
  void begin() {
    subject.reset();
    files = on.plug();
    auto found = restore_latest(*files, "/s", whose, [] { return fresh(); });
    REQUIRE(found);
    state = std::make_unique<replicated_state>(std::move(found->state));
    problems = found->problems;
    subject = std::make_unique<snapshots>(*files, snapshots::options{"/s", whose, 1000}, std::move(found->found), 1);
  }

  void set(const std::string& key, const std::string& value) {
    std::string_view command[]{"SET", key, value};
    state->machine->apply(command, reply{});
  }

  std::string get(const std::string& key) {
    auto* found = dynamic_cast<key_value::machine&>(*state->machine).data().find(key);
    return found ? std::string{found->value()} : "";
  }

  /// Performs slots below this one, and begins a snapshot.
  void begin_at(slot_number slot_out) {
    state->slot_out = slot_out;
    subject->performed(2000);
    REQUIRE(subject->due(1, now));
    subject->begin(std::make_unique<state_snapshot>(*state, whose, slot_out * 10));
  }

  /// Has one work done; false: there is none.
  bool work() {
    auto next = subject->next_work();
    if (!next)
      return false;
    told = subject->done(next->number, next->run(), now);
    return true;
  }

  void take(slot_number slot_out) {
    begin_at(slot_out);
    while (work()) {
    }
    CHECK(told.empty());
    CHECK_FALSE(subject->taking());
  }

  std::vector<std::string> names() {
    auto found = *files->list("/s");
    std::sort(found.begin(), found.end());
    return found;
  }

  void damage(slot_number slot) {
    std::byte wrong[]{std::byte{0xff}};
    std::span<const std::byte> part{wrong};
    REQUIRE(!(*files->open(snapshot_path("/s", slot)))->write(100, {&part, 1}));
  }

  simulation::platter on{1, 0};
  std::unique_ptr<disk> files;
  snapshot_origin whose{"test", "key-value"};
  std::unique_ptr<replicated_state> state;
  std::unique_ptr<snapshots> subject;
  std::vector<std::string> problems;
  std::string told;
  snapshots::time_point now{std::chrono::hours{1}};
};

std::string name_of(slot_number slot) {
  return snapshot_path("", slot).string();
}

} // namespace

TEST_CASE_FIXTURE(fixture, "one is due by what was performed since the last one, and by a quarter of what that one takes") {
  subject->performed(999);
  CHECK_FALSE(subject->due(1, now));
  subject->performed(251); // With the random part at most.
  CHECK(subject->due(1, now));
  set("large", std::string(100'000, 'x'));
  take(5);
  subject->performed(25'000);
  CHECK_FALSE(subject->due(1, now));
  subject->performed(8'000);
  CHECK(subject->due(1, now));
}

TEST_CASE_FIXTURE(fixture, "the latest is restored at a start; what counts as durable is the one before it") {
  CHECK(subject->durable_below() == 1);
  set("k", "1");
  take(5);
  CHECK(subject->durable_below() == 1);
  set("k", "2");
  take(9);
  CHECK(subject->durable_below() == 5);
  set("k", "3");
  begin();
  CHECK(state->slot_out == 9);
  CHECK(get("k") == "2");
  CHECK(subject->durable_below() == 5);
  CHECK(subject->latest()->token == 90);
  CHECK(subject->find(50));
  CHECK_FALSE(subject->find(7));
}

TEST_CASE_FIXTURE(fixture, "two are kept, and those that somebody is given") {
  take(5);
  take(9);
  take(12);
  CHECK(names() == std::vector<std::string>{name_of(9), name_of(12)});
  subject->pin(*subject->find(90), now + std::chrono::seconds{1});
  take(15);
  CHECK(names() == std::vector<std::string>{name_of(9), name_of(12), name_of(15)});
  CHECK(subject->durable_below() == 12);
  subject->let_go(now);
  CHECK_FALSE(work());
  subject->let_go(now + std::chrono::seconds{1});
  CHECK(work());
  CHECK(names() == std::vector<std::string>{name_of(12), name_of(15)});
}

TEST_CASE_FIXTURE(fixture, "a damaged one is refused, and the one before it is used; it goes when there is a further one") {
  set("k", "1");
  take(5);
  set("k", "2");
  take(9);
  damage(9);
  begin();
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].find(name_of(9)) != std::string::npos);
  CHECK(state->slot_out == 5);
  CHECK(get("k") == "1");
  CHECK(subject->durable_below() == 1);
  CHECK(names() == std::vector<std::string>{name_of(5), name_of(9)});
  take(7);
  CHECK(names() == std::vector<std::string>{name_of(5), name_of(7)});
  damage(5);
  damage(7);
  begin();
  CHECK(problems.size() == 2);
  CHECK(state->slot_out == 1);
  CHECK(get("k").empty());
}

TEST_CASE_FIXTURE(fixture, "wherever the power goes while one is taken, a whole one is found, and nothing is left over") {
  set("k", "1");
  take(5);
  for (uint64_t operations = 0; operations < 20; ++operations) {
    set("k", "2");
    begin_at(9);
    on.unplug_after(operations);
    while (work()) {
    }
    on.cut_power();
    begin();
    INFO("power goes after ", operations);
    CHECK(problems.empty());
    CHECK((state->slot_out == 5 || state->slot_out == 9));
    CHECK(get("k") == (state->slot_out == 5 ? "1" : "2"));
    for (auto& name : names())
      CHECK(name.ends_with(".snapshot"));
    if (state->slot_out == 9)
      return;
  }
  FAIL("it is never there");
}

TEST_CASE_FIXTURE(fixture, "one that cannot be written is given up, told, and tried again after a pause") {
  take(5);
  begin_at(9);
  on.behaviour().error_per_million = 1'000'000;
  CHECK(work());
  CHECK(told.find("no snapshot can be written: ") != std::string::npos);
  CHECK_FALSE(subject->taking());
  CHECK_FALSE(subject->due(1, now));
  on.behaviour().error_per_million = 0;
  while (work()) {
  }
  CHECK(names() == std::vector<std::string>{name_of(5)});
  now += std::chrono::milliseconds{999};
  CHECK_FALSE(subject->due(1, now));
  now += std::chrono::milliseconds{1};
  take(12);
  CHECK(subject->durable_below() == 5);
}

TEST_CASE_FIXTURE(fixture, "one that is given up while it is written leaves nothing") {
  begin_at(9);
  auto first = subject->next_work();
  subject->give_up(now);
  CHECK(subject->done(first->number, first->run(), now).empty());
  while (work()) {
  }
  CHECK(names().empty());
}

TEST_CASE_FIXTURE(fixture, "one that is given up as it is finished leaves nothing, either") {
  begin_at(9);
  std::optional<disk_work> last;
  for (auto next = subject->next_work(); next; next = subject->next_work()) {
    REQUIRE(!next->run());
    last = std::move(next);
    if (names() == std::vector<std::string>{name_of(9)})
      break;
    subject->done(last->number, {}, now);
  }
  subject->give_up(now);
  CHECK(subject->done(last->number, {}, now).empty());
  while (work()) {
  }
  CHECK(names().empty());
  CHECK(subject->latest() == nullptr);
}

TEST_CASE_FIXTURE(fixture, "what takes the place of a refused file is not removed with it") {
  take(9);
  damage(9);
  begin();
  CHECK(problems.size() == 1);
  take(9);
  CHECK(names() == std::vector<std::string>{name_of(9)});
  begin();
  CHECK(problems.empty());
  CHECK(state->slot_out == 9);
}

TEST_CASE_FIXTURE(fixture, "one that came from another replica is kept in its place") {
  take(9);
  subject->add({5, 7, 100});
  CHECK(subject->latest()->slot_out == 9);
  CHECK(subject->durable_below() == 5);
  subject->add({20, 8, 100});
  CHECK(subject->latest()->slot_out == 20);
  CHECK(subject->durable_below() == 9);
}

TEST_CASE_FIXTURE(fixture, "while one is taken what is held for it counts") {
  std::string large(1u << 20, 'x');
  auto bounds = key_value::machine::limits{};
  state->machine = std::make_unique<key_value::machine>(bounds, 1);
  for (int i = 0; i < 80; ++i)
    set(std::to_string(i), large);
  begin_at(9);
  CHECK_FALSE(subject->exceeds());
  for (int i = 0; i < 80; ++i)
    set(std::to_string(i), "small");
  CHECK(subject->held_bytes() > snapshots::held_limit_bytes);
  CHECK(subject->exceeds());
  subject->give_up(now);
  CHECK(subject->held_bytes() == 0);
}
