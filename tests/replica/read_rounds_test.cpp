#include "harness.hpp"

#include "synod/actors/replica/read_rounds.hpp"

#include <doctest/doctest.h>

using namespace synod;
using namespace synod::test;
using std::chrono::milliseconds;

namespace {

struct fixture : actor_world {
  bool add(uint64_t number, size_t bytes = 1) {
    return subject.add(query_of(number, {{"GET", std::string(bytes, 'k')}}), client.ptr());
  }
  node_set to_ask() { return subject.to_ask(reached, 1, now); }
  static constexpr std::chrono::hours noon{12}; // of the boot clock
  /// The leader beside it holds the lease for a second, or not at all.
  void lend(slot_number free_slot, uint64_t configuration = 0, bool held = true) {
    builder<schema::Leased> told;
    told->setUntil(held ? std::chrono::nanoseconds{noon + milliseconds{1000}}.count() : 0);
    told->setFreeSlot(free_slot);
    told->setConfiguration(configuration);
    subject.on_leased(told.finish());
  }
  void tell(node_id acceptor, slot_number highest) { subject.on_highest(acceptor, subject.round(), highest, 1, now); }
  /// The number of the next query that is answered; 0: none is.
  uint64_t next(slot_number slot_out) {
    auto found = subject.take(slot_out);
    if (found)
      subject.done(*found);
    return found ? (*found).asked->getNumber() : 0;
  }

  probe client{*this};
  read_rounds subject{three_members(), 1, 4000};
  node_set reached{0, 1, 2};
  read_rounds::time_point now{std::chrono::hours{1}};
};

} // namespace

TEST_CASE_FIXTURE(fixture, "a round asks as few acceptors as make a quorum, the one beside it first; later all of them") {
  CHECK(to_ask().empty());
  add(1);
  CHECK(to_ask() == node_set{1, 2});
  CHECK(to_ask().empty());
  now += milliseconds{100};
  CHECK(to_ask() == reached);
  now += milliseconds{199};
  CHECK(to_ask().empty());
}

TEST_CASE_FIXTURE(fixture, "an acceptor that is reached again is asked at once, however long the round was in vain") {
  reached = {1};
  add(1);
  to_ask();
  for (int i = 0; i < 5; ++i, now += milliseconds{1000})
    to_ask();
  CHECK(to_ask() == reached);
  CHECK(to_ask().empty());
  reached = {1, 2};
  subject.on_acceptor();
  CHECK(to_ask() == reached);
}

TEST_CASE_FIXTURE(fixture, "a query waits for the highest slot that any of a quorum accepted") {
  add(1);
  to_ask();
  tell(1, 5);
  tell(1, 6); // The same acceptor is no quorum.
  CHECK(next(100) == 0);
  tell(2, 3);
  CHECK(subject.waits_for() == 7);
  CHECK(next(6) == 0);
  CHECK(next(7) == 1);
  CHECK(subject.bytes() == 0);
}

TEST_CASE_FIXTURE(fixture, "what comes while a round is asked waits for the next one; answers to the one before do not count") {
  add(1);
  to_ask();
  auto first = subject.round();
  add(2);
  tell(1, 5);
  tell(2, 5);
  CHECK(to_ask() == node_set{1, 2});
  CHECK(subject.round() == first + 1);
  subject.on_highest(0, first, 1, 1, now);
  subject.on_highest(1, first, 1, 1, now);
  CHECK(next(6) == 1);
  CHECK(next(6) == 0);
  tell(1, 9);
  tell(2, 9);
  CHECK(next(9) == 0);
  CHECK(next(10) == 2);
}

TEST_CASE_FIXTURE(fixture, "queries take a limited room, and those of a client without room half of it") {
  CHECK(add(1, 1500));
  CHECK_FALSE(add(2, 3000));
  to_ask();
  tell(0, 0);
  tell(1, 0);
  subject.hold(*subject.take(1));
  CHECK(subject.holds(client.ptr()));
  CHECK_FALSE(add(3, 1000));
  CHECK(subject.take_held(client.ptr())->asked->getNumber() == 1);
  CHECK_FALSE(subject.holds(client.ptr()));
  CHECK(add(3, 1000));
}

TEST_CASE_FIXTURE(fixture, "what is held for a client stays in order, and goes with it") {
  for (uint64_t number = 1; number <= 3; ++number)
    add(number);
  to_ask();
  tell(0, 0);
  tell(1, 0);
  for (int i = 0; i < 3; ++i)
    subject.hold(*subject.take(1));
  auto begun = *subject.take_held(client.ptr());
  CHECK(begun.asked->getNumber() == 1);
  begun.first = 1;
  subject.hold(begun);
  CHECK(subject.take_held(client.ptr())->asked->getNumber() == 1);
  subject.done(begun);
  CHECK(subject.bytes() > 0);
  subject.forget(client.ptr()->address());
  CHECK(subject.bytes() == 0);
}

TEST_CASE_FIXTURE(fixture, "where a lease is held queries ask nobody, and wait for what is below the free slot") {
  CHECK_FALSE(subject.may_be_leased());
  lend(7);
  CHECK_FALSE(subject.may_be_leased()); // There are none.
  add(1);
  REQUIRE(subject.may_be_leased());
  subject.use_lease(noon);
  CHECK(to_ask().empty());
  CHECK(subject.waits_for() == 7);
  CHECK(next(6) == 0);
  CHECK(next(7) == 1);
  CHECK(subject.leased_rounds() == 1);
  CHECK(subject.bytes() == 0);
}

TEST_CASE_FIXTURE(fixture, "a lease is used until it is over, and not when it is given up") {
  lend(7);
  add(1);
  subject.use_lease(noon + milliseconds{1000});
  CHECK(to_ask() == node_set{1, 2});
  subject.use_lease(noon + milliseconds{1000} - std::chrono::nanoseconds{1});
  CHECK(next(7) == 1);
  lend(0, 0, false);
  add(2);
  CHECK_FALSE(subject.may_be_leased());
}

TEST_CASE_FIXTURE(fixture, "a lease of other configurations than are known here is of no use") {
  lend(7, 1);
  add(1);
  subject.use_lease(noon);
  CHECK(to_ask() == node_set{1, 2});
}

TEST_CASE_FIXTURE(fixture, "a lease answers those that ask acceptors, too, in their order; these are heard on") {
  add(1);
  to_ask();
  add(2);
  lend(4);
  subject.use_lease(noon);
  CHECK(next(4) == 1);
  CHECK(next(4) == 2);
  tell(1, 9);
  tell(2, 9);
  CHECK(subject.waits_for() == 4);
  CHECK(subject.bytes() == 0);
  add(3); // Without the lease, or behind it.
  CHECK(to_ask() == node_set{1, 2});
}

TEST_CASE_FIXTURE(fixture, "queries that were told to wait by a lease ask again when a configuration was performed meanwhile") {
  lend(7);
  add(1);
  subject.use_lease(noon);
  auto members = three_members();
  members.add({1, nodes_of({0, 1, 2}).nodes()}, 300);
  subject.reconfigure(members);
  CHECK(next(7) == 0);
  subject.use_lease(noon);
  CHECK(next(100) == 0);
  lend(8, 1);
  subject.use_lease(noon);
  CHECK(next(8) == 1);
}

namespace {

/// The network takes 20 ms, as rounds have told.
struct far_fixture : fixture {
  far_fixture() {
    for (int i = 0; i < 32; ++i) {
      add(1000);
      to_ask();
      now += milliseconds{20};
      tell(1, 0);
      tell(2, 0);
      while (next(1) != 0)
        ;
    }
  }
};

} // namespace

TEST_CASE_FIXTURE(far_fixture, "where the network is far the next round begins after a pause, beside those that are asked") {
  add(1);
  CHECK(to_ask() == node_set{1, 2});
  CHECK_FALSE(subject.next_begins());
  add(2);
  CHECK(to_ask().empty());
  REQUIRE(subject.next_begins());
  now = *subject.next_begins();
  CHECK(to_ask() == node_set{1, 2});
  tell(1, 5);
  CHECK(next(100) == 0);
  // Whoever answers the later question answers the earlier one, too.
  tell(2, 7);
  CHECK(next(7) == 0);
  CHECK(next(8) == 1);
  CHECK(next(8) == 2);
}

TEST_CASE_FIXTURE(far_fixture, "what answers an earlier round does not go for a later one") {
  add(1);
  to_ask();
  auto first = subject.round();
  add(2);
  now += milliseconds{1};
  CHECK(to_ask() == node_set{1, 2});
  subject.on_highest(1, first, 3, 1, now);
  subject.on_highest(2, first, 3, 1, now);
  CHECK(next(4) == 1);
  CHECK(next(4) == 0);
  tell(1, 9);
  tell(2, 9);
  CHECK(next(10) == 2);
}

TEST_CASE_FIXTURE(far_fixture, "rounds that follow each other do not put off that everybody is asked") {
  for (int i = 0; i < 50; ++i) {
    add(1, 1);
    CHECK(to_ask() == node_set{1, 2});
    now += milliseconds{2};
  }
  CHECK(to_ask() == reached); // 100 ms after the first, which nobody has answered.
  CHECK(to_ask().empty());
}

TEST_CASE_FIXTURE(far_fixture, "reads that ask again behind a configuration are not overtaken by those that came behind them") {
  add(1);
  to_ask();
  tell(1, 5);
  tell(2, 5);
  add(2);
  now += milliseconds{1};
  to_ask();
  add(3);
  auto members = three_members();
  members.add({1, nodes_of({0, 1, 2}).nodes()}, 300);
  subject.reconfigure(members);
  tell(1, 4);
  tell(2, 4);
  add(4);
  CHECK(next(6) == 0); // All ask again.
  CHECK(to_ask() == node_set{1, 2});
  tell(1, 6);
  tell(2, 6);
  for (uint64_t number : {1, 2, 3, 4})
    CHECK(next(7) == number);
}

TEST_CASE_FIXTURE(fixture, "an acceptor that was slow is asked last, until it answers") {
  add(1);
  CHECK(to_ask() == node_set{1, 2});
  tell(1, 0);
  now += milliseconds{100};
  CHECK(to_ask() == reached);
  tell(0, 0);
  CHECK(next(1) == 1);
  add(2);
  CHECK(to_ask() == node_set{0, 1});
  tell(2, 0); // It is there again.
  tell(0, 0);
  CHECK(next(1) == 2);
  add(3);
  CHECK(to_ask() == node_set{1, 2});
}

TEST_CASE_FIXTURE(fixture, "who wants to know how far the network is has a round asked, once a second") {
  CHECK(to_ask().empty());
  subject.measure(now);
  CHECK(to_ask() == node_set{1, 2});
  now += milliseconds{5};
  tell(1, 0);
  tell(2, 0);
  CHECK(next(100) == 0);
  CHECK(subject.distance().pause() == network_time::shortest_pause);
  now += milliseconds{999};
  subject.measure(now);
  CHECK(to_ask().empty());
  now += milliseconds{1};
  subject.measure(now);
  CHECK(to_ask() == node_set{1, 2});
}
