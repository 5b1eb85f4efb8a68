#include "harness.hpp"

#include "synod/actors/acceptor/durable_answers.hpp"
#include "synod/actors/role/upheld.hpp"

#include <doctest/doctest.h>

#include <stdexcept>

using namespace synod;
using namespace synod::test;

namespace {

constexpr ballot low{1, 0, 1}, high{2, 1, 1}, higher{3, 0, 1};

struct fixture : actor_world {
  durable_answers::answer p1b(const probe& to, uint64_t scout = 1) {
    durable_answers::answer x;
    x.to = to.ptr();
    x.asked.scout = scout;
    return x;
  }

  /// One whose only value is not in memory.
  durable_answers::answer with_value(const probe& to) {
    auto x = p1b(to);
    x.content.items.push_back({5, low, {1, 64, 128}, {}});
    return x;
  }

  bool hold(durable_answers::answer x, record_number record) {
    begins.reset();
    return subject.hold(std::move(x), record, begins);
  }

  probe one{*this}, other{*this};
  durable_answers subject{low};
  std::optional<durable_answers::read> begins;
};

} // namespace

TEST_CASE_FIXTURE(fixture, "a vote waits for its record; votes of one leader and ballot are one answer with the highest mark") {
  subject.accept(one.ptr(), low, 1, 10, 1);
  subject.accept(one.ptr(), low, 2, 30, 2);
  subject.accept(one.ptr(), low, 3, 20, 3);
  CHECK(subject.release(2).votes.empty());
  auto due = subject.release(3);
  REQUIRE(due.votes.size() == 1);
  CHECK(due.votes[0].slots == std::vector<slot_number>{1, 2, 3});
  CHECK(due.votes[0].mark == 30);
  CHECK(due.votes[0].leader == one.ptr());
  CHECK(subject.release(9).votes.empty());
}

TEST_CASE_FIXTURE(fixture, "a vote does not wait for what came after its write had begun") {
  subject.accept(one.ptr(), low, 1, 10, 1);
  subject.write_begins();
  subject.accept(one.ptr(), low, 2, 20, 2);
  auto due = subject.release(1);
  REQUIRE(due.votes.size() == 1);
  CHECK(due.votes[0].slots == std::vector<slot_number>{1});
  subject.write_begins();
  subject.accept(one.ptr(), low, 3, 30, 3);
  due = subject.release(2);
  REQUIRE(due.votes.size() == 1);
  CHECK(due.votes[0].slots == std::vector<slot_number>{2});
}

TEST_CASE_FIXTURE(fixture, "votes that wait for one write are one answer, whatever was told before") {
  subject.accept(one.ptr(), low, 1, 10, 1);
  subject.write_begins();
  subject.release(1);
  subject.accept(one.ptr(), low, 2, 20, 2);
  subject.accept(one.ptr(), low, 3, 30, 3);
  auto due = subject.release(3);
  REQUIRE(due.votes.size() == 1);
  CHECK(due.votes[0].slots == std::vector<slot_number>{2, 3});
}

TEST_CASE_FIXTURE(fixture, "leaders and ballots have votes of their own") {
  subject.accept(one.ptr(), low, 1, 1, 1);
  subject.accept(other.ptr(), low, 2, 1, 2);
  subject.accept(one.ptr(), high, 3, 1, 3);
  CHECK(subject.release(3).votes.size() == 3);
}

TEST_CASE_FIXTURE(fixture,
                  "what was accepted is voted for again: at once if it is durable, and with the vote that waits if not") {
  subject.accept(one.ptr(), low, 1, 1, 1);
  subject.write_begins();
  subject.accept_again(one.ptr(), low, 1, 5, 1);
  CHECK_FALSE(subject.some_due());
  auto due = subject.release(1);
  REQUIRE(due.votes.size() == 1);
  CHECK(due.votes[0].slots == std::vector<slot_number>{1});
  CHECK(due.votes[0].mark == 5);
  subject.accept_again(one.ptr(), low, 1, 6, 1);
  CHECK(subject.some_due());
  due = subject.release(1);
  REQUIRE(due.votes.size() == 1);
  CHECK(due.votes[0].slots == std::vector<slot_number>{1});
  CHECK(due.votes[0].mark == 6);
}

TEST_CASE_FIXTURE(fixture, "a refusal names a ballot that is durable, at once where one is high enough") {
  subject.raise(high, 7);
  subject.refuse(one.ptr(), low, 3);
  CHECK_FALSE(subject.some_due());
  CHECK(subject.release(6).votes.empty());
  auto due = subject.release(7);
  REQUIRE(due.votes.size() == 1);
  CHECK(due.votes[0].under == high);
  CHECK(due.votes[0].slots.empty());
  CHECK(due.votes[0].mark == 3);
  subject.raise(higher, 8);
  subject.refuse(one.ptr(), low, 4);
  CHECK(subject.some_due());
  due = subject.release(7);
  REQUIRE(due.votes.size() == 1);
  CHECK(due.votes[0].under == high);
}

TEST_CASE_FIXTURE(fixture, "A1: the ballot that may be told follows what is durable, and never goes down") {
  CHECK(subject.durable_ballot() == low);
  CHECK(subject.ballot_waits_for() == 0);
  subject.raise(high, 3);
  subject.raise(higher, 5);
  CHECK(subject.ballot_waits_for() == 5);
  subject.release(4);
  CHECK(subject.durable_ballot() == high);
  subject.release(5);
  CHECK(subject.durable_ballot() == higher);
  CHECK(subject.ballot_waits_for() == 0);
  auto before = on_broken([](auto invariant, auto&) { throw std::runtime_error{std::string{invariant}}; });
  CHECK_THROWS_WITH(subject.raise(high, 6), "A1");
  on_broken(before);
}

TEST_CASE_FIXTURE(fixture, "a piece waits for its record") {
  CHECK(hold(p1b(one), 4));
  CHECK_FALSE(begins);
  CHECK(subject.waits(one.ptr(), p1b(one).asked));
  CHECK_FALSE(subject.waits(one.ptr(), p1b(one, 2).asked));
  CHECK_FALSE(subject.waits(other.ptr(), p1b(one).asked));
  CHECK(subject.release(3).answers.empty());
  CHECK(subject.release(4).answers.size() == 1);
  CHECK(subject.pieces() == 0);
}

TEST_CASE_FIXTURE(fixture, "a piece waits for values that are read, too, whichever comes first") {
  auto value = value_of(low, 5, 50);
  for (bool durable_first : {false, true}) {
    REQUIRE(hold(with_value(one), 4));
    REQUIRE(begins);
    REQUIRE(begins->where.size() == 1);
    CHECK(begins->where[0].offset == 64);
    begins->into->push_back(value.content());
    if (durable_first)
      CHECK(subject.release(4).answers.empty());
    subject.values_read(begins->number);
    if (!durable_first)
      CHECK(subject.release(3).answers.empty());
    auto due = subject.release(4);
    REQUIRE(due.answers.size() == 1);
    CHECK(due.answers[0].content.items[0].pvalue.content() == value.content());
    CHECK(subject.reads() == 0);
    subject.release(0);
  }
}

TEST_CASE_FIXTURE(fixture, "who turns to another question is not answered the first one") {
  hold(p1b(one, 1), 4);
  hold(p1b(one, 2), 4);
  CHECK(subject.pieces() == 1);
  auto due = subject.release(4);
  REQUIRE(due.answers.size() == 1);
  CHECK(due.answers[0].asked.scout == 2);
}

TEST_CASE_FIXTURE(fixture, "one read for each asker, and few in all; a question beyond that is dropped") {
  REQUIRE(hold(with_value(one), 0));
  auto first = begins->number;
  CHECK_FALSE(hold(p1b(one, 2), 0));
  std::deque<probe> many;
  for (size_t i = 1; i < durable_answers::most_reads; ++i)
    CHECK(hold(with_value(many.emplace_back(*this)), 0));
  CHECK_FALSE(hold(with_value(other), 0));
  CHECK(hold(p1b(other), 0)); // Nothing is read for it.
  begins.reset();
  CHECK(subject.release(0).answers.size() == 1);
  CHECK(subject.reads() == durable_answers::most_reads);
  subject.values_read(first + 100); // Not one of these.
  CHECK(subject.reads() == durable_answers::most_reads);
}

TEST_CASE_FIXTURE(fixture, "so many pieces wait and no more") {
  std::deque<probe> many;
  for (size_t i = 0; i < durable_answers::most_pieces; ++i)
    CHECK(hold(p1b(many.emplace_back(*this)), 4));
  CHECK_FALSE(hold(p1b(one), 4));
  CHECK(hold(p1b(many.front(), 2), 4)); // In place of its first.
  CHECK(subject.release(4).answers.size() == durable_answers::most_pieces);
}
