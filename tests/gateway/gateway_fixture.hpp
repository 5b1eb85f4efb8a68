// A gateway between clients and replicas, all of them played by the test.
#pragma once

#include "synod/actors/gateway/gateway.hpp"

#include "synod/actors/replica/key_value/machine.hpp"

#include "harness.hpp"
#include "test_environment.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

namespace synod::test {

/// Sockets of clients that the test plays.
class test_sockets : public sockets {
public:
  uint16_t port() const override { return 7; }
  void start() override {}
  void events(synod::socket_events* events) override { events_ = events; }
  void stop() override { stopped = true; }
  void send(uint64_t id, std::string& bytes) override { sent[id] += std::exchange(bytes, {}); }
  size_t unsent_bytes(uint64_t id) const override {
    auto waits = sent.find(id);
    return unsent + (waits == sent.end() ? 0 : waits->second.size() - std::min(waits->second.size(), buffer_bytes));
  }
  void read(uint64_t id, bool on) override { reading[id] = on; }
  void close(uint64_t id) override {
    closed.insert(id);
    events_->on_close(id);
  }

  std::string connect(uint64_t id) {
    std::string refusal;
    return events_->on_connect(id, "127.0.0.1:1", "127.0.0.1:7", refusal) ? "" : refusal;
  }
  void receive(uint64_t id, std::string_view bytes) {
    events_->on_bytes(id, bytes);
    events_->on_turn_end();
  }
  void end(uint64_t id) {
    events_->on_end(id);
    events_->on_turn_end();
  }
  void turn_end() { events_->on_turn_end(); }
  std::string take(uint64_t id) { return std::exchange(sent[id], {}); }
  /// The client reads so many bytes.
  std::string client_reads(uint64_t id, size_t most) {
    auto before = unsent_bytes(id);
    auto bytes = sent[id].substr(0, most);
    sent[id].erase(0, bytes.size());
    if (before > 0 && unsent_bytes(id) == 0) // The write is done.
      events_->on_sent(id);
    events_->on_turn_end();
    return bytes;
  }

  std::map<uint64_t, std::string> sent;
  std::map<uint64_t, bool> reading;
  std::set<uint64_t> closed;
  size_t unsent = 0;
  size_t buffer_bytes = SIZE_MAX; // of a socket; more is unsent
  bool stopped = false;

private:
  synod::socket_events* events_ = nullptr;
};

struct gateway_fixture {
  gateway_fixture() {
    gateway::options options{.node = 1,
                             .node_name = "b",
                             .command_limit_bytes = 1000,
                             .most_clients = 2,
                             .outstanding_limit_bytes = 32u << 10,
                             .unread_limit_bytes = 80'000,
                             .unread_timeout = std::chrono::seconds{60},
                             .idle_timeout = std::chrono::minutes{1},
                             .request_timeout = std::chrono::seconds{5},
                             .session_lifetime = std::chrono::hours{1},
                             .machine = std::make_shared<key_value::machine>(key_value::machine::limits{}, 1),
                             .settings = {{"maxclients", "2", 1, 2}, {"timeout", "60", 0, 1000}}};
    subject = in.spawn<gateway>(environment_, clients, std::move(options));
    in.run();
  }

  void reach(probe& replica, node_id node) {
    caf::anon_send(subject, peer{node, "replica", replica.ptr()});
    in.run();
  }
  /// Answers the opening that the replica got.
  void open(probe& replica, uint64_t session) {
    auto [asked] = replica->take<message<schema::Request>>();
    REQUIRE(asked->isOpen());
    builder<schema::Opened> opened;
    opened->setNumber(asked->getOpen().getNumber());
    opened->setSession(session);
    replica.send(subject, opened.finish());
    in.run();
  }
  void receive(uint64_t client, std::string_view bytes) {
    clients->receive(client, bytes);
    in.run();
  }
  void respond(probe& replica, uint64_t session, uint64_t cid, const char* status, uint64_t mark = 0) {
    builder<schema::Responses> built;
    built->setSession(session);
    built->setFirstCid(cid);
    built->setAnswered(1);
    built->initReplies(1)[0].setStatus(status);
    built->setMark(mark);
    replica.send(subject, built.finish());
    in.run();
    clients->turn_end();
  }

  /// To so many commands at once.
  void respond_to_all(probe& replica, uint64_t session, uint64_t first_cid, unsigned count) {
    builder<schema::Responses> built;
    built->setSession(session);
    built->setFirstCid(first_cid);
    built->setAnswered(count);
    for (auto each : built->initReplies(count))
      each.setStatus("OK");
    replica.send(subject, built.finish());
    in.run();
    clients->turn_end();
  }

  actor_world in;
  std::shared_ptr<test_environment> environment_ = std::make_shared<test_environment>(in.system);
  std::shared_ptr<test_sockets> clients = std::make_shared<test_sockets>();
  gateway_actor subject;
  probe beside{in};
  probe apart{in};
};

} // namespace synod::test
