#include "harness.hpp"

#include "synod/actors/replica/outstanding.hpp"

#include <doctest/doctest.h>

using namespace synod;
using namespace synod::test;
using outcome = outstanding::outcome;
using what = outstanding::what;
using std::chrono::milliseconds;

namespace {

struct fixture : actor_world {
  fixture() {
    sessions.open(7, 70, false, 0);
    sessions.open(8, 80, false, 0);
  }

  message<schema::Request> commands(uint64_t cid, uint64_t session = 70) { return request_of(session, cid, {{"INCR", "n"}}); }
  message<schema::Request> add(message<schema::Request> x, outcome expected = outcome::taken) {
    CHECK(subject.add(x, client.ptr(), true) == expected);
    if (expected == outcome::taken)
      subject.send_new(x, now, sender());
    return x;
  }
  outstanding::sender sender() {
    return [this](auto& x) {
      if (room == 0)
        return false;
      --room;
      sent.push_back(x->isOpen() ? 0 : x->getCommands().getFirstCid());
      return true;
    };
  }
  std::vector<uint64_t> send(what which, bool keeps = false) {
    sent.clear();
    subject.send(which, sessions, keeps, now, sender());
    return sent;
  }
  void perform(uint64_t session) {
    sessions.advance(session, 0);
    subject.on_performed(session, sessions, now);
  }

  probe client{*this};
  session_table sessions{1000};
  outstanding subject{4000};
  outstanding::time_point now{std::chrono::hours{1}};
  size_t room = SIZE_MAX;
  std::vector<uint64_t> sent;
};

using cids = std::vector<uint64_t>;

} // namespace

TEST_CASE_FIXTURE(fixture, "a request is remembered until it is performed, and its bytes count as long") {
  auto x = add(commands(1));
  CHECK(subject.bytes() == x.size_bytes());
  CHECK(subject.has(*x));
  REQUIRE(subject.client_of(70));
  CHECK(*subject.client_of(70) == client.ptr());
  perform(70);
  CHECK(subject.empty());
}

TEST_CASE_FIXTURE(fixture, "what is asked again is answered to whom asked last") {
  add(commands(1));
  probe other{*this};
  CHECK(subject.add(commands(1), other.ptr(), true) == outcome::repeated);
  CHECK(*subject.client_of(70) == other.ptr());
  add(open_request(5));
  CHECK(subject.add(open_request(5), other.ptr(), true) == outcome::repeated);
  CHECK(subject.on_opened(5) == other.ptr());
  CHECK(subject.on_opened(5) == nullptr);
}

TEST_CASE_FIXTURE(fixture, "each session is sent again by its own clock, which another's progress does not set back") {
  add(commands(1, 70));
  add(commands(1, 80));
  add(commands(2, 80));
  now += milliseconds{200};
  perform(80);
  now += milliseconds{100};
  CHECK(send(what::due) == cids{1});
  now += milliseconds{200};
  CHECK(send(what::due) == cids{2});
  now += milliseconds{300};
  CHECK(send(what::due).empty()); // The pauses have grown.
  now += milliseconds{100};
  CHECK(send(what::due) == cids{1});
}

TEST_CASE_FIXTURE(fixture, "an opening is sent again by its own clock") {
  add(open_request(5));
  now += milliseconds{299};
  CHECK(send(what::due).empty());
  now += milliseconds{1};
  CHECK(send(what::due) == cids{0});
}

TEST_CASE_FIXTURE(fixture, "what there was no room for on the way is sent when there is, in order, and the rest behind it") {
  room = 1;
  add(commands(1));
  add(commands(2));
  room = 9;
  add(commands(3)); // It waits behind the second.
  CHECK(sent == cids{1});
  CHECK(send(what::unsent) == cids{2, 3});
  CHECK(send(what::unsent).empty());
}

TEST_CASE_FIXTURE(fixture,
                  "another leader is sent everything in the order of cids, but nothing of a session whose turn has not come") {
  add(commands(2));
  add(commands(1));
  add(commands(5, 80));
  CHECK(send(what::all) == cids{1, 2});
}

TEST_CASE_FIXTURE(fixture, "what waits for its turn is due as soon as that comes") {
  room = 0;
  add(commands(2));
  room = 9;
  sessions.advance(70, 0);
  subject.on_performed(70, sessions, now);
  CHECK(send(what::due, true) == cids{2});
}

TEST_CASE_FIXTURE(fixture, "what stays at this replica is not sent a second time") {
  add(commands(1));
  add(open_request(5));
  now += milliseconds{10000};
  CHECK(send(what::due, true).empty());
}

TEST_CASE_FIXTURE(fixture, "above the limit requests are refused, and so is what comes behind them") {
  add(request_of(70, 1, {{"SET", "k", std::string(3000, 'x')}}));
  add(request_of(70, 2, {{"SET", "k", std::string(3000, 'x')}}), outcome::refused);
  add(commands(3), outcome::refused);
  add(open_request(5));
  perform(70);
  add(commands(3), outcome::refused);
  add(request_of(70, 2, {{"SET", "k", std::string(3000, 'x')}}));
  add(commands(3));
}

TEST_CASE_FIXTURE(fixture, "a client without room for replies is refused what is new, and nothing that was taken") {
  add(commands(1));
  CHECK(subject.add(commands(2), client.ptr(), false) == outcome::refused);
  CHECK(subject.add(commands(1), client.ptr(), false) == outcome::repeated);
}

TEST_CASE_FIXTURE(fixture, "a session that has ended takes its requests with it") {
  add(commands(1));
  CHECK(subject.on_ended(70) == client.ptr());
  CHECK(subject.empty());
  add(commands(1));
  sessions.close(70);
  subject.on_performed(70, sessions, now);
  CHECK(subject.empty());
  CHECK(subject.client_of(70) == nullptr);
}

TEST_CASE_FIXTURE(fixture, "sessions that are not known and wait for nothing are forgotten") {
  add(request_of(99, 1, {{"SET", "k", std::string(5000, 'x')}}), outcome::refused);
  CHECK(subject.client_of(99));
  sessions.close(70);
  sessions.close(80);
  subject.forget_unknown(sessions);
  CHECK_FALSE(subject.client_of(99));
}

TEST_CASE_FIXTURE(fixture, "new requests do not put off the older one of their session that waits") {
  room = 0;
  for (uint64_t cid = 1; cid <= 6; ++cid) {
    add(commands(cid));
    now += milliseconds{60};
  }
  room = 9;
  CHECK(send(what::due) == cids{1, 2, 3, 4, 5, 6});
}

TEST_CASE_FIXTURE(fixture, "a refusal is forgotten when the session has gone on by way of another replica") {
  CHECK(subject.add(commands(1), client.ptr(), false) == outcome::refused);
  CHECK(subject.add(commands(3), client.ptr(), true) == outcome::refused);
  perform(70);
  perform(70);
  CHECK(subject.add(commands(3), client.ptr(), true) == outcome::taken);
}

TEST_CASE_FIXTURE(fixture, "a client that waits for more when its session is closed is told of") {
  add(commands(1));
  sessions.close(70);
  CHECK(subject.on_performed(70, sessions, now) == nullptr); // It asked for that alone.
  add(commands(1, 80));
  add(commands(2, 80));
  sessions.close(80);
  CHECK(subject.on_performed(80, sessions, now) == client.ptr());
  CHECK(subject.empty());
}
