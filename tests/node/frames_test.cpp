#include "synod/actors/node/frames.hpp"

#include "harness.hpp"
#include "synod/messages/roles.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <map>
#include <random>

using namespace synod;
using namespace synod::test;

namespace {

struct config : caf::actor_system_config {
  config() {
    add_message_types<caf::id_block::synod>();
    add_message_type<frames::handle_list>("handles");
  }
};

/// Of a process that has never heard of Synod's messages.
struct plain_config : caf::actor_system_config {};

/// Both ends of a link, without one: what is written is cut into frames and read.
struct ends : frame_events {
  explicit ends(caf::actor_system& to) : reader{to.types()} {}
  ends() : ends{system} {}

  struct told {
    uint64_t to, from;
    caf::message_id number;
    caf::message content;
  };

  uint64_t handle_of(const caf::strong_actor_ptr& actor) {
    handles[actor->id()] = actor;
    return actor->id();
  }
  std::vector<std::string> cut() {
    std::vector<std::string> all;
    auto& bytes = writer.bytes();
    for (size_t at = 0; at < bytes.size();) {
      uint32_t size = 0;
      REQUIRE(bytes.size() - at >= sizeof size);
      std::memcpy(&size, bytes.data() + at, sizeof size);
      REQUIRE(bytes.size() - at - sizeof size >= size);
      all.emplace_back(bytes.data() + at + sizeof size, size);
      at += sizeof size + size;
    }
    bytes.clear();
    return all;
  }
  void carry() {
    for (auto& each : cut())
      CHECK(reader.read(each, *this));
  }
  template <class... Ts>
  caf::error write(Ts... xs) {
    return writer.message(7, 8, caf::make_message_id(), caf::make_message(std::move(xs)...));
  }

  void on_shown(uint64_t handle, uint64_t process) override { shown.emplace_back(handle, process); }
  void on_message(uint64_t to, uint64_t from, caf::message_id number, caf::message content) override {
    messages.push_back({to, from, number, std::move(content)});
  }
  void on_unknown(uint64_t, uint64_t from, caf::message_id number) override { unknown.emplace_back(from, number); }
  void on_ended(uint64_t handle, caf::error reason) override { ended.emplace_back(handle, std::move(reason)); }
  caf::strong_actor_ptr actor_of(uint64_t handle) override { return handles[handle]; }

  config settings;
  caf::actor_system system{settings};
  std::map<uint64_t, caf::strong_actor_ptr> handles;
  frame_writer writer{system.types(), [this](auto& actor) { return handle_of(actor); }};
  frame_reader reader;

  std::vector<std::pair<uint64_t, uint64_t>> shown;
  std::vector<told> messages;
  std::vector<std::pair<uint64_t, caf::message_id>> unknown;
  std::vector<std::pair<uint64_t, caf::error>> ended;
};

message<schema::AskHighest> some_message() {
  builder<schema::AskHighest> built{64};
  built->setRound(12345);
  return built.finish();
}

} // namespace

TEST_CASE_FIXTURE(ends, "what is written is read: who is shown, who has ended, and why") {
  writer.shown(3, 33);
  writer.alive();
  writer.ended(4, caf::exit_reason::user_shutdown);
  writer.ended(5, caf::make_error(caf::sec::runtime_error, "its disk is gone"));
  writer.ended(6, {});
  carry();
  CHECK(shown == std::vector{std::pair<uint64_t, uint64_t>{3, 33}});
  REQUIRE(ended.size() == 3);
  CHECK(ended[0] == std::pair<uint64_t, caf::error>{4, caf::exit_reason::user_shutdown});
  CHECK(ended[1].first == 5);
  CHECK(ended[1].second == caf::sec::runtime_error);
  CHECK(ended[1].second.context().get_as<std::string>(0) == "its disk is gone");
  CHECK(ended[2] == std::pair<uint64_t, caf::error>{6, caf::error{}});
}

TEST_CASE_FIXTURE(ends, "a message keeps its number, its ends, and each of its elements") {
  auto number = caf::make_message_id(99).response_id();
  auto sent = caf::make_message(p2a_atom_v, some_message(), uint64_t{5}, std::string{"text"});
  REQUIRE(!writer.message(1, 2, number, sent));
  carry();
  REQUIRE(messages.size() == 1);
  auto& got = messages[0];
  CHECK(got.to == 1);
  CHECK(got.from == 2);
  CHECK(got.number == number);
  REQUIRE(got.content.match_elements<p2a_atom, message<schema::AskHighest>, uint64_t, std::string>());
  CHECK(got.content.get_as<message<schema::AskHighest>>(1)->getRound() == 12345);
  CHECK(got.content.get_as<uint64_t>(2) == 5);
  CHECK(got.content.get_as<std::string>(3) == "text");
}

TEST_CASE_FIXTURE(ends, "a type is named once") {
  REQUIRE(!write(some_message()));
  CHECK(cut().size() == 2); // A name, a message.
  REQUIRE(!write(some_message(), some_message()));
  CHECK(cut().size() == 1);
}

TEST_CASE_FIXTURE(ends, "handles travel in a list, none among them; an error travels with its text") {
  actor_world other;
  probe a{other};
  auto actor = caf::actor_cast<caf::strong_actor_ptr>(a.as<caf::actor>());
  REQUIRE(!write(frames::handle_list{actor, nullptr}, caf::make_error(caf::sec::invalid_argument, "so"), caf::error{}));
  carry();
  REQUIRE(messages.size() == 1);
  REQUIRE(messages[0].content.match_elements<frames::handle_list, caf::error, caf::error>());
  CHECK(messages[0].content.get_as<frames::handle_list>(0) == frames::handle_list{actor, nullptr});
  CHECK(messages[0].content.get_as<caf::error>(1) == caf::sec::invalid_argument);
  CHECK(messages[0].content.get_as<caf::error>(2) == caf::error{});
  handles.clear();
  messages.clear();
}

TEST_CASE_FIXTURE(ends, "what cannot travel leaves nothing behind, and others go on") {
  actor_world other;
  probe a{other};
  auto actor = caf::actor_cast<caf::strong_actor_ptr>(a.as<caf::actor>());
  CHECK(write(uint64_t{1}, actor));            // A handle beside a list.
  CHECK(write(preempted{}));                   // Stays in its process: it has no name.
  CHECK(write(std::vector<std::string>{"a"})); // Of CAF's own, and none of those.
  REQUIRE(!write(uint64_t{2}));
  carry();
  REQUIRE(messages.size() == 1);
  CHECK(messages[0].content.get_as<uint64_t>(0) == 2);
}

TEST_CASE("a message of a type that only its sender knows is told of, and those behind it come") {
  plain_config settings;
  caf::actor_system system{settings};
  ends subject{system};
  auto number = caf::make_message_id(99);
  REQUIRE(!subject.writer.message(1, 2, number, caf::make_message(uint64_t{1}, some_message(), uint64_t{2})));
  REQUIRE(!subject.write(uint64_t{3}));
  subject.carry();
  CHECK(subject.unknown == std::vector{std::pair{uint64_t{2}, number}});
  CHECK(subject.messages.size() == 1);
}

TEST_CASE_FIXTURE(ends, "what was cut off cannot be read") {
  REQUIRE(!write(some_message(), frames::handle_list{nullptr}, caf::make_error(caf::sec::runtime_error, "why")));
  writer.ended(1, caf::make_error(caf::sec::runtime_error, "why"));
  writer.shown(2, 22);
  auto whole = cut();
  for (auto& each : whole) {
    for (size_t size = 0; size < each.size(); ++size)
      CHECK(!reader.read(each.substr(0, size), *this));
    if (each != whole.front()) // A name may have any length.
      CHECK(!reader.read(each + '\0', *this));
    reader.read(each, *this); // The names are for those behind.
  }
}

TEST_CASE_FIXTURE(ends, "changed bytes are read, or not, and break nothing") {
  REQUIRE(!write(some_message(), frames::handle_list{nullptr, nullptr}, std::string{"text"}, uint64_t{1}));
  auto whole = cut();
  std::mt19937 random{1};
  size_t unreadable = 0;
  for (int round = 0; round < 20000; ++round) {
    frame_reader fresh{system.types()};
    auto readable = true;
    for (auto each : whole) {
      if (random() % 2 == 0)
        each[random() % each.size()] = static_cast<char>(random());
      readable = readable && fresh.read(each, *this);
    }
    unreadable += readable ? 0 : 1;
    messages.clear();
    unknown.clear();
  }
  CHECK(unreadable > 1000);
}

TEST_CASE_FIXTURE(ends, "types of CAF's own that could be read without end or measure are not known") {
  for (std::string name : {"@config_value", "@charbuf", "@strvec", "@message", "@strmap"}) {
    ends fresh;
    auto size = static_cast<uint32_t>(name.size());
    CHECK(fresh.reader.read(std::string{"\1"}.append(reinterpret_cast<const char*>(&size), sizeof size) + name, fresh));
    std::string frame{"\2"};
    frame.append(24, '\0').append("\1\2\0", 3);
    for (auto& bytes : {std::string(100, '\xff'), std::string("\7\1\7\1\7\1", 6), std::string("\xff\xff\xff\xff\xf")})
      CHECK(fresh.reader.read(frame + bytes, fresh));
    CHECK(fresh.unknown.size() == 3);
  }
}

TEST_CASE_FIXTURE(ends, "a reason is cut off where it is too long") {
  writer.ended(1, caf::make_error(caf::sec::runtime_error, std::string(1u << 20, 'x')));
  carry();
  REQUIRE(ended.size() == 1);
  CHECK(ended[0].second.context().get_as<std::string>(0).size() == frames::longest_reason);
}

TEST_CASE_FIXTURE(ends, "no other end makes this one remember more than so many types") {
  std::string name{"\1\4\0\0\0type", 9};
  for (size_t i = 0; i < frames::most_types; ++i)
    REQUIRE(reader.read(name, *this));
  CHECK(!reader.read(name, *this));
}
