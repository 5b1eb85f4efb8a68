// A connection without sockets and replicas, for tests.
#pragma once

#include "synod/actors/gateway/connection.hpp"
#include "synod/actors/replica/key_value/machine.hpp"
#include "synod/messages/message.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace synod::test {

/// Takes what a connection submits; the test decides when it is answered.
struct test_services : gateway_services {
  struct submitted {
    std::string what;
    ticket whose;
  };

  bool take(const char* how, ticket whose, arguments args) {
    if (full)
      return false;
    std::string text = how;
    for (auto each : args)
      text += " " + std::string{each};
    all.push_back({text, whose});
    return true;
  }

  bool submit(ticket whose, arguments args) override { return take("decide", whose, args); }
  bool submit_read(ticket whose, arguments args) override { return take("read", whose, args); }
  bool submit_versions(ticket whose, arguments keys, bool decided) override {
    return take(decided ? "decide-versions" : "versions", whose, keys);
  }
  bool submit_transaction(ticket whose, const transaction& whole) override {
    auto count = std::count_if(whole.commands().begin(), whole.commands().end(), [](auto& each) { return !each.local(); });
    std::string text = std::to_string(count) + " commands";
    for (auto& [key, version] : whole.watched())
      text += " " + key + "@" + std::to_string(version);
    std::string_view one = text;
    return take("transaction", whose, {&one, 1});
  }
  const command_table& commands() const override { return table; }
  int64_t wall_clock_us() const override { return 1'234'567; }
  void warn(std::string_view what, const std::string&) override { warned += what; }
  client_state::time_point now() const override { return client_state::time_point{} + std::chrono::seconds{70}; }
  std::string info(arguments sections) const override { return sections.empty() ? information : ""; }
  void reset_statistics() override { ++resets; }
  const std::vector<setting>& settings() const override { return told; }
  void change_setting(const setting& which, int64_t value) override { told[&which - told.data()].value = std::to_string(value); }
  std::vector<client_view> clients() const override {
    std::vector<client_view> all;
    for (auto* each : connections)
      all.push_back(each->view());
    return all;
  }
  void end_client(uint64_t id) override { ended.push_back(id); }

  key_value::machine machine{{}, 1};
  command_table table{local_commands(), machine.commands()};
  std::vector<setting> told{{"save", ""}, {"maxclients", "10", 1, 20}, {"timeout", "0", 0, INT32_MAX}};
  std::vector<const connection*> connections;
  std::vector<uint64_t> ended;
  int resets = 0;
  std::vector<submitted> all;
  bool full = false;
  std::string warned;
  std::string information = "# Server\r\n";
};

struct connection_fixture {
  std::string say(const std::string& line) {
    subject.receive(line + "\r\n", {});
    return out();
  }
  std::string out() { return std::exchange(subject.output(), {}); }

  void answer(size_t index, const char* status) {
    give(index, [&](auto reply) { reply.setStatus(status); });
    subject.resume();
  }
  void answer_list(size_t index, std::vector<int64_t> numbers) {
    builder<schema::Reply> reply;
    auto list = reply->initArray(static_cast<unsigned>(numbers.size()));
    for (unsigned i = 0; i < list.size(); ++i)
      list[i].setInteger(numbers[i]);
    auto built = reply.finish();
    subject.deliver(services_.all[index].whose.number, *built);
    subject.resume();
  }
  void answer_bulk(size_t index, std::string_view bytes) {
    give(index, [&](auto reply) { reply.setBulk(as_data(bytes)); });
    subject.resume();
  }
  /// So many times the same letter, and the connection does not go on yet.
  void answer_large(size_t index, size_t bytes) {
    std::string value(bytes, static_cast<char>('a' + index % 26));
    give(index, [&](auto reply) { reply.setBulk(as_data(value)); });
  }
  /// Gives the reply as it comes to what was submitted: to a read with what it asked.
  template <class Write>
  void give(size_t index, Write write) {
    builder<schema::Reply> reply;
    write(*reply);
    auto built = reply.finish();
    auto& [what, whose] = services_.all[index];
    if (!what.starts_with("read"))
      return subject.deliver(whose.number, *built);
    std::istringstream in{what.substr(5)};
    std::vector<std::string> words{std::istream_iterator<std::string>{in}, {}};
    std::vector<std::string_view> asked{words.begin(), words.end()};
    subject.deliver_read(whose.number, asked, *built);
  }
  std::string submitted(size_t index) const { return index < services_.all.size() ? services_.all[index].what : "nothing"; }

  test_services services_;
  connection subject{9, {"127.0.0.1:1", "127.0.0.1:2"}, {1000}, {}, services_};
};

} // namespace synod::test
