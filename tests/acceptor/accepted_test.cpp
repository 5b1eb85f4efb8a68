#include "harness.hpp"

#include "synod/actors/acceptor/accepted.hpp"
#include "synod/actors/role/upheld.hpp"

#include <doctest/doctest.h>

#include <stdexcept>

using namespace synod;
using namespace synod::test;

namespace {

constexpr ballot low{1, 0, 1}, high{2, 1, 1};
const size_t value_bytes = value_of(low, 1, 1).size_bytes();

struct fixture {
  /// Accepts a pvalue with the next record.
  void accept(ballot under, slot_number slot, slot_number decided_below = 1) {
    auto pvalue = value_of(under, slot, static_cast<int64_t>(slot), decided_below);
    ++record;
    subject.accept(pvalue, record, {1, 1000 * record, record_header_bytes + pvalue.size_bytes()});
  }

  size_t in_memory() const {
    return static_cast<size_t>(
      std::count_if(subject.entries().begin(), subject.entries().end(), [](auto& x) { return bool{x.second.pvalue}; }));
  }

  accepted_pvalues subject{3 * value_bytes};
  record_number record = 0;
};

} // namespace

TEST_CASE_FIXTURE(fixture, "state reduction: of a slot the pvalue with the highest ballot is kept") {
  accept(low, 1);
  accept(high, 1);
  CHECK(subject.entries().size() == 1);
  CHECK(subject.find(1)->under == high);
  CHECK(subject.find(1)->record == 2);
  CHECK(subject.find(2) == nullptr);
}

TEST_CASE_FIXTURE(fixture, "A3: a slot's ballot never goes down") {
  auto before = on_broken([](auto invariant, auto&) { throw std::runtime_error{std::string{invariant}}; });
  accept(high, 1);
  CHECK_THROWS_WITH(accept(low, 1), "A3");
  on_broken(before);
}

TEST_CASE_FIXTURE(fixture, "the highest durable slot grows with what is durable, not with what is accepted") {
  accept(low, 4);
  accept(low, 2);
  accept(low, 9);
  CHECK(subject.highest() == 9);
  CHECK(subject.highest_durable() == 0);
  subject.durable(2);
  CHECK(subject.highest_durable() == 4);
  subject.durable(3);
  CHECK(subject.highest_durable() == 9);
}

TEST_CASE_FIXTURE(fixture, "values beyond the cache are forgotten, the oldest first, and their places are known") {
  for (slot_number slot = 1; slot <= 10; ++slot) {
    accept(low, slot);
    subject.durable(record);
  }
  CHECK(in_memory() == 3);
  CHECK(subject.cached_bytes() == 3 * value_bytes);
  CHECK_FALSE(subject.find(7)->pvalue);
  CHECK(subject.find(8)->pvalue);
  CHECK(subject.find(7)->where.offset == 7000);
}

TEST_CASE_FIXTURE(fixture, "a value that is not durable stays in memory, whatever the bound") {
  for (slot_number slot = 1; slot <= 10; ++slot)
    accept(low, slot);
  CHECK(in_memory() == 10);
  CHECK(subject.not_durable_bytes() == 10 * value_bytes);
  subject.durable(6);
  CHECK(in_memory() == 7);
  CHECK(subject.not_durable_bytes() == 4 * value_bytes);
  accept(high, 8); // In place of one that is not durable yet,
  accept(high, 6); // and of one that is.
  CHECK(subject.not_durable_bytes() == 5 * value_bytes);
  subject.durable(record);
  CHECK(subject.not_durable_bytes() == 0);
  CHECK(in_memory() == 3);
  CHECK(subject.cached_bytes() == 3 * value_bytes);
  CHECK(subject.find(8)->pvalue);
  CHECK(subject.find(6)->pvalue);
}

TEST_CASE_FIXTURE(fixture, "pieces have a bounded size, and at least one slot") {
  for (slot_number slot = 1; slot <= 8; ++slot)
    accept(low, slot);
  auto item = accepted_pvalues::item_bytes + value_bytes;
  auto first = subject.piece_of(2, 100, true, 3 * item);
  CHECK(first.items.size() == 3);
  CHECK(first.next == 5);
  CHECK(first.bytes == 3 * item);
  CHECK(subject.piece_of(5, 100, true, 1).items.size() == 1);
  auto last = subject.piece_of(8, 100, true, 3 * item);
  CHECK(last.items.size() == 1);
  CHECK(last.next == 100);
  CHECK(subject.piece_of(2, 4, true, 100 * item).items.size() == 2);
  CHECK(subject.piece_of(2, 4, true, 100 * item).next == 4);
  CHECK(subject.piece_of(9, 100, true, item).items.empty());
}

TEST_CASE_FIXTURE(fixture, "a piece is measured by the index, also where values are not in memory") {
  for (slot_number slot = 1; slot <= 8; ++slot)
    accept(low, slot);
  subject.durable(record);
  auto piece = subject.piece_of(1, 100, true, 4 * (accepted_pvalues::item_bytes + value_bytes));
  REQUIRE(piece.items.size() == 4);
  CHECK_FALSE(piece.items[0].pvalue);
  CHECK(piece.items[0].where.offset == 1000);
  auto ballots = subject.piece_of(1, 100, false, 4 * (accepted_pvalues::item_bytes + value_bytes));
  CHECK(ballots.items.size() == 8);
  CHECK_FALSE(ballots.items[7].pvalue);
}

TEST_CASE_FIXTURE(fixture, "a piece waits for the last record in it that is not durable") {
  for (slot_number slot = 1; slot <= 4; ++slot)
    accept(low, slot);
  CHECK(subject.piece_of(1, 4, true, 1 << 20).waits_for == 3);
  subject.durable(2);
  CHECK(subject.piece_of(1, 3, true, 1 << 20).waits_for == 0);
  CHECK(subject.piece_of(1, 5, true, 1 << 20).waits_for == 4);
}

TEST_CASE_FIXTURE(fixture, "a piece of what is durable ends before what is not, unless it begins with that") {
  for (slot_number slot = 1; slot <= 4; ++slot)
    accept(low, slot);
  subject.durable(2);
  auto durable = subject.durable_piece_of(1, 100, true, 1 << 20);
  CHECK(durable.items.size() == 2);
  CHECK(durable.next == 3);
  CHECK(durable.waits_for == 0);
  auto rest = subject.durable_piece_of(3, 100, true, 1 << 20);
  CHECK(rest.items.size() == 2);
  CHECK(rest.next == 100);
  CHECK(rest.waits_for == 4);
}

TEST_CASE_FIXTURE(fixture, "what proposers know to be decided is remembered") {
  CHECK(subject.decided_below() == 1);
  accept(low, 5, 4);
  accept(low, 6, 3);
  CHECK(subject.decided_below() == 4);
}

TEST_CASE_FIXTURE(fixture, "what is collected is gone, and what is known of it is that it was decided") {
  for (slot_number slot = 1; slot <= 6; ++slot)
    accept(low, slot);
  subject.durable(4);
  subject.collect(4);
  CHECK(subject.first_kept() == 4);
  CHECK(subject.find(3) == nullptr);
  CHECK(subject.find(4) != nullptr);
  CHECK(subject.decided_below() == 4);
  CHECK(subject.cached_bytes() == 3 * value_bytes);
  CHECK(subject.not_durable_bytes() == 2 * value_bytes);
  subject.collect(2); // Never back.
  CHECK(subject.first_kept() == 4);
  SUBCASE("also what is not durable yet") {
    subject.collect(6);
    CHECK(subject.not_durable_bytes() == value_bytes);
    subject.durable(6);
    CHECK(subject.highest_durable() == 6);
  }
  SUBCASE("and all of it") {
    subject.collect(20);
    CHECK(subject.entries().empty());
    CHECK(subject.highest() == 19);
    CHECK(subject.highest_durable() == 19);
    CHECK(subject.cached_bytes() == 0);
    subject.durable(6);
    CHECK(subject.not_durable_bytes() == 0);
  }
  for (slot_number slot = 30; slot < 40; ++slot) // The order of what is in memory is not disturbed.
    accept(low, slot);
  subject.durable(record);
  CHECK(subject.cached_bytes() <= 3 * value_bytes);
  CHECK(in_memory() == 3);
}

TEST_CASE_FIXTURE(fixture, "it knows the first segment that something is kept in") {
  CHECK_FALSE(subject.first_segment());
  auto accept_in = [&](uint64_t segment, slot_number slot, ballot under) {
    auto pvalue = value_of(under, slot, 1);
    ++record;
    subject.accept(pvalue, record, {segment, 1000 * record, record_header_bytes + pvalue.size_bytes()});
  };
  accept_in(1, 1, low);
  accept_in(1, 5, low);
  accept_in(2, 2, low);
  accept_in(3, 9, low);
  subject.durable(record);
  subject.collect(5);
  CHECK(subject.first_segment() == 1);
  subject.collect(6);
  CHECK(subject.first_segment() == 3);
  subject.collect(10);
  CHECK_FALSE(subject.first_segment());
}
