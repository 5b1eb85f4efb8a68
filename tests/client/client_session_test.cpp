#include "synod/actors/client/client_session.hpp"

#include "synod/actors/client/client.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace synod;
using namespace std::chrono_literals;

namespace {

struct fixture : client_session::owner {
  using time_point = client_session::time_point;

  void ask(const message<schema::Request>& x) override { requests.push_back(x); }
  void ask(const message<schema::Query>& x) override { queries.push_back(x); }
  void answer(uint64_t asked, message<schema::Replies> replies) override {
    std::vector<int64_t> numbers;
    for (auto each : replies->getReplies())
      numbers.push_back(each.getInteger());
    answered.emplace_back(asked, numbers);
  }
  void fail(uint64_t asked, client_fault what, const std::string&) override { failed.emplace_back(asked, what); }

  static message<schema::Operations> commands(size_t count, size_t bytes = 1) {
    operation_writer all;
    for (size_t i = 0; i < count; ++i)
      all.command({"SET", std::string(bytes, 'x')});
    return packed(all);
  }

  void perform(uint64_t asked, size_t count = 1, size_t bytes = 1) { subject.perform(asked, commands(count, bytes), now); }
  void query(uint64_t asked, size_t count = 1) { subject.query(asked, commands(count), now); }

  message<schema::Opened> opened(uint64_t number, uint64_t session) {
    builder<schema::Opened> built;
    built->setNumber(number);
    built->setSession(session);
    return built.finish();
  }
  /// Answers the opening that was sent last.
  void open(uint64_t session) {
    REQUIRE(!requests.empty());
    REQUIRE(requests.back()->isOpen());
    auto number = requests.back()->getOpen().getNumber();
    requests.clear();
    subject.on_opened(opened(number, session), now);
  }
  void respond(uint64_t session, uint64_t first_cid, const std::vector<int64_t>& numbers) {
    builder<schema::Responses> built;
    built->setSession(session);
    built->setFirstCid(first_cid);
    built->setAnswered(static_cast<uint32_t>(numbers.size()));
    auto replies = built->initReplies(static_cast<unsigned>(numbers.size() + 1)); // One that is yet to follow.
    for (unsigned i = 0; i < numbers.size(); ++i)
      replies[i].setInteger(numbers[i]);
    subject.on_responses(built.finish(), now);
  }
  void refuse(uint64_t session, uint64_t first_cid) {
    builder<schema::Responses> built;
    built->setSession(session);
    built->setFirstCid(first_cid);
    built->setRefused(true);
    subject.on_responses(built.finish(), now);
  }
  void end_session(uint64_t session) {
    builder<schema::Responses> built;
    built->setSession(session);
    built->setSessionEnded(true);
    subject.on_responses(built.finish(), now);
  }
  void tell(uint64_t number, uint32_t first, const std::vector<int64_t>& numbers, bool refused = false) {
    builder<schema::Answers> built;
    built->setNumber(number);
    built->setFirst(first);
    built->setRefused(refused);
    built->setAnswered(static_cast<uint32_t>(numbers.size()));
    auto replies = built->initReplies(static_cast<unsigned>(numbers.size()));
    for (unsigned i = 0; i < numbers.size(); ++i)
      replies[i].setInteger(numbers[i]);
    subject.on_answers(built.finish(), now);
  }

  /// First cids of the requests that were sent, which are taken.
  std::vector<uint64_t> sent_cids() {
    std::vector<uint64_t> all;
    for (auto& each : std::exchange(requests, {}))
      all.push_back(each->isOpen() ? 0 : each->getCommands().getFirstCid());
    return all;
  }

  using answers = std::vector<std::pair<uint64_t, std::vector<int64_t>>>;
  using faults = std::vector<std::pair<uint64_t, client_fault>>;
  using cids = std::vector<uint64_t>;

  time_point now{1h};
  std::vector<message<schema::Request>> requests;
  std::vector<message<schema::Query>> queries;
  answers answered;
  faults failed;
  client_session subject{{.patience = 1s, .lifetime = 60s, .outstanding_limit_bytes = 4096, .most_under_way = 4, .seed = 1},
                         *this};
};

} // namespace

TEST_CASE_FIXTURE(fixture, "operations wait for a session, get cids in their order and replies of their own") {
  perform(7);
  perform(8, 2);
  CHECK(sent_cids() == cids{0});
  subject.on_tick(now + 100ms); // The opening was lost.
  REQUIRE(requests.size() == 1);
  CHECK(requests[0]->getOpen().getKeepResults());
  open(5);
  REQUIRE(requests.size() == 2);
  CHECK(requests[0]->getCommands().getSession() == 5);
  CHECK(requests[1]->getCommands().getOperations().getCount() == 2);
  CHECK(sent_cids() == cids{1, 2});
  perform(9);
  CHECK(sent_cids() == cids{4});
  CHECK(subject.under_way() == 4);
  respond(5, 1, {10, 20});
  CHECK(answered == answers{{7, {10}}});
  respond(5, 3, {30, 40});
  CHECK(answered == answers{{7, {10}}, {8, {20, 30}}, {9, {40}}});
  CHECK(subject.idle());
  CHECK(subject.outstanding_bytes() == 0);
  CHECK(subject.under_way() == 0);
}

TEST_CASE_FIXTURE(fixture, "an opening of another number opens nothing") {
  perform(1);
  auto number = requests.back()->getOpen().getNumber();
  subject.on_opened(opened(number + 2, 9), now);
  CHECK(subject.session() == 0);
  subject.on_opened(opened(number, 9), now);
  CHECK(subject.session() == 9);
  subject.on_opened(opened(number, 10), now);
  CHECK(subject.session() == 9);
}

TEST_CASE_FIXTURE(fixture, "nothing asked for is answered at once") {
  perform(1, 0);
  query(2, 0);
  CHECK(answered == answers{{1, {}}, {2, {}}});
  CHECK(requests.empty());
  CHECK(queries.empty());
}

TEST_CASE_FIXTURE(fixture, "what a silent replica was sent goes to another one, and is answered once") {
  perform(1);
  open(5);
  perform(2);
  query(3);
  now += 999ms;
  CHECK_FALSE(subject.gives_up(now));
  now += 1ms;
  CHECK(subject.gives_up(now));
  requests.clear();
  queries.clear();
  subject.on_replica(now);
  CHECK(sent_cids() == cids{1, 2});
  CHECK(queries.size() == 1);
  // Each time in vain it waits longer.
  CHECK_FALSE(subject.gives_up(now + 1999ms));
  CHECK(subject.gives_up(now + 2000ms));
  // Both replicas answer, the first one late.
  respond(5, 1, {10});
  respond(5, 1, {10, 20});
  tell(1, 0, {30});
  tell(1, 0, {30});
  respond(5, 2, {20});
  CHECK(answered == answers{{1, {10}}, {2, {20}}, {3, {30}}});
  CHECK_FALSE(subject.gives_up(now + 1h)); // Nothing is waited for.
}

TEST_CASE_FIXTURE(fixture, "who has asked for nothing for long waits from when it asks") {
  now += 1h;
  query(1);
  CHECK_FALSE(subject.gives_up(now + 999ms));
  CHECK(subject.gives_up(now + 1s));
}

TEST_CASE_FIXTURE(fixture, "a session that is being opened is opened at the next replica under the same number") {
  perform(1);
  auto number = requests.back()->getOpen().getNumber();
  requests.clear();
  subject.on_replica(now);
  REQUIRE(requests.size() == 1);
  CHECK(requests[0]->getOpen().getNumber() == number);
}

TEST_CASE_FIXTURE(fixture, "of a session that has ended the outcome is not known; what waits goes into the next one") {
  perform(1, 3);
  open(5);
  perform(2, 2); // More than may be under way: waits.
  CHECK(sent_cids() == cids{1});
  end_session(4); // Another one's.
  CHECK(failed.empty());
  end_session(5);
  CHECK(failed == faults{{1, client_fault::outcome_unknown}});
  REQUIRE(requests.size() == 1);
  CHECK(requests[0]->getOpen().getReplaces() == 5);
  open(6);
  REQUIRE(requests.size() == 1);
  CHECK(requests[0]->getCommands().getSession() == 6);
  CHECK(sent_cids() == cids{1});
  respond(5, 1, {1, 2, 3}); // Too late.
  CHECK(answered.empty());
  respond(6, 1, {4, 5});
  CHECK(answered == answers{{2, {4, 5}}});
}

TEST_CASE_FIXTURE(fixture, "what was refused is sent again after a pause") {
  perform(1);
  open(5);
  perform(2);
  query(3);
  query(4);
  refuse(5, 2);
  tell(1, 0, {}, true);
  requests.clear();
  queries.clear();
  subject.on_tick(now);
  CHECK(requests.empty());
  CHECK(queries.empty());
  now += 1s;
  subject.on_tick(now);
  CHECK(sent_cids() == cids{1, 2});
  REQUIRE(queries.size() == 1);
  CHECK(queries[0]->getNumber() == 1);
  subject.on_tick(now + 1s);
  CHECK(requests.empty());
  CHECK(queries.size() == 1);
}

TEST_CASE_FIXTURE(fixture,
                  "refusals that follow each other do not put off that it is asked again, and nothing new is sent before") {
  perform(1);
  open(5);
  refuse(5, 1);
  requests.clear();
  for (uint64_t i = 2; i < 5; ++i) {
    now += 30ms;
    perform(i);
    refuse(5, 1);
  }
  CHECK(requests.empty());
  now += 10ms; // 100 since the first.
  subject.on_tick(now);
  CHECK(sent_cids() == cids{1, 2, 3, 4});
}

TEST_CASE_FIXTURE(fixture, "who is only refused gives up in the end") {
  perform(1);
  open(5);
  for (int i = 0; i < 9; ++i) {
    now += 100ms;
    refuse(5, 1);
    subject.on_tick(now);
    CHECK_FALSE(subject.gives_up(now));
  }
  now += 100ms;
  CHECK(subject.gives_up(now));
}

TEST_CASE_FIXTURE(fixture, "a replica that answers queries is left when it does not answer requests, and the other way round") {
  perform(1);
  open(5);
  for (uint64_t i = 1; i < 10; ++i) {
    now += 100ms;
    query(100 + i);
    tell(i, 0, {1});
    CHECK_FALSE(subject.gives_up(now));
  }
  now += 100ms;
  CHECK(subject.gives_up(now));
}

TEST_CASE_FIXTURE(fixture, "what one replica has told of a query is not put together with what another one tells") {
  query(1, 2);
  tell(1, 0, {10});
  queries.clear();
  subject.on_replica(now);
  REQUIRE(queries.size() == 1);
  CHECK(queries[0]->getNumber() == 2);
  CHECK(queries[0]->getOperations().getCount() == 2);
  tell(1, 1, {20}); // Of the one before.
  CHECK(answered.empty());
  tell(2, 0, {11, 21});
  CHECK(answered == answers{{1, {11, 21}}});
}

TEST_CASE_FIXTURE(fixture, "another replica is asked each query once, whatever the one before told of them") {
  query(1, 2);
  query(2);
  query(3, 2);
  tell(1, 0, {10});
  tell(3, 0, {30});
  queries.clear();
  subject.on_replica(now);
  CHECK(queries.size() == 3);
}

TEST_CASE_FIXTURE(fixture, "a session is its client's to end, and what cannot be read is not sent") {
  for (auto closes : {true, false}) {
    operation_writer one;
    closes ? one.close() : one.keep_alive();
    subject.perform(1, packed(one), now);
  }
  builder<schema::Operations> broken;
  broken->setCount(2);
  subject.query(2, broken.finish(), now);
  CHECK(failed.size() == 3);
  CHECK(requests.empty());
  CHECK(queries.empty());
}

TEST_CASE_FIXTURE(fixture, "replies to a query come in parts, and only those that follow count") {
  query(1, 3);
  tell(1, 1, {20});
  CHECK(answered.empty());
  tell(1, 0, {10, 20});
  tell(1, 1, {20, 30, 40});
  CHECK(answered == answers{{1, {10, 20, 30}}});
}

TEST_CASE_FIXTURE(fixture, "bounds: what is outstanding, and what is under way") {
  perform(1, 1, 3000);
  perform(2, 1, 2000);
  CHECK(failed == faults{{2, client_fault::not_performed}});
  open(5);
  respond(5, 1, {1});
  CHECK(subject.outstanding_bytes() == 0);
  perform(3, 1, 5000); // Not even alone.
  CHECK(failed == faults{{2, client_fault::not_performed}, {3, client_fault::not_performed}});
  CHECK(sent_cids() == cids{1});
  perform(5, 5); // Alone there may be more of them.
  perform(6, 1);
  CHECK(sent_cids() == cids{2});
  respond(5, 2, {1, 2, 3, 4});
  CHECK(requests.empty());
  respond(5, 6, {5});
  CHECK(sent_cids() == cids{7});
}

TEST_CASE_FIXTURE(fixture, "what no replica would take is not performed") {
  client_session large{{.outstanding_limit_bytes = size_t{1} << 30}, *this};
  large.perform(1, commands(most_operations + 1), now);
  large.perform(2, commands(1, 61u << 20), now);
  CHECK(failed == faults{{1, client_fault::not_performed}, {2, client_fault::not_performed}});
  CHECK(large.idle());
}

TEST_CASE_FIXTURE(fixture, "who gets no session is told") {
  auto tell_opening = [&](auto set) {
    builder<schema::Opened> built;
    built->setNumber(requests.back()->getOpen().getNumber());
    set(*built);
    requests.clear();
    subject.on_opened(built.finish(), now);
  };
  perform(1);
  tell_opening([](auto& x) { x.setRefused(); }); // For want of room in its queue.
  CHECK(failed.empty());
  now += 1s;
  subject.on_tick(now);
  REQUIRE(requests.size() == 1);
  tell_opening([](auto& x) {
    x.setRefused();
    x.setWhy("disk full");
  });
  CHECK(failed == faults{{1, client_fault::not_performed}});
  now += 1s;
  perform(2);
  REQUIRE(requests.size() == 1);
  tell_opening([](auto& x) { x.setTooMany(); });
  CHECK(failed == faults{{1, client_fault::not_performed}, {2, client_fault::not_performed}});
  CHECK(subject.idle());
  now += 1s;
  subject.on_tick(now);
  CHECK(requests.empty()); // Nobody needs one.
}

TEST_CASE_FIXTURE(fixture, "an idle session is kept alive") {
  perform(1);
  open(5);
  respond(5, 1, {1});
  requests.clear();
  now += 15s;
  subject.on_tick(now);
  CHECK(requests.empty());
  now += 1ms;
  subject.on_tick(now);
  REQUIRE(requests.size() == 1);
  operation_reader alive{requests[0]->getCommands().getOperations()};
  REQUIRE(alive.next());
  CHECK(alive->what() == operation::kind::keep_alive);
  respond(5, 2, {0});
  CHECK(answered == answers{{1, {1}}}); // Nobody asked for it.
  perform(2);
  CHECK(sent_cids() == cids{2, 3});
}

TEST_CASE_FIXTURE(fixture, "at the end everybody is told") {
  perform(1);
  open(5);
  perform(2, 4);
  query(3);
  subject.end();
  CHECK(failed == faults{{2, client_fault::not_performed}, {1, client_fault::outcome_unknown}, {3, client_fault::not_read}});
  operation_reader last{requests.back()->getCommands().getOperations()};
  REQUIRE(last.next());
  CHECK(last->what() == operation::kind::close); // Others may have its place.
  CHECK(subject.idle());
}
