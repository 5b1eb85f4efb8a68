// The gateway: lets Redis clients use the state machine.
#pragma once

#include "synod/actors/gateway/connection.hpp"
#include "synod/actors/gateway/replica_session.hpp"
#include "synod/actors/role/environment.hpp"
#include "synod/actors/role/peers.hpp"
#include "synod/actors/role/seldom_told.hpp"
#include "synod/messages/status.hpp"

#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace synod {

/// Speaks RESP with clients and is one session of the replicas for all of them: with the replica beside it, or with any.
///
/// A replica that answers nothing for `request_timeout` while commands or reads time out there is left for the next one, so no
/// more often than that. For the one beside it any other is left while nothing is under way; if that answered nothing, after ten
/// times as long.
///
/// What happens at its sockets it is told between two of its messages, in the same thread. Commands that came in one turn of the
/// event loop go to the replica as one message.
///
/// Bounds: `most_clients` connections, another one is refused; those of `connection` for each, and of `replica_session` for
/// all: at the latter connections wait, and after `request_timeout` get an error. Replies that clients have not read:
/// `unread_limit_bytes` for all, an eighth of that for one, and one reply more; a client that has as much and reads nothing for
/// `unread_timeout` is disconnected. While all have as much as they may, each may have a few bytes only, and one of them a reply
/// of any size, so that something goes on.
class gateway : public gateway_actor::base, private gateway_services, private socket_events, private recipient {
public:
  struct options {
    node_id node;
    std::string node_name;
    size_t command_limit_bytes;
    size_t most_clients;
    size_t outstanding_limit_bytes;
    size_t unread_limit_bytes;
    std::chrono::milliseconds unread_timeout;
    std::chrono::milliseconds idle_timeout; ///< 0: none
    std::chrono::milliseconds request_timeout;
    std::chrono::milliseconds session_lifetime;
    std::shared_ptr<const state_machine> machine; ///< tells its commands; holds no data
    std::vector<setting> settings;                ///< for CONFIG
  };

  gateway(caf::actor_config& config, environment_ptr environment, std::shared_ptr<sockets> clients, options opts);

  behavior_type make_behavior() override;
  void on_exit() override;
  const char* name() const override { return "gateway"; }

  caf::resumable::resume_result resume(caf::execution_unit* unit, size_t most_messages) override;

  // For whoever checks invariants.
  const options& limits() const { return options_; }
  size_t outstanding_bytes() const { return session_.outstanding_bytes(); }
  size_t read_bytes() const { return session_.read_bytes(); }
  size_t unread_bytes() const { return unread_bytes_; }

private:
  using time_point = connection::time_point;

  struct served {
    explicit served(connection c) : state{std::move(c)} {}
    connection state;
    bool dirty = false;                      // is in dirty_
    bool ended = false;                      // by another client
    size_t unsent_bytes = 0;                 // at its socket, when it was looked at last
    size_t unread_bytes = 0;                 // is counted in unread_bytes_
    std::optional<time_point> waits_since{}; // for room; as ticks saw it
    std::optional<time_point> stuck_since{}; // it has as many unread replies as it may, and reads nothing
  };

  // socket_events
  bool on_connect(uint64_t id, std::string remote, std::string local, std::string& refusal) override;
  void on_bytes(uint64_t id, std::string_view bytes) override;
  void on_end(uint64_t id) override;
  void on_sent(uint64_t id) override;
  void on_close(uint64_t id) override;
  void on_turn_end() override;

  // gateway_services
  bool submit(ticket whose, arguments command) override;
  bool submit_transaction(ticket whose, const transaction& whole) override;
  bool submit_read(ticket whose, arguments command) override;
  bool submit_versions(ticket whose, arguments keys, bool decided) override;
  const command_table& commands() const override { return commands_; }
  time_point now() const override { return clock().now(); }
  int64_t wall_clock_us() const override { return environment_->wall_clock_us(); }
  void warn(std::string_view what, const std::string& client) override;
  std::string info(arguments sections) const override;
  void reset_statistics() override;
  const std::vector<setting>& settings() const override { return options_.settings; }
  void change_setting(const setting& which, int64_t value) override;
  std::vector<client_view> clients() const override;
  void end_client(uint64_t id) override;

  // recipient
  void deliver(ticket whose, schema::Reply::Reader reply) override;
  void deliver_read(ticket whose, arguments asked, schema::Reply::Reader reply) override;
  void fail(ticket whose, std::string_view error) override;

  void on_peer(const peer& x);
  void on_opened(const message<schema::Opened>& opened);
  void on_responses(const message<schema::Responses>& responses);
  void on_answers(const message<schema::Answers>& answers);
  void on_tick();

  template <class Give>
  void give(ticket whose, Give give);
  void touch(served& x, uint64_t id);
  static void note_reading(served& x, time_point now);
  void look_at_socket(uint64_t id, served& x, time_point now);
  void count_unread(uint64_t id, served& x);
  void settle(uint64_t id);
  bool send_output(uint64_t id, connection& state);
  bool flush_when_full(bool taken);
  void flush();
  void choose_replica();
  void lose_replica(const char* why);
  void look_at_replica(time_point now, bool timed_out);
  void note_mark(uint64_t mark);
  void give_up_waiting(time_point now);
  void close_silent(time_point now);
  bool is_stuck(served& x, time_point now) const;
  message<schema::RoleStatus> status() const;

  environment_ptr environment_;
  std::shared_ptr<sockets> sockets_;
  options options_;
  command_table commands_;

  std::unordered_map<uint64_t, served> clients_;
  std::vector<uint64_t> dirty_; // to be settled at the end of the turn
  size_t unread_bytes_ = 0;     // of all clients: replies that they have not read
  uint64_t favoured_ = 0;       // client that may have a reply of any size although room is scarce; 0: none

  peers<replica_actor> replicas_;
  node_id replica_node_ = 0;
  replica_actor replica_;                      // that has the session
  time_point answered_{};                      // by it, something; or when it was chosen
  time_point beside_from_ = time_point::min(); // when the one of the own node may be used again
  replica_session session_;
  marks marks_; // to be returned to replicas

  /// What INFO counts.
  struct statistics {
    uint64_t connections = 0;
    uint64_t rejected = 0;
    uint64_t taken = 0;
    uint64_t timed_out = 0;
  };
  statistics counted() const { return {connections_, rejected_, session_.taken(), session_.timed_out()}; }

  std::map<std::string_view, seldom_told> told_; // in the log, by what happened

  time_point started_{};
  uint64_t connections_ = 0;
  uint64_t rejected_ = 0;
  statistics forgotten_; // when CONFIG RESETSTAT came last
};

} // namespace synod
