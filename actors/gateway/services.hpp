// What a gateway does for its connections.
#pragma once

#include "synod/actors/gateway/client_state.hpp"
#include "synod/actors/gateway/command_table.hpp"
#include "synod/actors/gateway/ticket.hpp"
#include "synod/actors/gateway/transaction.hpp"

#include <string>
#include <vector>

namespace synod {

/// One of those that CONFIG tells.
struct setting {
  std::string name;
  std::string value;
  // Between these it may change while the gateway runs.
  int64_t least = 0;
  int64_t most = -1;

  bool may_change() const { return least <= most; }
};

class gateway_services {
public:
  virtual ~gateway_services() = default;

  // Each takes a command; false: too much is under way, nothing is taken, and it is asked again later.

  /// To be decided.
  virtual bool submit(ticket whose, arguments command) = 0;
  virtual bool submit_transaction(ticket whose, const transaction& whole) = 0;
  /// Read-only.
  virtual bool submit_read(ticket whose, arguments command) = 0;
  /// Asks for the versions of keys; `decided`: behind the commands submitted so far.
  virtual bool submit_versions(ticket whose, arguments keys, bool decided) = 0;

  virtual const command_table& commands() const = 0;
  virtual client_state::time_point now() const = 0;
  virtual int64_t wall_clock_us() const = 0;
  /// Into the log, a line every few seconds at most of each thing that happens; that is a text which stays.
  virtual void warn(std::string_view what, const std::string& client) = 0;
  /// What the gateway knows of INFO's text: these sections, or without any all.
  virtual std::string info(arguments sections) const = 0;
  virtual void reset_statistics() = 0;

  virtual const std::vector<setting>& settings() const = 0;
  /// `value` is one that it may have.
  virtual void change_setting(const setting& which, int64_t value) = 0;

  /// This gateway's, in no order; valid until one of them is spoken to.
  virtual std::vector<client_view> clients() const = 0;
  /// Disconnects one, soon.
  virtual void end_client(uint64_t id) = 0;
};

} // namespace synod
