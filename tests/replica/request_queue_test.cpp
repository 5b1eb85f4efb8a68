#include "harness.hpp"

#include "synod/actors/replica/request_queue.hpp"

#include <doctest/doctest.h>

using namespace synod;
using namespace synod::test;
using outcome = request_queue::outcome;

namespace {

struct fixture {
  fixture() { sessions.open(7, 70, false, 0); }

  outcome add(uint64_t first, unsigned count, uint64_t session = 70, bool turns_known = true) {
    return subject.add(request_of(session, first, std::vector<std::vector<std::string>>(count, {"INCR", "n"})), sessions,
                       turns_known);
  }
  void perform(unsigned count) {
    for (; count > 0; --count)
      sessions.advance(70, 0);
    subject.on_performed(70, sessions);
  }

  session_table sessions{1000};
  request_queue subject;
};

} // namespace

TEST_CASE_FIXTURE(fixture, "a session's requests wait in their order, each once, without gaps") {
  CHECK(add(2, 1) == outcome::too_early);
  CHECK(add(1, 2) == outcome::added);
  CHECK(add(1, 2) == outcome::known);
  CHECK(add(2, 1) == outcome::known);
  CHECK(add(4, 1) == outcome::too_early);
  CHECK(add(3, 1) == outcome::added);
  CHECK(subject.size() == 2);
  CHECK(subject.bytes()
        == request_of(70, 1, {{"INCR", "n"}, {"INCR", "n"}}).size_bytes() + request_of(70, 3, {{"INCR", "n"}}).size_bytes());
}

TEST_CASE_FIXTURE(fixture, "what was taken is still in the chain, until it was performed") {
  add(1, 1);
  add(2, 1);
  auto taken = subject.take();
  CHECK(add(1, 1) == outcome::known);
  SUBCASE("its proposal lost the slot") {
    subject.put_back(taken);
    CHECK(subject.take()->getCommands().getFirstCid() == 1);
    CHECK(subject.take()->getCommands().getFirstCid() == 2);
    CHECK(subject.bytes() == 0);
  }
  SUBCASE("it is performed, and so is the rest") {
    perform(1);
    CHECK(add(2, 1) == outcome::known);
    subject.take();
    perform(1);
    CHECK(add(2, 1) == outcome::known);
    CHECK(add(3, 1) == outcome::added);
  }
}

TEST_CASE_FIXTURE(fixture, "a chain that broke begins anew at the session's next cid") {
  add(1, 1);
  add(2, 1);
  sessions.open(8, 80, false, 0);
  CHECK(add(1, 1, 80) == outcome::added);
  subject.take();
  subject.break_chain(70);
  CHECK(subject.size() == 1);
  CHECK(subject.front()->getCommands().getSession() == 80);
  CHECK(add(2, 1) == outcome::too_early);
  CHECK(add(1, 1) == outcome::added);
  CHECK(add(2, 1, 80) == outcome::added);
}

TEST_CASE_FIXTURE(fixture, "of a session that is not known any request may be the next") {
  CHECK(add(5, 1, 99) == outcome::added);
  CHECK(add(5, 1, 99) == outcome::known);
  CHECK(add(7, 1, 99) == outcome::too_early);
  subject.on_performed(99, sessions); // It was told that there is no such session.
  CHECK(add(7, 1, 99) == outcome::added);
}

TEST_CASE_FIXTURE(fixture, "while turns are not known any request may begin a chain, but for those that were performed") {
  perform(2);
  CHECK(add(2, 1, 70, false) == outcome::known);
  CHECK(add(5, 1, 70, false) == outcome::added);
  CHECK(add(7, 1, 70, false) == outcome::too_early);
  CHECK(add(6, 1, 70, false) == outcome::added);
  subject.break_chain(70);
  CHECK(add(3, 1, 70) == outcome::added);
}

TEST_CASE_FIXTURE(fixture, "an opening waits until its session is open") {
  CHECK(subject.add(open_request(9), sessions, true) == outcome::added);
  CHECK(subject.add(open_request(7), sessions, true) == outcome::known);
  sessions.close(70);
  CHECK(subject.add(open_request(7), sessions, true) == outcome::added);
  subject.clear();
  CHECK(subject.empty());
  CHECK(subject.bytes() == 0);
}

TEST_CASE_FIXTURE(fixture, "an opening that waits, or is proposed, waits once") {
  auto open = [&](uint64_t number) { return subject.add(open_request(number), sessions, true); };
  CHECK(open(5) == outcome::added);
  CHECK(open(5) == outcome::known);
  CHECK(open(6) == outcome::added);
  subject.take();
  CHECK(open(5) == outcome::known); // It is on its way.
  subject.on_opened(5);             // There was no room for its session.
  CHECK(open(5) == outcome::added);
  CHECK(open(7) == outcome::known); // That session is open.
  subject.clear();
  CHECK(open(6) == outcome::added);
}
