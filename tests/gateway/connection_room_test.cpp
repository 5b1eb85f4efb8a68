// Replies that find no room: reads are asked again, in order, and of what was decided only that is told.
#include "connection_fixture.hpp"

#include <doctest/doctest.h>

using namespace synod;
using fixture = test::connection_fixture;

TEST_CASE_FIXTURE(fixture, "a read whose reply finds no room is asked again, with those behind it, when the client has read") {
  subject.set_room({1000, 0, true});
  for (auto* line : {"GET a", "GET b", "GET c"})
    say(line);
  answer_large(0, 900);
  answer_large(1, 900);
  answer_large(2, 10); // There is room for this one; but it would be older than what comes for b.
  CHECK(subject.blocked());
  CHECK(say("GET d").size() > 900);
  CHECK(submitted(3) == "nothing");
  subject.resume();
  CHECK(submitted(3) == "read GET b");
  CHECK(submitted(4) == "read GET c");
  CHECK(submitted(5) == "read GET d");
  CHECK(subject.waiting_bytes() == 0);
  answer_large(3, 500);
  answer_large(4, 400);
  answer_large(5, 5);
  auto all = out();
  CHECK(all.starts_with("$500\r\ndddd"));
  CHECK(all.ends_with("e\r\n$5\r\nfffff\r\n"));
}

TEST_CASE_FIXTURE(fixture, "what was asked before is waited for, and then asked again too, as much as there is room for") {
  subject.set_room({2000, 0, true});
  for (auto* line : {"GET a", "GET b", "GET c", "GET d"})
    say(line);
  answer_large(0, 1800);
  answer_large(1, 900);
  answer_large(2, 900);
  out();
  subject.resume();
  CHECK(submitted(4) == "nothing"); // The reply to d is still to come.
  answer_large(3, 900);
  subject.resume();
  CHECK(submitted(4) == "read GET b");
  CHECK(submitted(5) == "read GET c");
  CHECK(submitted(6) == "nothing");
  answer_large(4, 900);
  answer_large(5, 900);
  out();
  subject.resume();
  CHECK(submitted(6) == "read GET d");
}

TEST_CASE_FIXTURE(fixture, "what waits at the socket counts, and a read is asked again when its reply finds room, not before") {
  subject.set_room({1000, 0, true});
  say("GET a");
  say("GET b");
  answer_large(0, 900);
  out(); // To the socket.
  subject.set_room({1000, 930, false});
  answer_large(1, 900);
  for (size_t unsent : {930, 500, 101}) {
    subject.set_room({1000, unsent, false});
    subject.resume();
    CHECK(subject.out_of_room());
    CHECK(submitted(2) == "nothing");
  }
  subject.set_room({1000, 50, false});
  subject.resume();
  CHECK(submitted(2) == "read GET b");
}

TEST_CASE_FIXTURE(fixture, "a small reply always finds room: that it was left out would take more") {
  subject.set_room({1000, 5000, false});
  CHECK(subject.out_of_room());
  subject.set_room({1000, 0, false});
  say("SET a 1");
  subject.set_room({1000, 5000, false});
  answer(0, "OK");
  CHECK(out() == "+OK\r\n");
}

TEST_CASE_FIXTURE(fixture, "who quits behind reads whose replies found no room gets them nevertheless") {
  subject.set_room({1000, 0, true});
  say("GET a");
  say("GET b");
  say("QUIT");
  answer_large(0, 900);
  answer_large(1, 900);
  CHECK(out().size() > 900);
  CHECK_FALSE(subject.finished());
  subject.resume();
  answer_large(2, 900);
  CHECK(out().ends_with("+OK\r\n"));
  CHECK(subject.finished());
}

TEST_CASE_FIXTURE(fixture, "a read that was asked again may fail, and nothing is asked twice at a time") {
  subject.set_room({1000, 0, true});
  say("GET a");
  say("GET b");
  answer_large(0, 900);
  answer_large(1, 900);
  subject.deliver_error(services_.all[1].whose.number, "TIMEOUT of the query that it was in"); // It is not under way.
  out();
  subject.resume();
  subject.resume();
  CHECK(services_.all.size() == 3);
  subject.deliver_error(services_.all[2].whose.number, "TIMEOUT nothing was read");
  CHECK(out() == "-TIMEOUT nothing was read\r\n");
  CHECK(subject.pending() == 0);
}

TEST_CASE_FIXTURE(fixture, "a write waits for reads that are to be asked again") {
  subject.set_room({1000, 0, true});
  say("GET a");
  say("GET b");
  answer_large(0, 900);
  answer_large(1, 900);
  say("SET b 1");
  subject.resume();
  CHECK(submitted(2) == "read GET b");
  CHECK(submitted(3) == "nothing");
  answer_large(2, 10);
  subject.resume();
  CHECK(submitted(3) == "decide SET b 1");
}

TEST_CASE_FIXTURE(fixture, "of a command that was decided only that is told when there is no room for its reply") {
  subject.set_room({1000, 0, true});
  say("GETSET a 1");
  say("GETSET b 1");
  say("PING");
  answer_large(0, 900);
  answer_large(1, 900);
  auto all = out();
  CHECK(all.find("-ERR the command was performed, its reply was not kept") != std::string::npos);
  CHECK(all.ends_with("+PONG\r\n"));
}

TEST_CASE_FIXTURE(fixture, "few reads go behind a write while nobody knows how large their replies are") {
  say("SET a 1");
  for (int i = 0; i < 20; ++i)
    say("GET big");
  CHECK(services_.all.size() == connection::few_pending);
  answer(0, "OK");
  for (size_t i = 1; i < services_.all.size(); ++i)
    answer_large(i, 10), subject.resume();
  CHECK(services_.all.size() == 21);
}

TEST_CASE_FIXTURE(fixture,
                  "a single reply larger than the room goes to a client that has read everything, unless room is scarce") {
  subject.set_room({1000, 0, false});
  say("GET a");
  answer_large(0, 5000);
  CHECK(out().empty());
  CHECK(subject.waits_for_room_for_one());
  subject.resume();
  CHECK(submitted(1) == "nothing"); // It would find no room again.
  subject.set_room({1000, 0, true});
  subject.resume();
  answer_large(1, 5000);
  CHECK(out().size() > 5000);
}
