#include "synod/actors/gateway/operation_buffer.hpp"

#include <doctest/doctest.h>

using namespace synod;

namespace {

void add(operation_buffer& to, std::string_view key, const std::string& value) {
  std::vector<std::string_view> command{"SET", key, value};
  to.add(command);
}

std::string text(capnp::Data::Reader x) {
  return {reinterpret_cast<const char*>(x.begin()), x.size()};
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
  REQUIRE(operations.size() == 4);
  CHECK(request->getCommands().getSession() == 77);
  CHECK(request->getCommands().getFirstCid() == 5);
  CHECK(text(operations[0].getArguments()[2]) == "1");
  CHECK(text(operations[1].getVersions()[1]) == "l");
  CHECK(operations[2].isKeepAlive());
  CHECK(text(operations[3].getArguments()[1]) == "b");
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
  REQUIRE(operations.size() == 20);
  for (unsigned i = 0; i < 20; ++i) {
    CHECK(text(operations[i].getArguments()[1]) == std::to_string(1980 + i));
    CHECK(operations[i].getArguments()[2].size() == ((1980 + i) % 3 == 0 ? large.size() : 0));
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
  auto watched = request->getCommands().getOperations()[0].getTransaction().getWatched();
  REQUIRE(watched.size() == 1);
  CHECK(text(watched[0].getKey()) == "l");
  CHECK(watched[0].getVersion() == 8);
}
