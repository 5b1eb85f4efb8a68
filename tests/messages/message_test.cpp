#include "harness.hpp"

#include <caf/binary_deserializer.hpp>
#include <caf/binary_serializer.hpp>

#include <capnp/dynamic.h>
#include <doctest/doctest.h>

#include <random>

using namespace synod;
using namespace synod::test;

namespace {

/// A few bits are turned.
std::vector<uint64_t> mutated(std::span<const uint64_t> sound, std::mt19937_64& random) {
  std::vector<uint64_t> words{sound.begin(), sound.end()};
  for (auto changes = 1 + random() % 4; changes > 0; --changes)
    words[random() % words.size()] ^= uint64_t{1} << (random() % 64);
  return words;
}

} // namespace

TEST_CASE("a message is one block: what is written in place is read in place") {
  auto requests = request_of(5, 6, {{"SET", "k", "v"}, {"GET", "k"}});
  CHECK(requests->getCommands().getSession() == 5);
  CHECK(operation_of(requests->getCommands().getOperations(), 1).texts().size() == 2);
  auto again = message<schema::Request>::from(requests.words());
  REQUIRE(again);
  CHECK(operation_of((*again)->getCommands().getOperations(), 0).texts()[2] == "v");
}

TEST_CASE("a message that outgrows what was expected is still one segment") {
  builder<schema::Reply> built{64};
  for (auto each : built->initArray(100))
    each.setBulk(as_data(std::string(1000, 'x')));
  auto replies = built.finish();
  CHECK(replies->getArray().size() == 100);
  CHECK(is_sound(replies.words(), capnp::Schema::from<schema::Reply>()));
  CHECK(replies->getArray()[99].getBulk().size() == 1000);
}

TEST_CASE("a message crosses hosts as one block of bytes") {
  actor_world w;
  std::vector<char> buffer;
  auto sent = pvalue_of({1, 2, 3}, 4, {request_of(1, 1, {{"PING"}})}, 99);
  caf::binary_serializer sink{w.system, buffer};
  REQUIRE_FALSE(inspect(sink, sent));
  CHECK(buffer.size() == sent.size_bytes() + sizeof(uint64_t));
  message<schema::Pvalue> received;
  caf::binary_deserializer source{w.system, buffer};
  REQUIRE_FALSE(inspect(source, received));
  CHECK(received->getSlot() == 4);
  CHECK(ballot_of(received->getBallot()) == ballot{1, 2, 3});
}

TEST_CASE("a size that the bytes do not have, or above the limit, is refused before it is allocated") {
  actor_world w;
  for (uint64_t size : {uint64_t{1} << 60, uint64_t{1} << 30, uint64_t{100}}) {
    std::vector<char> buffer;
    caf::binary_serializer sink{w.system, buffer};
    REQUIRE_FALSE(sink.apply(size));
    message<schema::Pvalue> received;
    caf::binary_deserializer source{w.system, buffer};
    CHECK(inspect(source, received));
  }
}

TEST_CASE("mutated messages are refused or can be read through") {
  auto sound = request_of(5, 6, {{"SET", "key", "value"}, {"MGET", "a", "b"}});
  std::mt19937_64 random{1};
  size_t refused = 0;
  for (int run = 0; run < 20000; ++run) {
    auto words = mutated(sound.words(), random);
    auto found = message<schema::Request>::from(words);
    if (!found) {
      ++refused;
      continue;
    }
    size_t bytes = 0;
    if (!(*found)->isCommands())
      continue;
    for (operation_reader operations{(*found)->getCommands().getOperations()}; operations.next();)
      for (auto argument : operations->texts())
        bytes += argument.size();
    REQUIRE(bytes <= 64 * words.size());
  }
  CHECK(refused > 1000);
}

TEST_CASE("a pvalue is checked as far as its schema goes") {
  builder<schema::Pvalue> built;
  write(ballot{1, 2, 3}, built->initBallot());
  auto value = built->initValue();
  auto requests = value.initRequests(4);
  for (unsigned i = 0; i < 3; ++i)
    requests.setWithCaveats(i, i == 1 ? *open_request(7) : *request_of(5, i, {{"SET", "key", "value"}}));
  write(configuration{3, {{1, "a", "host-a", 7301, {"acceptor", "replica"}, 0}, {77, "b", "host-b", 7302, {"leader"}, 2}}},
        requests[3].initConfiguration());
  auto sound = built.finish();
  REQUIRE(message<schema::Pvalue>::from(sound.words()));
  auto schema = capnp::Schema::from<schema::Pvalue>();
  auto print = [&](capnp::MessageReader& reader) {
    auto everything = kj::str(reader.getRoot<capnp::DynamicStruct>(schema));
    CHECK(everything.size() > 0);
  };
  std::mt19937_64 random{1};
  size_t refused = 0;
  for (int run = 0; run < 20000; ++run) {
    auto words = mutated(sound.words(), random);
    if (is_sound(words, schema))
      CHECK(is_sound(words, print));
    else
      ++refused;
  }
  CHECK(refused > 1000);
}

TEST_CASE("a small message that claims a huge list costs nothing to refuse") {
  auto sound = request_of(5, 6, {{"SET", "key", "value"}});
  std::vector<uint64_t> words{sound.words().begin(), sound.words().end()};
  for (auto& word : words) {
    auto before = word;
    word |= uint64_t{0xffffffff} << 32;
    message<schema::Request>::from(words);
    word = before;
  }
  CHECK(message<schema::Request>::from(words));
}

TEST_CASE("ballots are ordered by round, then leader, then incarnation; the bottom is below all") {
  CHECK(ballot{} < ballot{0, 0, 1});
  CHECK(ballot{0, 0, 2} < ballot{0, 1, 1});
  CHECK(ballot{0, 9, 9} < ballot{1, 0, 1});
}
