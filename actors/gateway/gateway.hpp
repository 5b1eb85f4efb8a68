// The gateway: lets Redis clients use the state machine.
#pragma once

#include "synod/actors/gateway/request_buffer.hpp"
#include "synod/actors/role/sockets.hpp"
#include "synod/messages/roles.hpp"
#include "synod/messages/status.hpp"

#include <chrono>
#include <deque>
#include <random>
#include <unordered_map>
#include <unordered_set>

namespace synod {

/// Speaks RESP with clients and is one session of the replicas for all of them (paxos.md, exactly once).
///
/// An actor that runs in the thread of its sockets. Commands that came in one turn of the event loop go to the
/// replica as one message.
///
/// Bounds: `most_clients` connections; `outstanding_limit_bytes` of commands at the replica, above it
/// connections wait, and after `request_timeout` get an error; a client that leaves
/// 128 MiB of replies unread is disconnected; per connection those of `connection`.
class gateway : public gateway_actor::base, private gateway_services, private socket_events {
public:
  struct options {
    node_id node = 0;
    std::string node_name;
    size_t command_limit_bytes = 8u << 20;
    size_t most_clients = 10000;
    size_t outstanding_limit_bytes = 48u << 20;
    std::chrono::milliseconds idle_timeout{0}; ///< 0: none
    std::chrono::milliseconds request_timeout{5000};
    std::chrono::milliseconds session_lifetime{3'600'000};
    uint64_t seed = 1; ///< names the session's opening
    std::vector<command_spec> machine_commands;
    std::vector<std::pair<std::string, std::string>> settings; ///< for CONFIG GET
    std::function<int64_t()> wall_clock_us;                    ///< microseconds since 1970
    std::function<void(const std::string&)> warn;
  };

  gateway(caf::actor_config& config, std::shared_ptr<sockets> clients, options opts);

  behavior_type make_behavior() override;
  void on_exit() override;
  const char* name() const override { return "gateway"; }

  void enqueue(caf::mailbox_element_ptr element, caf::execution_unit* unit) override;
  void launch(caf::execution_unit* unit, bool lazy, bool hide) override;

  // For whoever checks invariants.
  const options& limits() const { return options_; }
  /// Of commands that are to be decided: at the replica, and on their way to it.
  size_t outstanding_bytes() const { return outstanding_bytes_ + decided_.bytes(); }

private:
  struct client {
    explicit client(connection c) : state{std::move(c)} {}
    connection state;
    bool dirty = false;
  };

  struct waiting {
    ticket whose;
    int64_t deadline_ms;
  };

  // socket_events
  bool on_connect(uint64_t id, std::string remote, std::string local, std::string& refusal) override;
  void on_bytes(uint64_t id, std::string_view bytes) override;
  void on_sent(uint64_t id) override;
  void on_close(uint64_t id) override;
  void on_turn_end() override;

  // gateway_services
  bool submit(ticket whose, arguments command) override;
  bool submit_transaction(ticket whose, const std::vector<std::vector<std::string>>& commands,
                          const std::vector<std::pair<std::string, uint64_t>>& watched) override;
  bool submit_read(ticket whose, arguments command) override;
  bool submit_versions(ticket whose, arguments keys, bool decided) override;
  const command_spec* find(std::string_view name) const override;
  const std::vector<command_spec>& commands() const override { return all_commands_; }
  int64_t wall_clock_us() const override { return options_.wall_clock_us(); }
  std::string info(std::string_view section) const override;
  std::vector<std::pair<std::string, std::string>> settings() const override { return options_.settings; }

  void on_peer(const peer& x);
  void on_opened(const message<schema::Opened>& opened);
  void on_responses(const message<schema::Responses>& responses);
  void on_answers(const message<schema::Answers>& answers);
  void on_tick();

  bool room() const { return outstanding_bytes() < options_.outstanding_limit_bytes; }
  void wait_for_decision(ticket whose);
  void wait_for_read(ticket whose);
  void open_session();
  void lose_session(const char* why);
  void flush_decided();
  void flush_reads();
  void deliver(const waiting& x, schema::Reply::Reader reply);
  void deliver_error(const waiting& x, std::string_view text);
  void touch(client& x, uint64_t id);
  void settle(uint64_t id);
  int64_t now_ms() const; // by the actor system's steady clock: deadlines do not jump
  message<schema::RoleStatus> status() const;

  std::shared_ptr<sockets> sockets_;
  options options_;
  replica_actor replica_;
  node_id replica_node_ = 0;
  std::map<node_id, replica_actor> replicas_;
  std::unordered_map<uint64_t, client> clients_;
  std::vector<uint64_t> dirty_;
  std::vector<command_spec> all_commands_;
  std::unordered_map<std::string, const command_spec*> by_name_;

  // the session
  uint64_t session_ = 0; // 0: not open yet
  uint64_t opening_ = 0; // names the request to open one
  int64_t opened_at_ms_ = 0;
  uint64_t next_cid_ = 1;
  request_buffer decided_;
  std::deque<waiting> decisions_;                // cid next_cid_ - size and on, then those in decided_
  std::deque<std::pair<uint64_t, size_t>> sent_; // end cid and bytes of each message at the replica
  size_t outstanding_bytes_ = 0;
  int64_t used_ms_ = 0;

  // reads
  request_buffer reading_;
  std::vector<waiting> reading_waiting_;
  std::map<uint64_t, std::vector<waiting>> reads_; // by the number of their query
  uint64_t next_read_ = 1;

  std::mt19937_64 random_;
  int64_t started_ms_ = 0;
  uint64_t connections_ = 0;
  uint64_t rejected_ = 0;
  uint64_t commands_ = 0;
  uint64_t timeouts_ = 0;
};

} // namespace synod
