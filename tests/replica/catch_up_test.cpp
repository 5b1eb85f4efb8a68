#include "harness.hpp"

#include "synod/actors/replica/catch_up.hpp"

#include <doctest/doctest.h>

using namespace synod;
using namespace synod::test;
using std::chrono::milliseconds;

namespace {

message<schema::Learned> learned(node_id acceptor, const std::vector<message<schema::Pvalue>>& accepted, bool with_values,
                                 slot_number decided_below = 1, uint64_t mark = 0) {
  return test::learned(acceptor, 1, accepted, with_values, decided_below, mark);
}

struct fixture {
  catch_up::questions look(slot_number slot_out, slot_number target) { return subject.look(slot_out, target, reached, now); }
  static node_id source(const catch_up::questions& x) {
    for (auto& each : x.acceptors)
      if (each.with_values)
        return each.acceptor;
    return 99;
  }

  catch_up subject{three_members(), 256, 1};
  node_set reached{0, 1, 2};
  catch_up::time_point now{std::chrono::hours{1}};
};

} // namespace

TEST_CASE_FIXTURE(fixture, "at the start acceptors are asked as soon as a quorum is reached, the one beside it for values") {
  CHECK(subject.on_acceptor(0, 1, {0}).acceptors.empty());
  auto asked = subject.on_acceptor(1, 1, {0, 1});
  CHECK(asked.acceptors.size() == 2);
  CHECK(source(asked) == 1);
  subject.on_learned(learned(1, {}, true));
  CHECK(subject.on_acceptor(2, 1, reached).acceptors.empty());
}

TEST_CASE_FIXTURE(fixture,
                  "while nothing comes it asks with growing pauses, each time another one for values, and then the leader") {
  look(1, 5); // Until now decisions came.
  auto first = look(1, 5);
  CHECK(source(first) == 2);
  CHECK_FALSE(first.leader);
  CHECK(look(1, 5).acceptors.empty());
  now += milliseconds{100};
  CHECK(source(look(1, 5)) == 0);
  now += milliseconds{199};
  CHECK(look(1, 5).acceptors.empty());
  now += milliseconds{1};
  CHECK(source(look(1, 5)) == 1);
  now += milliseconds{400};
  CHECK(look(1, 5).leader);
}

TEST_CASE_FIXTURE(fixture, "where the leader helped it is asked for the next slots at once, while many are missing") {
  constexpr slot_number target = 10'000;
  look(1, target);
  CHECK_FALSE(look(1, target).leader);
  for (int i = 0; i < 3; ++i) {
    now += milliseconds{1000};
    CHECK(look(1, target).leader == (i == 2));
  }
  CHECK(look(257, target).leader);
  CHECK(look(513, target).leader);
  CHECK(look(513, target).acceptors.size() == 3); // They are asked again when that was in vain, too.
  subject.on_learned(learned(0, {value_of({1, 0, 1}, 513, 0)}, true));
  subject.on_learned(learned(1, {value_of({1, 0, 1}, 513, 0)}, false));
  CHECK_FALSE(look(514, target).leader); // They can tell again.
}

TEST_CASE_FIXTURE(fixture, "when all acceptors have told, and not the same, the leader is asked at once, and once") {
  look(1, 3);
  look(1, 3);
  auto answer = [&](node_id acceptor, uint64_t round, bool with_values) {
    subject.on_learned(learned(acceptor, {value_of({round, 0, 1}, 1, 0)}, with_values));
    return subject.on_no_progress(1, 3, reached);
  };
  CHECK_FALSE(answer(0, 1, true).leader);
  CHECK_FALSE(answer(1, 2, false).leader);
  auto asked = answer(2, 3, false);
  CHECK(asked.leader);
  CHECK(asked.acceptors.empty());
  CHECK_FALSE(subject.on_no_progress(1, 3, reached).leader);
}

TEST_CASE_FIXTURE(fixture, "when a quorum has accepted the same, another acceptor is asked for the value, not the leader") {
  look(1, 3);
  look(1, 3);
  subject.on_learned(learned(0, {value_of({1, 0, 1}, 1, 0)}, true));
  subject.on_learned(learned(1, {value_of({2, 0, 1}, 1, 0)}, false));
  subject.on_learned(learned(2, {value_of({2, 0, 1}, 1, 0)}, false));
  CHECK_FALSE(subject.on_no_progress(1, 3, reached).leader);
}

TEST_CASE_FIXTURE(fixture, "who lacks as many slots as may be in flight asks no leader for them") {
  look(1, 300);
  for (int i = 0; i < 4; ++i) {
    look(1, 300);
    now += milliseconds{1000};
  }
  CHECK_FALSE(look(100, 300).leader);
  CHECK_FALSE(look(200, 10'000).leader);
}

TEST_CASE("with a small WINDOW few slots are many: no more may be in flight") {
  constexpr uint64_t window = 2;
  catch_up behind{three_members(), window, 0};
  caf::actor_clock::time_point now{};
  for (int i = 0; i < 5; ++i)
    behind.look(1, 100, {0, 1, 2}, now += std::chrono::milliseconds{1000});
  CHECK(behind.look(3, 100, {0, 1, 2}, now).leader);
  CHECK(behind.look(97, 100, {0, 1, 2}, now).leader);
  CHECK_FALSE(behind.look(98, 100, {0, 1, 2}, now).leader);
}

TEST_CASE("with a small WINDOW the leader is asked for the next slots as soon as it has decided those that it can at a time") {
  constexpr uint64_t window = 2;
  catch_up behind{three_members(), window, 0};
  caf::actor_clock::time_point now{};
  CHECK_FALSE(behind.is_through_with_leader(50));
  for (int i = 0; i < 5; ++i)
    behind.look(1, 100, {0, 1, 2}, now += std::chrono::milliseconds{1000});
  CHECK_FALSE(behind.is_through_with_leader(2));
  CHECK(behind.is_through_with_leader(3));
  CHECK(behind.go_on_with_leader(3, 100).leader);
  CHECK_FALSE(behind.is_through_with_leader(4));
  CHECK(behind.is_through_with_leader(5));
  CHECK_FALSE(behind.go_on_with_leader(98, 100).leader);
  CHECK_FALSE(behind.is_through_with_leader(100));
}

TEST_CASE_FIXTURE(fixture, "who is informed and has all asks nobody") {
  subject.on_learned(learned(1, {}, true));
  look(5, 5);
  CHECK(look(5, 5).acceptors.empty());
  CHECK(look(5, 6).acceptors.size() == 3);
}

TEST_CASE_FIXTURE(fixture, "while decisions come nobody is asked") {
  for (slot_number slot_out = 2; slot_out < 10; ++slot_out) {
    CHECK(look(slot_out, 100).acceptors.empty());
    now += milliseconds{50};
  }
}

TEST_CASE_FIXTURE(fixture, "the target is above all that is known to be decided or is waited for") {
  pvalue_map decisions;
  CHECK(subject.target(decisions, 0) == 1);
  subject.told_decided_below(4);
  CHECK(subject.target(decisions, 0) == 4);
  decisions.emplace(5, value_of({1, 0, 1}, 5, 0));
  CHECK(subject.target(decisions, 0) == 6);
  subject.saw(8);
  CHECK(subject.target(decisions, 0) == 9);
  CHECK(subject.target(decisions, 12) == 12);
}

TEST_CASE_FIXTURE(fixture, "chosen is what a quorum accepted under one ballot; then the next piece is asked for") {
  subject.on_acceptor(1, 1, reached);
  auto x = value_of({1, 0, 1}, 1, 5);
  CHECK(subject.on_learned(learned(1, {x}, true, 3)).empty());
  CHECK(subject.on_learned(learned(0, {value_of({0, 2, 1}, 1, 6)}, false)).empty());
  auto chosen = subject.on_learned(learned(2, {x}, false));
  REQUIRE(chosen.size() == 1);
  CHECK(chosen[0]->getSlot() == 1);
  CHECK(subject.on_progress(2, 3, reached, now).acceptors.size() >= 1);
  CHECK(subject.on_progress(3, 3, reached, now).acceptors.empty());
}

TEST_CASE_FIXTURE(fixture, "an acceptor that has accepted anew counts with what it accepted last") {
  subject.on_acceptor(1, 1, reached);
  subject.on_learned(learned(1, {value_of({1, 0, 1}, 1, 5)}, true));
  subject.on_learned(learned(1, {value_of({2, 0, 1}, 1, 6)}, true));
  auto chosen = subject.on_learned(learned(0, {value_of({2, 0, 1}, 1, 6)}, false));
  REQUIRE(chosen.size() == 1);
  CHECK(chosen[0]->getValue().getTime() == 6);
}

TEST_CASE_FIXTURE(fixture, "acceptors that could not help are asked for their ballots again: they may have accepted anew") {
  look(1, 5);
  look(1, 5);
  for (node_id acceptor : reached)
    subject.on_learned(learned(acceptor, {value_of({acceptor, 0, 1}, 1, 0)}, acceptor == 2));
  now += milliseconds{100};
  CHECK(look(1, 5).acceptors.size() == 3);
}

TEST_CASE_FIXTURE(fixture, "the mark of a piece goes back with the next question, and not to a fresh acceptor") {
  subject.on_learned(learned(2, {}, true, 1, 77));
  look(1, 5);
  auto mark_of = [&](node_id acceptor) {
    for (auto& each : look(1, 5).acceptors)
      if (each.acceptor == acceptor)
        return each.mark;
    return uint64_t{99};
  };
  CHECK(mark_of(2) == 77);
  subject.on_acceptor(2, 1, reached);
  now += milliseconds{1000};
  CHECK(mark_of(2) == 0);
}
