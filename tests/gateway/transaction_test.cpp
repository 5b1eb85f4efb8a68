#include "synod/actors/gateway/local_commands.hpp"
#include "synod/messages/message.hpp"

#include <doctest/doctest.h>

using namespace synod;

namespace {

struct fixture {
  bool queue(std::vector<std::string_view> args) {
    return subject.queue(args, args[0] == "PING" ? *table.find("ping") : *table.find("set"));
  }
  void watch(std::vector<std::string_view> keys, std::vector<int64_t> versions) {
    subject.begin_watch(keys);
    auto told = list(versions);
    subject.watched(*told);
  }
  message<schema::Reply> list(const std::vector<int64_t>& numbers) {
    builder<schema::Reply> reply;
    auto elements = reply->initArray(static_cast<unsigned>(numbers.size()));
    for (unsigned i = 0; i < elements.size(); ++i)
      elements[i].setInteger(numbers[i]);
    return reply.finish();
  }
  std::string execute(const message<schema::Reply>& reply) {
    std::string bytes;
    subject.write_reply(*reply, {bytes, 2}, [&](auto& each, auto) {
      bytes += "+" + each.args[0] + "\r\n";
      return 2;
    });
    subject.end_execution();
    return bytes;
  }
  std::string watched() const {
    std::string text;
    for (auto& [key, version] : subject.watched())
      text += key + "@" + (version == transaction::no_version ? "never" : std::to_string(version)) + " ";
    return text;
  }

  std::vector<command_spec> specs{{"set", -3, command_spec::write}};
  command_table table{local_commands(), specs};
  transaction subject{400};
};

} // namespace

TEST_CASE_FIXTURE(fixture, "a transaction begins once, and is forgotten by DISCARD") {
  CHECK(subject.begin());
  CHECK_FALSE(subject.begin());
  watch({"k"}, {1});
  CHECK(queue({"SET", "a", "1"}));
  subject.discard();
  CHECK_FALSE(subject.open());
  CHECK(subject.commands().empty());
  CHECK(watched().empty());
  CHECK(subject.begin());
}

TEST_CASE_FIXTURE(fixture, "only what is between MULTI and EXEC can fail a transaction") {
  subject.fail();
  CHECK_FALSE(subject.failed());
  subject.begin();
  subject.fail();
  CHECK(subject.failed());
  subject.discard();
  CHECK_FALSE(subject.failed());
}

TEST_CASE_FIXTURE(fixture, "a transaction above its limit fails and keeps nothing") {
  subject.begin();
  CHECK(queue({"SET", "a", std::string(200, 'x')}));
  CHECK_FALSE(subject.failed());
  CHECK_FALSE(queue({"SET", "b", std::string(100, 'x')}));
  CHECK(subject.failed());
  CHECK(subject.commands().empty());
  CHECK_FALSE(queue({"SET", "b", "1"}));
  subject.discard();
  subject.begin();
  CHECK(queue({"SET", "b", "1"}));
}

TEST_CASE_FIXTURE(fixture, "watched keys and queued commands share the limit") {
  std::string long_key(200, 'k');
  std::vector<std::string_view> keys{long_key};
  REQUIRE(subject.has_room_to_watch(keys));
  watch(keys, {1});
  CHECK_FALSE(subject.has_room_to_watch(keys));
  subject.begin();
  CHECK(queue({"SET", "a", "1"}));
  CHECK_FALSE(queue({"SET", "a", "1"}));
}

TEST_CASE_FIXTURE(fixture, "a key that is watched again keeps its first version") {
  watch({"a", "b"}, {5, 6});
  watch({"b", "c"}, {9, 7});
  CHECK(watched() == "a@5 b@6 c@7 ");
  subject.unwatch();
  watch({"b"}, {9});
  CHECK(watched() == "b@9 ");
}

TEST_CASE_FIXTURE(fixture, "what a failed WATCH was to protect is never performed") {
  watch({"a"}, {5});
  std::vector<std::string_view> keys{"a", "b"};
  SUBCASE("its versions do not come") {
    subject.begin_watch(keys);
    CHECK(subject.waits());
    subject.watch_failed();
    CHECK(watched() == "a@never b@never ");
  }
  SUBCASE("some of its versions do not come") {
    watch({"b", "c"}, {6});
    CHECK(watched() == "a@5 b@6 c@never ");
  }
  SUBCASE("it did not ask") {
    subject.watch_failed(keys);
    CHECK(watched() == "a@never b@never ");
  }
  SUBCASE("there was no room for its keys") {
    std::string long_key(400, 'k');
    subject.watch_failed(std::vector<std::string_view>{long_key});
    CHECK(watched() == "@never a@5 ");
  }
  CHECK_FALSE(subject.waits());
}

TEST_CASE_FIXTURE(fixture, "EXEC's reply has the machine's answers, and local ones in their places") {
  subject.begin();
  queue({"SET", "a", "1"});
  queue({"PING"});
  queue({"SET", "b", "2"});
  watch({"k"}, {3});
  subject.begin_execution();
  CHECK(subject.waits());
  CHECK_FALSE(subject.open());
  CHECK(watched().empty());
  CHECK(execute(list({7, 8})) == "*3\r\n:7\r\n+PING\r\n:8\r\n");
  CHECK_FALSE(subject.waits());
}

TEST_CASE_FIXTURE(fixture, "EXEC's reply is passed on when nothing was performed") {
  subject.begin();
  queue({"PING"});
  subject.begin_execution();
  builder<schema::Reply> nothing;
  nothing->setNoArray();
  CHECK(execute(nothing.finish()) == "*-1\r\n");
}

TEST_CASE_FIXTURE(fixture, "EXEC's reply is as long as announced, whatever came") {
  subject.begin();
  queue({"SET", "a", "1"});
  queue({"SET", "b", "1"});
  subject.begin_execution();
  CHECK(execute(list({7})) == "*2\r\n:7\r\n-ERR the state machine has not answered this command\r\n");
}

TEST_CASE_FIXTURE(fixture, "an empty transaction waits for its answer, too") {
  subject.begin();
  subject.begin_execution();
  CHECK(subject.waits());
  CHECK(execute(list({})) == "*0\r\n");
}
