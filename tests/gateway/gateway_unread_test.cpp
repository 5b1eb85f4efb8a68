// Clients that do not read their replies.
#include "gateway_fixture.hpp"

#include <doctest/doctest.h>

#include <spdlog/fmt/fmt.h>

using namespace synod;
using namespace synod::test;

namespace {

/// Clients that ask for values of `value_bytes`, and sockets that take 100 bytes.
struct unread_fixture : gateway_fixture {
  unread_fixture() {
    reach(beside, 1);
    open(beside, 77);
    clients->buffer_bytes = 100;
  }

  void ask(uint64_t client, size_t gets, const std::string& behind = "") {
    std::string text;
    for (size_t i = 0; i < gets; ++i)
      text += "GET a\r\n";
    receive(client, text + behind);
  }

  void answer_all() {
    while (beside->has<message<schema::Query>>()) {
      auto [query] = beside->take<message<schema::Query>>();
      builder<schema::Answers> answers;
      answers->setNumber(query->getNumber());
      answers->setAnswered(query->getOperations().getCount());
      std::string value(value_bytes, 'x');
      for (auto each : answers->initReplies(query->getOperations().getCount())) {
        each.setBulk(as_data(value));
        ++answered;
      }
      beside.send(subject, answers.finish());
      in.run();
      clients->turn_end();
      most_unread = std::max(most_unread, unread());
    }
  }

  /// A tick, and what comes of it.
  void tick() {
    in.pass(std::chrono::milliseconds{100});
    clients->turn_end();
    answer_all();
  }

  int64_t unread() {
    probe asker{in};
    asker.send(subject, status_atom_v);
    in.run();
    auto [status] = asker->take<message<schema::RoleStatus>>();
    for (auto entry : status->getEntries())
      if (std::string{entry.getName().cStr()} == "bytes of replies unread")
        return entry.getNumber();
    return -1;
  }

  size_t reply_bytes() const { return fmt::format("${}\r\n\r\n", value_bytes).size() + value_bytes; }

  static constexpr int64_t limit = 80'000; // as the fixture says
  size_t value_bytes = 900;
  uint64_t answered = 0;
  int64_t most_unread = 0;
};

} // namespace

TEST_CASE_FIXTURE(unread_fixture, "a client has so many replies that it has not read, and gets all when it reads") {
  clients->connect(5);
  ask(5, 50);
  answer_all();
  CHECK(most_unread < limit / 8 + 1000 + 50 * 40);
  CHECK_FALSE(clients->reading[5]);
  auto before = answered;
  for (int i = 0; i < 100; ++i)
    tick();
  CHECK(answered == before); // What finds no room is not asked for.
  std::string all;
  for (int i = 0; i < 200; ++i) {
    all += clients->client_reads(5, 400);
    tick();
  }
  CHECK(all.size() == 50 * reply_bytes());
  CHECK(unread() == 0);
  CHECK(most_unread < limit / 8 + 1000 + 50 * 40);
  CHECK(clients->closed.empty());
}

TEST_CASE_FIXTURE(unread_fixture,
                  "who reads nothing for a minute while it has as much as it may is disconnected, not who reads") {
  value_bytes = 9000; // Of two the second finds no room.
  for (uint64_t id : {5, 6}) {
    clients->buffer_bytes = 100;
    if (id == 6)
      in.pass(std::chrono::milliseconds{100});
    if (clients->connect(id).empty())
      ask(id, 4);
  }
  answer_all();
  for (int i = 0; i < 590; ++i) {
    if (i % 100 == 0) // All at once, and between two ticks.
      clients->client_reads(6, 9100);
    tick();
  }
  CHECK(clients->closed.empty());
  for (int i = 0; i < 30; ++i)
    tick();
  CHECK(clients->closed == std::set<uint64_t>{5});
}

TEST_CASE_FIXTURE(unread_fixture, "what a client that has left did not read counts no longer") {
  clients->connect(5);
  ask(5, 20);
  answer_all();
  CHECK(unread() > 0);
  clients->close(5);
  CHECK(unread() == 0);
}

TEST_CASE_FIXTURE(unread_fixture, "who quits with replies unread gets them, and is closed then") {
  value_bytes = 9000;
  clients->connect(5);
  ask(5, 5, "QUIT\r\n");
  answer_all();
  std::string all;
  for (int i = 0; i < 50; ++i) {
    all += clients->client_reads(5, 2000);
    tick();
  }
  CHECK(all.size() == 5 * reply_bytes() + 5);
  CHECK(clients->closed == std::set<uint64_t>{5});
}

TEST_CASE_FIXTURE(unread_fixture, "all together have so many, and a client that reads goes on while others do not") {
  value_bytes = 60'000; // Larger than what one may have: each gets one while there is room.
  clients->connect(5);
  clients->connect(6);
  ask(5, 3);
  answer_all();
  ask(6, 3);
  answer_all();
  CHECK(unread() > 100'000);
  CHECK(unread() < limit + 60'000 + 200);
  std::string all;
  for (int i = 0; i < 400; ++i) {
    all += clients->client_reads(6, 1000);
    tick();
  }
  CHECK(all.size() == 3 * reply_bytes());
  CHECK(most_unread < limit + 2 * 60'000);
}

TEST_CASE_FIXTURE(unread_fixture,
                  "who reads gets large replies, one at a time, although another has taken all the room and reads nothing") {
  value_bytes = 100'000;
  clients->connect(5);
  clients->connect(6);
  ask(5, 1);
  answer_all();
  CHECK(unread() > limit);
  value_bytes = 20'000;
  ask(6, 3);
  answer_all();
  std::string all;
  for (int i = 0; i < 200; ++i) {
    all += clients->client_reads(6, 1000);
    tick();
  }
  CHECK(all.size() == 3 * reply_bytes());
}
