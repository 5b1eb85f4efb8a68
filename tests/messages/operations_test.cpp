#include "synod/messages/operations.hpp"

#include "harness.hpp"

#include <doctest/doctest.h>

#include <random>

using namespace synod;
using namespace synod::test;

namespace {

struct fixture {
  message<schema::Query> packed(uint32_t count, std::string_view bytes) {
    builder<schema::Query> built;
    built->initOperations().setCount(count);
    built->getOperations().setPacked(as_data(bytes));
    return built.finish();
  }
  message<schema::Query> packed() {
    builder<schema::Query> built;
    subject.write(built->initOperations());
    return built.finish();
  }
  static bool sound(const message<schema::Query>& x) { return is_sound(x->getOperations()); }
  static std::string bytes_of(const message<schema::Query>& x) { return std::string{view(x->getOperations().getPacked())}; }

  operation_writer subject;
};

std::vector<std::string> copied(arguments texts) {
  return {texts.begin(), texts.end()};
}

} // namespace

TEST_CASE_FIXTURE(fixture, "what is packed is read again") {
  std::string large(100'000, 'x');
  subject.command({"SET", "", large});
  subject.versions({"k", "l"});
  subject.transaction(watched_keys{{"k", 7}, {"", UINT64_MAX}}, command_list{{"GET", "k"}, {}, {"PING"}});
  subject.keep_alive();
  subject.close();
  subject.command({});
  auto all = packed();
  CHECK(all->getOperations().getCount() == 6);
  REQUIRE(sound(all));
  operation_reader reader{all->getOperations()};
  using kind = operation::kind;
  REQUIRE(reader.next());
  CHECK(reader->what() == kind::command);
  CHECK(copied(reader->texts()) == std::vector<std::string>{"SET", "", large});
  REQUIRE(reader.next());
  CHECK(reader->what() == kind::versions);
  CHECK(copied(reader->texts()) == std::vector<std::string>{"k", "l"});
  REQUIRE(reader.next());
  CHECK(reader->what() == kind::transaction);
  REQUIRE(reader->watched().size() == 2);
  CHECK(reader->watched()[0].key == "k");
  CHECK(reader->watched()[0].version == 7);
  CHECK(reader->watched()[1].version == UINT64_MAX);
  REQUIRE(reader->commands() == 3);
  CHECK(copied(reader->command(0)) == std::vector<std::string>{"GET", "k"});
  CHECK(reader->command(1).empty());
  CHECK(copied(reader->command(2)) == std::vector<std::string>{"PING"});
  REQUIRE(reader.next());
  CHECK(reader->what() == kind::keep_alive);
  REQUIRE(reader.next());
  CHECK(reader->what() == kind::close);
  REQUIRE(reader.next());
  CHECK(reader->texts().empty());
  CHECK_FALSE(reader.next());
  CHECK_FALSE(reader.next());
}

TEST_CASE_FIXTURE(fixture, "a SET of 64 bytes takes 20 bytes more than its texts, at most") {
  subject.command({"SET", "key:000000012345", std::string(64, 'x')});
  CHECK(packed().size_bytes() < 3 + 16 + 64 + 20 + 48); // of the message
  CHECK(subject.size_bytes() == 3 + 16 + 64 + 5);
}

TEST_CASE_FIXTURE(fixture, "parts of what is packed are written and dropped") {
  subject.command({"a"});
  auto first = subject.size_bytes();
  subject.command({"b", "b"});
  builder<schema::Query> built;
  subject.write(built->initOperations(), {1, subject.size_bytes() - first}, {1, first});
  auto second = built.finish();
  REQUIRE(sound(second));
  CHECK(copied(operation_of(second->getOperations(), 0).texts()) == std::vector<std::string>{"b", "b"});
  subject.drop_front({1, first});
  CHECK(bytes_of(packed()) == bytes_of(second));
  subject.clear();
  CHECK(subject.count() == 0);
  CHECK(subject.size_bytes() == 0);
}

TEST_CASE_FIXTURE(fixture, "fewer or more bytes than there are operations are not sound, and read no further than they go") {
  subject.command({"SET", "k", "v"});
  subject.transaction(watched_keys{{"k", 7}}, command_list{{"GET", "k"}});
  auto bytes = bytes_of(packed());
  for (size_t size = 0; size < bytes.size(); ++size) {
    auto cut = packed(2, bytes.substr(0, size));
    CHECK_FALSE(sound(cut));
    CHECK_FALSE(message<schema::Query>::from(cut.words()));
    operation_reader reader{cut->getOperations()};
    size_t read = 0;
    while (reader.next())
      ++read;
    CHECK(read == (size >= 10 ? 1 : 0));
  }
  CHECK_FALSE(sound(packed(1, bytes)));
  CHECK_FALSE(sound(packed(3, bytes)));
  CHECK(message<schema::Query>::from(packed(2, bytes).words()));
}

TEST_CASE_FIXTURE(fixture, "what no writer packs is not sound") {
  CHECK_FALSE(sound(packed(1, "\5")));                                           // of a later version
  CHECK_FALSE(sound(packed(1, std::string_view{"\0\1\x81\x80\x80\x80\0x", 8}))); // a size of more than 28 bits
  CHECK_FALSE(sound(packed(1, std::string_view{"\0\xff\xff\xff\x7f", 5})));
  std::string many{"\0\x81\x80\x80\2", 5}; // one text more than there may be
  many.append(operation::most_texts + 1, '\0');
  CHECK_FALSE(sound(packed(1, many)));
  many[1] = '\x80';
  CHECK(sound(packed(1, many.substr(0, many.size() - 1))));
}

TEST_CASE_FIXTURE(fixture, "random bytes are sound only if they can be read whole") {
  std::mt19937_64 random{1};
  size_t found_sound = 0;
  for (int run = 0; run < 50'000; ++run) {
    std::string bytes(random() % 24, '\0');
    for (auto& each : bytes)
      each = static_cast<char>(random() % (random() % 4 == 0 ? 256 : 6));
    auto count = static_cast<uint32_t>(random() % 4);
    auto built = packed(count, bytes);
    operation_reader reader{built->getOperations()};
    uint32_t read = 0;
    while (reader.next())
      ++read;
    auto is = sound(built);
    found_sound += is;
    CHECK(read <= count);
    CHECK((!is || read == count));
  }
  CHECK(found_sound > 500);
}
