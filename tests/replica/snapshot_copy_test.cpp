// One replica gives a snapshot, another one fetches it.
#include "fresh_state.hpp"
#include "harness.hpp"
#include "platter.hpp"

#include "synod/actors/replica/snapshot_copy.hpp"
#include "synod/actors/replica/snapshot_serving.hpp"

#include <doctest/doctest.h>

using namespace synod;
using namespace synod::test;
using std::chrono::milliseconds;

namespace {

struct fixture : actor_world {
  fixture() {
    std::string_view command[]{"SET", "k", value};
    state.machine->apply(command, reply{});
    take(100);
  }

  /// Another snapshot there.
  void take(slot_number slot_out) {
    state.slot_out = slot_out;
    have.performed(1 << 20);
    have.begin(std::make_unique<state_snapshot>(state, whose, slot_out + 1));
    while (auto work = have.next_work())
      REQUIRE(have.done(work->number, work->run(), now).empty());
  }

  std::optional<snapshot_copy::question> to_ask(node_set reached = {1, 2}, std::optional<node_id> leading = std::nullopt) {
    return subject.to_ask(reached, leading, now);
  }

  static message<schema::AskSnapshot> as_message(const snapshot_copy::question& x) {
    builder<schema::AskSnapshot> built;
    built->setAbove(x.above);
    built->setToken(x.token);
    built->setOffset(x.offset);
    return built.finish();
  }

  /// What the other one answers.
  message<schema::SnapshotChunk> answer(const snapshot_copy::question& x, probe& from) {
    auto work = serving.on_ask(from.ptr(), *as_message(x), have, now);
    if (!work)
      return serving.nothing();
    return serving.done(work->number, work->run())->chunk;
  }
  message<schema::SnapshotChunk> answer(const snapshot_copy::question& x) { return answer(x, asker); }

  /// Takes a piece; none: it was of no use.
  std::optional<snapshot_copy::outcome> take(const message<schema::SnapshotChunk>& chunk) {
    auto work = subject.on_chunk(*chunk);
    if (!work)
      return std::nullopt;
    return subject.done(work->number, work->run(), now);
  }

  /// Asks and takes until something else than the next piece is to be done.
  snapshot_copy::outcome fetch() {
    for (;;) {
      auto question = to_ask();
      if (!question) {
        now += milliseconds{50};
        continue;
      }
      if (auto outcome = take(answer(*question)); outcome && *outcome != snapshot_copy::outcome::goes_on)
        return *outcome;
    }
  }

  snapshot_copy::outcome restore() {
    auto work = subject.restore(fresh());
    return subject.done(work.number, work.run(), now);
  }

  snapshot_origin whose{"test", "key-value"};
  std::string value = std::string(9000, 'v');
  simulation::platter there{1, 0}, here{1, 1};
  std::unique_ptr<disk> files_there = there.plug(), files_here = here.plug();
  snapshots::time_point now{std::chrono::hours{1}};
  replicated_state state = fresh();
  snapshots have{*files_there, {"/s", whose, 1000}, {}, 1};
  snapshot_serving serving{*files_there, 1, 1000, 100};
  snapshot_copy subject{*files_here, {"/h", whose, 1 << 20}};
  probe asker{*this}, second{*this}, third{*this};
};

} // namespace

TEST_CASE_FIXTURE(fixture, "a snapshot comes piece by piece, and is there as a file and as a state") {
  CHECK_FALSE(to_ask());
  subject.want(7);
  CHECK(fetch() == snapshot_copy::outcome::complete);
  CHECK(subject.slot_out() == 100);
  CHECK_FALSE(to_ask());
  CHECK(restore() == snapshot_copy::outcome::restored);
  auto [restored, what] = subject.take();
  CHECK(restored.slot_out == 100);
  CHECK(dynamic_cast<key_value::machine&>(*restored.machine).data().find("k")->value() == value);
  CHECK(what == *have.latest());
  CHECK(*check_snapshot(*files_here, snapshot_path("/h", 100), whose) == what);
  CHECK_FALSE(subject.wanted());
  CHECK_FALSE(to_ask());
  subject.want(100); // Again, later.
  now += milliseconds{5000};
  CHECK(to_ask()->above == 100);
}

TEST_CASE_FIXTURE(fixture, "what is lost is asked for again; what comes twice, damaged or of another place is not taken") {
  subject.want(7);
  auto first = to_ask();
  REQUIRE(first);
  CHECK_FALSE(to_ask());
  now += milliseconds{1000};
  auto again = to_ask();
  REQUIRE(again);
  CHECK(again->offset == 0);
  auto chunk = answer(*again);
  auto damaged = [&](auto change) {
    builder<schema::SnapshotChunk> other{4096};
    other->setNode(chunk->getNode());
    other->setToken(chunk->getToken());
    other->setSlotOut(chunk->getSlotOut());
    other->setFileBytes(chunk->getFileBytes());
    other->setOffset(chunk->getOffset());
    other->setBytes(chunk->getBytes());
    other->setChecksum(chunk->getChecksum());
    change(*other);
    return other.finish();
  };
  CHECK_FALSE(take(damaged([](auto& x) { x.getBytes()[500] ^= 1; })));
  CHECK_FALSE(take(damaged([](auto& x) { x.setOffset(1000); })));
  CHECK_FALSE(take(damaged([](auto& x) { x.setNode(2); })));
  CHECK_FALSE(take(damaged([](auto& x) { x.setSlotOut(7); })));
  CHECK_FALSE(take(damaged([](auto& x) { x.setFileBytes(900); })));
  CHECK(take(chunk) == snapshot_copy::outcome::goes_on);
  CHECK_FALSE(take(chunk));
  auto next = to_ask();
  CHECK(next->offset == 1000);
  CHECK_FALSE(take(chunk));
  CHECK(take(answer(*next)) == snapshot_copy::outcome::goes_on);
}

TEST_CASE_FIXTURE(fixture, "who does not answer, or has nothing, is left for the next one; beside the active leader last") {
  subject.want(7);
  auto first = to_ask({1, 2}, 1);
  CHECK(first->replica == 2);
  CHECK_FALSE(take(serving.nothing())); // Not asked.
  builder<schema::SnapshotChunk> none;
  none->setNode(2);
  CHECK_FALSE(take(none.finish()));
  CHECK_FALSE(to_ask({1, 2}, 1));
  now += milliseconds{1000};
  CHECK(to_ask({1, 2}, 1)->replica == 1);
  for (int i = 0; i < 2; ++i) {
    now += milliseconds{5000};
    CHECK(to_ask({1, 2}, 1)->replica == 1);
  }
  now += milliseconds{5000};
  CHECK(to_ask({1, 2}, 1)->replica == 2);
  SUBCASE("at once, when it is not reached any more and has given nothing") {
    now += milliseconds{5000};
    CHECK(to_ask({1}, 1)->replica == 1);
  }
}

TEST_CASE_FIXTURE(fixture, "a broken connection costs a piece, not the others; one that stays away costs all") {
  subject.want(7);
  take(answer(*to_ask({1})));
  auto lost = to_ask({1});
  CHECK(lost->offset == 1000);
  now += milliseconds{1000};
  CHECK_FALSE(to_ask({2})); // It may come back.
  now += milliseconds{2000};
  auto again = to_ask({1, 2});
  REQUIRE(again);
  CHECK(again->replica == 1);
  CHECK(again->offset == 1000);
  for (int i = 0; i < 2; ++i, now += milliseconds{5000})
    to_ask({2});
  auto other = to_ask({2});
  REQUIRE(other);
  CHECK(other->replica == 2);
  CHECK(other->token == 0);
  CHECK(other->offset == 0);
}

TEST_CASE_FIXTURE(fixture,
                  "who has begun with one gets that one to the end; when it is gone after all, another one from the start") {
  subject.want(7);
  take(answer(*to_ask()));
  take(200);
  take(300);
  auto next = answer(*to_ask());
  CHECK(next->getSlotOut() == 100);
  take(next);
  now += snapshot_serving::patience;
  have.let_go(now);
  auto other = answer(*to_ask());
  CHECK(other->getSlotOut() == 300);
  CHECK(other->getOffset() == 0);
  take(other);
  CHECK(subject.slot_out() == 300);
  CHECK(subject.bytes_there() == 1000);
  CHECK(fetch() == snapshot_copy::outcome::complete);
  CHECK(restore() == snapshot_copy::outcome::restored);
  CHECK(subject.take().state.slot_out == 300);
}

TEST_CASE_FIXTURE(fixture, "a snapshot that turns out to be damaged is not used; the next one is asked") {
  std::byte wrong[]{std::byte{0xff}};
  std::span<const std::byte> part{wrong};
  REQUIRE(!(*files_there->open(have.path_of(*have.latest())))->write(500, {&part, 1}));
  subject.want(7);
  CHECK(fetch() == snapshot_copy::outcome::complete);
  CHECK(restore() == snapshot_copy::outcome::failed);
  CHECK(subject.problem().find("damaged") != std::string::npos);
  auto discard = subject.discard();
  REQUIRE(discard);
  CHECK(subject.done(discard->number, discard->run(), now) == snapshot_copy::outcome::goes_on);
  CHECK(files_here->list("/h")->empty());
  CHECK_FALSE(subject.discard());
  CHECK_FALSE(to_ask());
  now += milliseconds{5000};
  auto next = to_ask();
  CHECK(next->replica == 2);
  CHECK(next->token == 0);
}

TEST_CASE_FIXTURE(fixture, "what is not needed any more is given up, and leaves no file") {
  subject.want(7);
  take(answer(*to_ask()));
  CHECK(files_here->list("/h")->size() == 1);
  subject.give_up();
  CHECK_FALSE(subject.wanted());
  CHECK_FALSE(to_ask());
  REQUIRE(!subject.discard()->run());
  CHECK(files_here->list("/h")->empty());
  subject.want(8);
  now += milliseconds{5000};
  CHECK(to_ask()->token == 0);
}

TEST_CASE_FIXTURE(fixture, "a copy and a snapshot of the same slot do not share a file") {
  subject.want(7);
  take(answer(*to_ask()));
  snapshots own{*files_here, {"/h", whose, 1000}, {}, 1};
  own.performed(1 << 20);
  own.begin(std::make_unique<state_snapshot>(state, whose, 5));
  while (auto work = own.next_work())
    REQUIRE(own.done(work->number, work->run(), now).empty());
  CHECK(fetch() == snapshot_copy::outcome::complete);
  CHECK(restore() == snapshot_copy::outcome::restored);
  CHECK(subject.take().what.token == 101);
}

TEST_CASE_FIXTURE(fixture, "so many bytes a second, and no more") {
  snapshot_copy slow{*files_here, {"/h", whose, 2000}};
  slow.want(7);
  uint64_t bytes = 0;
  for (int i = 0; i < 40; ++i, now += milliseconds{50}) {
    auto question = slow.to_ask({1}, std::nullopt, now);
    auto work = question ? slow.on_chunk(*answer(*question)) : std::nullopt;
    if (work)
      slow.done(work->number, work->run(), now);
    bytes = slow.bytes_there();
  }
  CHECK(bytes >= 3000);
  CHECK(bytes <= 5200); // Of two seconds, and the last piece, whatever its size.
}

TEST_CASE_FIXTURE(fixture, "who gives serves two at a time, each a piece, and nobody with what does not help") {
  auto useless = as_message({1, 100, 0, 0});
  CHECK(serving.on_ask(asker.ptr(), *useless, have, now) == std::nullopt);
  auto useful = as_message({1, 7, 0, 0});
  auto ask = *useful;
  auto work = serving.on_ask(asker.ptr(), ask, have, now);
  REQUIRE(work);
  CHECK(serving.waits(asker.ptr()));
  CHECK_FALSE(serving.on_ask(asker.ptr(), ask, have, now));
  REQUIRE(serving.on_ask(second.ptr(), ask, have, now));
  CHECK_FALSE(serving.on_ask(third.ptr(), ask, have, now));
  CHECK_FALSE(serving.waits(third.ptr()));
  auto failed = serving.done(work->number, caf::make_error(caf::sec::runtime_error, "gone"));
  CHECK(failed->chunk->getToken() == 0);
  CHECK_FALSE(serving.done(work->number, {}));
  now += snapshot_serving::patience;
  CHECK(serving.on_ask(third.ptr(), ask, have, now));
}

TEST_CASE_FIXTURE(fixture, "a disk that fails here is told, and the copy begins anew") {
  subject.want(7);
  auto chunk = answer(*to_ask());
  here.behaviour().error_per_million = 1'000'000;
  CHECK(take(chunk) == snapshot_copy::outcome::failed);
  here.behaviour().error_per_million = 0;
  now += milliseconds{5000};
  CHECK(to_ask()->offset == 0);
}
