#include "synod/actors/gateway/operation_buffer.hpp"

#include "harness.hpp"

#include <doctest/doctest.h>

using namespace synod;
using namespace synod::test;

namespace {

void add(operation_buffer& to, std::string_view key, const std::string& value) {
  std::vector<std::string_view> command{"SET", key, value};
  to.add(command);
}

} // namespace

TEST_CASE("operations leave in the order in which they came, with all their parts") {
  operation_buffer subject;
  add(subject, "a", "1");
  std::vector<std::string_view> keys{"k", "l"};
  subject.add_versions(keys);
  subject.add_keep_alive();
  add(subject, "b", "2");
  CHECK(subject.size() == 4);
  auto request = subject.take_request(77, 5);
  auto operations = request->getCommands().getOperations();
  REQUIRE(operations.getCount() == 4);
  CHECK(request->getCommands().getSession() == 77);
  CHECK(request->getCommands().getFirstCid() == 5);
  CHECK(operation_of(operations, 0).texts()[2] == "1");
  CHECK(operation_of(operations, 1).texts()[1] == "l");
  CHECK(operation_of(operations, 2).what() == operation::kind::keep_alive);
  CHECK(operation_of(operations, 3).texts()[1] == "b");
  CHECK(subject.empty());
  CHECK(subject.bytes() == 0);
}

TEST_CASE("what is dropped leaves nothing behind, although others come without end") {
  operation_buffer subject;
  std::string large(10'000, 'x');
  for (int i = 0; i < 20; ++i)
    add(subject, std::to_string(i), i % 3 == 0 ? large : "");
  auto most = subject.bytes();
  for (int i = 20; i < 2000; ++i) {
    subject.drop();
    add(subject, std::to_string(i), i % 3 == 0 ? large : "");
    most = std::max(most, subject.bytes());
  }
  CHECK(subject.size() == 20);
  CHECK(subject.held_bytes() <= 2 * most + large.size());
  auto request = subject.take_request(1, 1);
  auto operations = request->getCommands().getOperations();
  REQUIRE(operations.getCount() == 20);
  for (unsigned i = 0; i < 20; ++i) {
    auto asked = operation_of(operations, i);
    CHECK(asked.texts()[1] == std::to_string(1980 + i));
    CHECK(asked.texts()[2].size() == ((1980 + i) % 3 == 0 ? large.size() : 0));
  }
  CHECK(subject.empty());
}

TEST_CASE("a transaction that is dropped takes its watched keys and their versions with it") {
  operation_buffer subject;
  auto add_watching = [&](std::string_view key, int64_t version) {
    transaction whole{1000};
    std::vector<std::string_view> keys{key};
    whole.begin_watch(keys);
    builder<schema::Reply> told;
    told->initArray(1)[0].setInteger(version);
    whole.watched(*told.finish());
    subject.add_transaction(whole);
  };
  add_watching("k", 7);
  add_watching("l", 8);
  subject.drop();
  auto request = subject.take_request(1, 1);
  auto asked = operation_of(request->getCommands().getOperations(), 0);
  REQUIRE(asked.watched().size() == 1);
  CHECK(asked.watched()[0].key == "l");
  CHECK(asked.watched()[0].version == 8);
}
