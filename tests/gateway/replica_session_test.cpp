#include "synod/actors/gateway/replica_session.hpp"

#include "harness.hpp"

#include <doctest/doctest.h>

#include <limits>

using namespace synod;
using namespace synod::test;
using std::chrono::milliseconds;

namespace {

/// Keeps what becomes of commands, as text.
struct outcomes : recipient {
  void deliver(ticket whose, schema::Reply::Reader reply) override {
    say(whose, reply.isInteger() ? std::to_string(reply.getInteger()) : "another reply");
  }
  void deliver_read(ticket whose, arguments, schema::Reply::Reader reply) override { deliver(whose, reply); }
  void fail(ticket whose, std::string_view error) override { say(whose, error.substr(0, error.find(' '))); }

  void say(ticket whose, std::string_view what) {
    text += std::to_string(whose.connection) + "/" + std::to_string(whose.number) + "=" + std::string{what} + " ";
  }
  std::string take() { return std::exchange(text, {}); }

  std::string text;
};

message<schema::Opened> opened(uint64_t number, uint64_t session) {
  builder<schema::Opened> built;
  built->setNumber(number);
  session ? built->setSession(session) : built->setRefused();
  return built.finish();
}

void write(capnp::List<schema::Reply>::Builder replies, const std::vector<int64_t>& numbers) {
  for (unsigned i = 0; i < replies.size(); ++i)
    replies[i].setInteger(numbers[i]);
}

message<schema::Responses> responses(uint64_t session, uint64_t first_cid, const std::vector<int64_t>& numbers) {
  builder<schema::Responses> built;
  built->setSession(session);
  built->setFirstCid(first_cid);
  built->setAnswered(static_cast<uint32_t>(numbers.size()));
  write(built->initReplies(static_cast<unsigned>(numbers.size())), numbers);
  return built.finish();
}

message<schema::Answers> answers(uint64_t number, uint32_t first, const std::vector<int64_t>& numbers) {
  builder<schema::Answers> built;
  built->setNumber(number);
  built->setFirst(first);
  built->setAnswered(static_cast<uint32_t>(numbers.size()));
  write(built->initReplies(static_cast<unsigned>(numbers.size())), numbers);
  return built.finish();
}

struct fixture {
  fixture() { subject.begin(); }

  replica_session::time_point at(int64_t ms) const {
    return replica_session::time_point{} + std::chrono::hours{1} + milliseconds{ms};
  }

  /// Asks for a session and gets it.
  void open(uint64_t id = 77, int64_t ms = 0) {
    auto asked = subject.next_request(at(ms));
    REQUIRE(asked);
    REQUIRE((*asked)->isOpen());
    subject.on_opened(opened((*asked)->getOpen().getNumber(), id), at(ms));
    REQUIRE(subject.session() == id);
  }

  bool submit(uint64_t number, std::string_view text = "x", int64_t ms = 0) {
    std::vector<std::string_view> args{"SET", text};
    return subject.submit({1, number}, args, at(ms));
  }
  bool read(uint64_t number, std::string_view text = "x", int64_t ms = 0) {
    std::vector<std::string_view> args{"GET", text};
    return subject.read({1, number}, args, at(ms));
  }

  /// The next request as text: session, first cid, number of operations.
  std::string sent(int64_t ms = 0) {
    auto request = subject.next_request(at(ms));
    if (!request)
      return "nothing";
    if ((*request)->isOpen())
      return "open";
    auto commands = (*request)->getCommands();
    return std::to_string(commands.getSession()) + ": " + std::to_string(commands.getFirstCid()) + "+"
           + std::to_string(commands.getOperations().getCount());
  }
  std::string asked() {
    auto query = subject.next_query();
    return query ? std::to_string((*query)->getNumber()) + ": " + std::to_string((*query)->getOperations().getCount())
                 : "nothing";
  }

  replica_session subject{{milliseconds{5000}, std::chrono::hours{1}, 2u << 20, 1}};
  outcomes to;
};

} // namespace

TEST_CASE_FIXTURE(fixture, "commands that came before the session wait for it, and get cids without a gap") {
  CHECK(submit(1));
  CHECK(submit(2));
  open(77);
  CHECK(sent() == "77: 1+2");
  CHECK(sent() == "nothing");
  submit(3);
  CHECK(sent() == "77: 3+1");
}

TEST_CASE_FIXTURE(fixture, "replies go to the commands in the order of cids, each once") {
  open();
  for (uint64_t i = 1; i <= 4; ++i)
    submit(i);
  sent();
  CHECK(subject.waiting() == 4);
  CHECK(subject.on_responses(responses(77, 1, {10, 20}), to));
  CHECK(to.take() == "1/1=10 1/2=20 ");
  CHECK(subject.on_responses(responses(77, 1, {10, 20, 30}), to));
  CHECK(to.take() == "1/3=30 ");
  CHECK(subject.on_responses(responses(77, 1, {10, 20, 30}), to));
  CHECK(subject.on_responses(responses(76, 4, {1}), to));
  CHECK(to.take().empty());
  CHECK(subject.waiting() == 1);
}

TEST_CASE_FIXTURE(fixture, "only as many replies count as are given") {
  open();
  submit(1);
  submit(2);
  sent();
  builder<schema::Responses> part;
  part->setSession(77);
  part->setFirstCid(1);
  part->setAnswered(1);
  write(part->initReplies(2), {10, 20});
  subject.on_responses(part.finish(), to);
  CHECK(to.take() == "1/1=10 ");
}

TEST_CASE_FIXTURE(fixture, "a session is lost whose replica leaves out replies, or answers what was not sent") {
  constexpr auto last = std::numeric_limits<uint64_t>::max();
  for (auto& wrong :
       {responses(77, 2, {20}), responses(77, 1, {10, 20, 30}), responses(77, 4, {}), responses(77, last, {1, 2})}) {
    open();
    submit(1);
    submit(2);
    sent();
    CHECK_FALSE(subject.on_responses(wrong, to));
    CHECK(to.take() == "1/1=UNKNOWN 1/2=UNKNOWN ");
  }
}

TEST_CASE_FIXTURE(fixture, "bytes are outstanding until the last command of their message is answered") {
  open();
  CHECK(subject.outstanding_bytes() == 0);
  submit(1);
  submit(2);
  CHECK(subject.outstanding_bytes() > 0);
  CHECK(subject.bytes_at_replica() == 0);
  sent();
  auto all = subject.bytes_at_replica();
  CHECK(all > 0);
  CHECK(subject.outstanding_bytes() == all);
  subject.on_responses(responses(77, 1, {10}), to);
  CHECK(subject.bytes_at_replica() == all);
  subject.on_responses(responses(77, 2, {20}), to);
  CHECK(subject.outstanding_bytes() == 0);
}

TEST_CASE_FIXTURE(fixture, "no command is taken above the limit, and reads have a limit of their own") {
  open();
  std::string large(3u << 20, 'x');
  CHECK(submit(1, large)); // One may go across it.
  CHECK_FALSE(submit(2));
  CHECK(sent() == "77: 1+1");
  CHECK_FALSE(submit(2));
  CHECK(read(3, large));
  CHECK_FALSE(read(4));
  CHECK(asked() == "1: 1");
  CHECK_FALSE(read(4));
  subject.on_responses(responses(77, 1, {1}), to);
  CHECK(submit(2));
  subject.on_answers(answers(1, 0, {1}), to);
  CHECK(subject.read_bytes() == 0);
  CHECK(read(4));
}

TEST_CASE_FIXTURE(fixture, "no read is taken while too many queries are under way") {
  for (size_t i = 1; i <= replica_session::most_queries; ++i) {
    REQUIRE(read(i));
    REQUIRE(asked() != "nothing");
  }
  CHECK_FALSE(read(5000));
  std::vector<std::string_view> keys{"k"};
  CHECK_FALSE(subject.read_versions({1, 5000}, keys, at(0)));
  subject.on_answers(answers(7, 0, {1}), to);
  CHECK(to.take() == "1/7=1 ");
  CHECK(read(5000));
}

TEST_CASE_FIXTURE(fixture, "what waited for long goes in messages of bounded size") {
  std::string text(100u << 10, 'x');
  for (uint64_t i = 1; i <= 12; ++i) {
    CHECK(submit(i, text));
    CHECK(read(i, text));
  }
  open();
  CHECK(subject.full());
  CHECK(sent() == "77: 1+6");
  CHECK(sent() == "77: 7+6");
  CHECK(sent() == "nothing");
  CHECK(asked() == "1: 6");
  CHECK(asked() == "2: 6");
  CHECK(asked() == "nothing");
  CHECK_FALSE(subject.full());
  subject.on_answers(answers(2, 0, {70}), to);
  CHECK(to.take() == "1/7=70 ");
}

TEST_CASE_FIXTURE(fixture, "a transaction takes room for all its commands") {
  transaction whole{1u << 20};
  std::string text(100u << 10, 'x');
  std::vector<std::string_view> args{"SET", text};
  gateway_command set{{"set", -3, command_spec::write}};
  whole.begin();
  for (int i = 0; i < 6; ++i)
    whole.queue(args, set);
  open();
  subject.submit({1, 1}, whole, at(0));
  CHECK(subject.outstanding_bytes() > 600u << 10);
  CHECK(subject.full());
  auto request = subject.next_request(at(0));
  REQUIRE(request);
  auto asked = operation_of((*request)->getCommands().getOperations(), 0);
  REQUIRE(asked.what() == operation::kind::transaction);
  CHECK(asked.commands() == 6);
  CHECK(asked.command(5)[1] == text);
}

TEST_CASE_FIXTURE(fixture, "a command that passes its deadline has an unknown outcome, and its reply finds nobody") {
  open();
  submit(1, "x", 0);
  sent();
  submit(2, "x", 1000);
  subject.on_tick(at(4999), to);
  CHECK(to.take().empty());
  subject.on_tick(at(5000), to);
  CHECK(to.take() == "1/1=UNKNOWN ");
  CHECK(subject.timed_out() == 1);
  subject.on_tick(at(5100), to);
  CHECK(to.take().empty());
  sent();
  subject.on_responses(responses(77, 1, {10, 20}), to);
  CHECK(to.take() == "0/0=10 1/2=20 ");
  subject.on_tick(at(9000), to);
  CHECK(to.take().empty());
  submit(3, "x", 9000);
  sent();
  subject.on_tick(at(14000), to);
  CHECK(to.take() == "1/3=UNKNOWN ");
}

TEST_CASE_FIXTURE(fixture, "a command that passes its deadline before it was sent is not performed later") {
  submit(1, "x", 0);
  submit(2, "x", 1000);
  subject.on_tick(at(5500), to);
  CHECK(to.take() == "1/1=TRYAGAIN ");
  CHECK(subject.timed_out() == 1);
  open(77, 5500);
  CHECK(sent() == "77: 1+1");
  submit(3, "x", 5500);
  subject.on_tick(at(6000), to); // The one that was sent, and then the one that was not.
  CHECK(to.take() == "1/2=UNKNOWN ");
  subject.on_tick(at(10500), to);
  CHECK(to.take() == "1/3=TRYAGAIN ");
  CHECK(sent(10500) == "nothing");
  subject.on_responses(responses(77, 1, {20}), to);
  CHECK(to.take() == "0/0=20 ");
  submit(4, "x", 10500);
  CHECK(sent(10500) == "77: 2+1");
  CHECK(subject.outstanding_bytes() == subject.bytes_at_replica());
}

TEST_CASE_FIXTURE(fixture,
                  "a session that has ended is opened anew; what was sent is unknown, what was not goes under the next") {
  open();
  submit(1);
  sent();
  submit(2);
  builder<schema::Responses> ended;
  ended->setSession(77);
  SUBCASE("by the replicas") {
    ended->setSessionEnded(true);
  }
  SUBCASE("a request was refused") {
    ended->setRefused(true);
  }
  CHECK_FALSE(subject.on_responses(ended.finish(), to));
  CHECK(to.take() == "1/1=UNKNOWN ");
  CHECK(subject.session() == 0);
  CHECK(subject.bytes_at_replica() == 0);
  open(78); // At once.
  CHECK(sent() == "78: 1+1");
  subject.on_responses(responses(78, 1, {20}), to);
  CHECK(to.take() == "1/2=20 ");
}

TEST_CASE_FIXTURE(fixture,
                  "what the replica has refused, and what came behind it, was not performed; what came before may have been") {
  open();
  submit(1);
  sent();
  submit(2);
  submit(3);
  sent();
  submit(4);
  sent();
  builder<schema::Responses> refused;
  refused->setSession(77);
  refused->setRefused(true);
  SUBCASE("") {
    refused->setFirstCid(2);
    CHECK_FALSE(subject.on_responses(refused.finish(), to));
    CHECK(to.take() == "1/1=UNKNOWN 1/2=TRYAGAIN 1/3=TRYAGAIN 1/4=TRYAGAIN ");
  }
  SUBCASE("but for what was answered already") {
    subject.on_responses(responses(77, 1, {10, 20}), to);
    to.take();
    refused->setFirstCid(2);
    CHECK_FALSE(subject.on_responses(refused.finish(), to));
    CHECK(to.take() == "1/3=UNKNOWN 1/4=UNKNOWN ");
  }
  CHECK(subject.waiting() == 0);
}

TEST_CASE_FIXTURE(fixture, "with the replica, its session and its reads are lost") {
  open();
  submit(1);
  sent();
  read(2);
  CHECK(asked() == "1: 1");
  read(3);
  subject.lose_replica(to);
  CHECK(to.take() == "1/2=TIMEOUT 1/1=UNKNOWN ");
  CHECK(subject.read_bytes() > 0);
  CHECK(sent(1000) == "nothing");
  CHECK(asked() == "nothing");
  subject.begin();
  CHECK(asked() == "2: 1");
  open(78);
  subject.on_answers(answers(1, 0, {1}), to);
  CHECK(to.take().empty());
  subject.on_answers(answers(2, 0, {30}), to);
  CHECK(to.take() == "1/3=30 ");
}

TEST_CASE_FIXTURE(fixture, "an opening is asked for again after growing pauses, under the same number") {
  auto first = subject.next_request(at(0));
  REQUIRE(first);
  auto number = (*first)->getOpen().getNumber();
  CHECK(sent(99) == "nothing");
  subject.on_opened(opened(number, 0), at(50)); // Refused.
  CHECK(sent(99) == "nothing");
  auto second = subject.next_request(at(100));
  REQUIRE(second);
  CHECK((*second)->getOpen().getNumber() == number);
  CHECK(sent(299) == "nothing");
  CHECK(sent(300) == "open");
  subject.on_opened(opened(number + 2, 5), at(310));
  CHECK(subject.session() == 0);
  subject.on_opened(opened(number, 5), at(310));
  CHECK(subject.session() == 5);
  subject.on_opened(opened(number, 5), at(320)); // To the second asking.
  CHECK(sent(5000) == "nothing");
}

TEST_CASE_FIXTURE(fixture, "the session behind a lost one is asked for under a number of its own") {
  auto first = subject.next_request(at(0));
  REQUIRE(first);
  auto number = (*first)->getOpen().getNumber();
  subject.on_opened(opened(number, 77), at(0));
  subject.lose_replica(to);
  subject.begin();
  auto next = subject.next_request(at(0));
  REQUIRE(next);
  CHECK((*next)->getOpen().getNumber() != number);
}

TEST_CASE_FIXTURE(fixture, "a session that is not used is kept alive") {
  open();
  constexpr int64_t quarter_hour = 900'000;
  subject.on_tick(at(quarter_hour), to);
  CHECK(sent(quarter_hour) == "nothing");
  subject.on_tick(at(quarter_hour + 1), to);
  auto request = subject.next_request(at(quarter_hour + 1));
  REQUIRE(request);
  CHECK(operation_of((*request)->getCommands().getOperations(), 0).what() == operation::kind::keep_alive);
  subject.on_tick(at(quarter_hour + 6000), to); // Its deadline is nobody's.
  CHECK(to.take().empty());
  CHECK(subject.timed_out() == 0);
}

TEST_CASE_FIXTURE(fixture, "a session that is opened replaces the one that was lost before it") {
  auto opening = [&](int64_t ms) {
    auto asked = subject.next_request(at(ms));
    REQUIRE(asked);
    REQUIRE((*asked)->isOpen());
    return std::pair{(*asked)->getOpen().getNumber(), (*asked)->getOpen().getReplaces()};
  };
  auto first = opening(0);
  CHECK(first.second == 0);
  subject.lose_replica(to); // Nobody knows whether it was opened.
  subject.begin();
  auto again = opening(100);
  CHECK(again.first == first.first);
  CHECK(again.second == 0);
  subject.on_opened(opened(again.first, 77), at(100));
  submit(1);
  sent();
  subject.lose_replica(to);
  subject.begin();
  auto second = opening(200);
  CHECK(second.first != first.first);
  CHECK(second.second == 77);
  subject.lose_replica(to); // While it is being opened.
  subject.begin();
  again = opening(300);
  CHECK(again.first == second.first);
  CHECK(again.second == 77);
  subject.on_opened(opened(again.first, 78), at(300));
  builder<schema::Responses> ended;
  ended->setSession(78);
  ended->setSessionEnded(true);
  CHECK_FALSE(subject.on_responses(ended.finish(), to));
  CHECK(opening(400).second == 78);
}

TEST_CASE_FIXTURE(fixture, "answers to a query come in pieces, or not at all") {
  for (uint64_t i = 1; i <= 3; ++i)
    read(i);
  CHECK(asked() == "1: 3");
  SUBCASE("in pieces") {
    subject.on_answers(answers(1, 0, {10, 20}), to);
    CHECK(to.take() == "1/1=10 1/2=20 ");
    CHECK(subject.read_bytes() > 0);
    subject.on_answers(answers(1, 2, {30}), to);
    CHECK(to.take() == "1/3=30 ");
  }
  SUBCASE("refused") {
    builder<schema::Answers> refused;
    refused->setNumber(1);
    refused->setRefused(true);
    subject.on_answers(refused.finish(), to);
    CHECK(to.take() == "1/1=TRYAGAIN 1/2=TRYAGAIN 1/3=TRYAGAIN ");
  }
  SUBCASE("too late") {
    subject.on_tick(at(4999), to);
    CHECK(to.take().empty());
    subject.on_tick(at(5000), to);
    CHECK(to.take() == "1/1=TIMEOUT 1/2=TIMEOUT 1/3=TIMEOUT ");
    subject.on_answers(answers(1, 0, {10}), to);
    CHECK(to.take().empty());
  }
  CHECK(subject.read_bytes() == 0);
}

TEST_CASE("reads that no replica can be asked for are given up at the deadline") {
  fixture apart;
  apart.subject.lose_replica(apart.to);
  apart.read(1);
  CHECK(apart.asked() == "nothing");
  apart.subject.on_tick(apart.at(4999), apart.to);
  CHECK(apart.to.take().empty());
  apart.subject.on_tick(apart.at(5000), apart.to);
  CHECK(apart.to.take() == "1/1=TIMEOUT ");
  CHECK(apart.subject.read_bytes() == 0);
  apart.subject.begin();
  CHECK(apart.asked() == "nothing");
}

TEST_CASE_FIXTURE(fixture, "answers that are lost are told to be when later ones come, and each read is answered once") {
  for (uint64_t i = 1; i <= 5; ++i)
    read(i);
  CHECK(asked() == "1: 5");
  subject.on_answers(answers(1, 0, {10}), to);
  CHECK(to.take() == "1/1=10 ");
  subject.on_answers(answers(1, 3, {40, 50}), to);
  CHECK(to.take() == "1/2=TIMEOUT 1/3=TIMEOUT 1/4=40 1/5=50 ");
  subject.on_answers(answers(1, 1, {20, 30}), to);
  CHECK(to.take().empty());
  CHECK(subject.read_bytes() == 0);
}

TEST_CASE_FIXTURE(fixture, "of a query that is given up those that were answered are not told of again") {
  read(1);
  read(2);
  asked();
  subject.on_answers(answers(1, 0, {10}), to);
  to.take();
  subject.on_tick(at(6000), to);
  CHECK(to.take() == "1/2=TIMEOUT ");
  CHECK(subject.timed_out() == 1);
}

TEST_CASE_FIXTURE(fixture, "what is refused for full disks gets an error of its own kind, with and without a session") {
  open();
  submit(1);
  sent();
  submit(2);
  sent();
  builder<schema::Responses> refused;
  refused->setSession(77);
  refused->setRefused(true);
  refused->setFirstCid(2);
  refused->setWhy("the disks are full");
  CHECK_FALSE(subject.on_responses(refused.finish(), to));
  CHECK(to.take() == "1/1=UNKNOWN 1/2=DISKFULL ");
  submit(3);
  submit(4);
  auto asked = subject.next_request(at(10));
  REQUIRE(asked);
  auto number = (*asked)->getOpen().getNumber();
  builder<schema::Opened> none;
  none->setNumber(number);
  none->setRefused();
  SUBCASE("") {
    none->setWhy("the disks are full");
    subject.on_opening_refused(none.finish(), to);
    CHECK(to.take() == "1/3=DISKFULL 1/4=DISKFULL ");
    CHECK(subject.waiting() == 0);
    submit(5);
    asked = subject.next_request(at(2000));
    REQUIRE(asked);
    CHECK((*asked)->getOpen().getNumber() == number);
    subject.on_opened(opened(number, 78), at(2000));
    CHECK(sent(2000) == "78: 1+1");
  }
  SUBCASE("another opening's refusal, and one that will not last, change nothing") {
    subject.on_opening_refused(none.finish(), to);
    builder<schema::Opened> other;
    other->setNumber(number + 2);
    other->setRefused();
    other->setWhy("the disks are full");
    subject.on_opening_refused(other.finish(), to);
    CHECK(to.take().empty());
    CHECK(subject.waiting() == 2);
  }
}
