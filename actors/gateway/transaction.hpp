// A connection's transaction: MULTI to EXEC, and the keys that it depends on.
#pragma once

#include "synod/actors/gateway/command_table.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace synod {

/// Keeps what is queued between MULTI and EXEC, and the versions of watched keys; then puts EXEC's reply together from what
/// the state machine answered and what the gateway answers itself.
///
/// Bounds: the arguments that are queued and the keys that are watched have `limit_bytes`, each of them counted with 32 bytes
/// more. What would bring more fails the transaction: its EXEC performs nothing.
class transaction {
public:
  /// No key ever has it: an EXEC that carries it performs nothing.
  static constexpr uint64_t no_version = UINT64_MAX;

  struct queued {
    std::vector<std::string> args;
    const gateway_command* command;

    /// The gateway answers it alone.
    bool local() const { return command->how == gateway_command::kind::local; }
  };

  explicit transaction(size_t limit_bytes) : limit_bytes_{limit_bytes} {}

  /// Between MULTI and EXEC.
  bool open() const { return open_; }
  /// Something was wrong with what is queued.
  bool failed() const { return failed_; }
  /// The answer to EXEC or WATCH is still to come: nothing may go ahead of it.
  bool waits() const { return executing_ || !watching_.empty(); }

  /// MULTI; false: it is open already.
  bool begin();
  /// A command that should be queued could not be; nothing happens outside MULTI.
  void fail() { failed_ |= open_; }
  /// False: it is larger than the limit, and has failed.
  bool queue(arguments args, const gateway_command& command);
  /// DISCARD and RESET, and the end of an EXEC that performs nothing: forgets what is queued, and what is watched.
  void discard();

  bool has_room_to_watch(arguments keys) const;
  /// WATCH asked for the versions of these keys.
  void begin_watch(arguments keys);
  /// They have come, in the order of the keys.
  void watched(schema::Reply::Reader versions);
  /// They will not come: what they were to protect is not performed.
  void watch_failed();
  /// The same for a WATCH that did not ask.
  void watch_failed(arguments keys);
  void unwatch();

  // For EXEC.
  const std::vector<queued>& commands() const { return queue_; }
  const std::map<std::string, uint64_t, std::less<>>& watched() const { return watched_; }
  /// It was submitted; the next one may begin.
  void begin_execution();
  /// Writes its reply; `answer` writes what the gateway answers, from what the state machine has, and returns the protocol's
  /// version from there on.
  using answering = std::function<int(const queued& command, schema::Reply::Reader of_machine)>;
  void write_reply(schema::Reply::Reader reply, resp::writer out, const answering& answer) const;
  void end_execution();

  size_t limit_bytes() const { return limit_bytes_; }
  size_t queued_bytes() const { return queued_bytes_; }

private:
  void watch(std::string_view key, uint64_t version);

  size_t limit_bytes_;
  bool open_ = false;
  bool failed_ = false;
  std::vector<queued> queue_;
  size_t queued_bytes_ = 0;
  std::map<std::string, uint64_t, std::less<>> watched_;
  size_t watched_bytes_ = 0;
  std::vector<std::string> watching_; // of the WATCH under way
  bool executing_ = false;
  std::vector<queued> executed_; // of the EXEC under way
};

} // namespace synod
