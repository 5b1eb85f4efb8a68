// One client's conversation: bytes in and commands out, results in and bytes out. No sockets.
#pragma once

#include "synod/actors/gateway/resp.hpp"
#include "synod/actors/role/state_machine.hpp"

#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

namespace synod {

/// What a gateway does for its connections.
class gateway_services {
public:
  /// Whose command it is; comes back with the reply.
  struct ticket {
    uint64_t connection = 0;
    uint64_t number = 0;
  };

  virtual ~gateway_services() = default;

  /// Takes a command to be decided. False: too much waits; asked again later.
  virtual bool submit(ticket whose, arguments command) = 0;
  virtual bool submit_transaction(ticket whose, const std::vector<std::vector<std::string>>& commands,
                                  const std::vector<std::pair<std::string, uint64_t>>& watched) = 0;
  /// Takes a read-only command.
  virtual bool submit_read(ticket whose, arguments command) = 0;
  /// Asks for the versions of keys; `decided`: behind the commands submitted so far.
  virtual bool submit_versions(ticket whose, arguments keys, bool decided) = 0;

  /// A command of the state machine or of the gateway; null: there is none. `name` in any case.
  virtual const command_spec* find(std::string_view name) const = 0;
  virtual const std::vector<command_spec>& commands() const = 0;
  virtual int64_t wall_clock_us() const = 0;
  virtual std::string info(std::string_view section) const = 0;
  virtual std::vector<std::pair<std::string, std::string>> settings() const = 0;
};

/// Parses a client's commands, hands them on, and writes the replies in the order of the commands.
///
/// Order: a read is submitted as such only while no command to be decided is under way, otherwise
/// as a command behind those; a command waits while reads are under way. So each sees what came
/// before it in the connection, and nothing that came after.
///
/// Bounds: the parser's; no command is begun while more than `output_limit_bytes` wait to be sent, or
/// while as many are under way as would, at the size of the latest replies, bring `pending_limit_bytes`:
/// `first_pending` for a new connection, `most_pending` at most.
class connection {
public:
  static constexpr size_t first_pending = 64;
  static constexpr size_t most_pending = 16384;
  static constexpr size_t pending_limit_bytes = 4u << 20;
  static constexpr size_t output_limit_bytes = 1u << 20;

  struct address {
    std::string remote;
    std::string local;
  };

  connection(uint64_t id, address where, resp::limits limits, int64_t now_ms, gateway_services& services);

  /// Bytes from the client.
  void receive(std::string_view bytes, int64_t now_ms);
  /// Goes on with what is buffered: room came up.
  void resume();
  /// Answers the command that could not be submitted for too long.
  void give_up(const char* error);
  /// The reply to a submitted command.
  void deliver(uint64_t ticket, schema::Reply::Reader reply);
  void deliver_error(uint64_t ticket, std::string_view text);

  /// Bytes for the client; the caller takes them away.
  std::string& output() { return output_; }
  /// True when nothing more is to be read for now.
  bool blocked() const { return blocked_ || pending_.size() >= pending_limit_ || output_.size() > output_limit_bytes; }
  /// True while the next command could not be submitted for want of room.
  bool waits_for_room() const { return waits_for_room_; }
  /// True when the connection is to be closed once `output` is sent and nothing is pending.
  bool closing() const { return closing_; }
  bool finished() const { return closing_ && pending_.empty(); }

  uint64_t id() const { return id_; }
  int64_t used_ms() const { return used_ms_; }
  int64_t waits_since_ms() const { return waits_since_ms_; }
  size_t pending() const { return pending_.size(); }

private:
  friend class local_commands;

  enum class kind : uint8_t { local, read, decided, versions, transaction };

  struct pending_reply {
    uint64_t ticket;
    kind what;
    bool done = false;
    std::string bytes;
  };

  struct queued {
    std::vector<std::string> arguments;
    bool local = false;
  };

  void process();
  bool dispatch(arguments args); // false: it could not be submitted yet
  bool dispatch_queued(arguments args, const command_spec& spec);
  bool dispatch_machine(arguments args, const command_spec& spec);
  bool watch(arguments args);
  template <class Keys>
  void watch_in_vain(const Keys& keys);
  bool exec();
  void begin_pending(kind what);
  void note_reply(size_t bytes);
  void finish(uint64_t ticket, std::string bytes);
  void answer_locally(const std::string& bytes);
  void reset_transaction();
  resp::writer writer_to(std::string& out) const { return {out, version_}; }
  std::string merge_exec(schema::Reply::Reader reply) const;

  uint64_t id_;
  address address_;
  gateway_services& services_;
  resp::parser parser_;
  std::string backlog_; // came while a parsed command waits
  std::string output_;
  std::deque<pending_reply> pending_;
  size_t pending_limit_ = first_pending;
  size_t reply_bytes_ = pending_limit_bytes / first_pending; // smoothed
  uint64_t next_ticket_ = 1;
  size_t reads_under_way_ = 0;
  size_t decided_under_way_ = 0;
  bool have_command_ = false; // parsed, not yet dispatched
  bool blocked_ = false;
  bool waits_for_room_ = false;
  bool closing_ = false;
  bool processing_ = false;
  int64_t now_ms_;
  int64_t created_ms_;
  int64_t used_ms_;
  int64_t waits_since_ms_ = 0;

  // what the client set
  int version_ = 2;
  std::string name_;
  std::string library_name_;
  std::string library_version_;
  bool no_evict_ = false;
  bool no_touch_ = false;
  std::string last_command_;

  // MULTI and WATCH
  bool in_multi_ = false;
  bool multi_failed_ = false;
  size_t multi_bytes_ = 0;
  std::vector<queued> multi_;
  std::vector<queued> executing_; // of the EXEC under way; nothing follows it until it is answered
  std::vector<std::pair<std::string, uint64_t>> watched_;
  std::vector<std::string> watching_; // of the WATCH under way
};

/// The commands that a gateway answers by itself.
class local_commands {
public:
  static std::span<const command_spec> specs();

  /// Writes the reply to a local command other than MULTI's kin.
  static void answer(connection& of, arguments args, std::string& out);

private:
  static void client(connection& of, arguments args, resp::writer out);
  static void command(connection& of, arguments args, resp::writer out);
  static void config(connection& of, arguments args, resp::writer out);
  static void hello(connection& of, arguments args, resp::writer out);
  static std::string describe(const connection& of);
};

namespace gateway_errors {
std::string unknown_command(arguments args);
std::string unknown_subcommand(std::string_view command, std::string_view subcommand);
} // namespace gateway_errors

} // namespace synod
