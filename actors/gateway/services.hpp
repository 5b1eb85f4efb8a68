// What a gateway does for its connections.
#pragma once

#include "synod/actors/gateway/command_table.hpp"
#include "synod/actors/gateway/ticket.hpp"
#include "synod/actors/gateway/transaction.hpp"

#include <string>
#include <utility>
#include <vector>

namespace synod {

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
  virtual int64_t wall_clock_us() const = 0;
  /// Into the log.
  virtual void warn(std::string_view text) = 0;
  /// The text of INFO; `section` in lower case, or empty.
  virtual std::string info(std::string_view section) const = 0;
  /// For CONFIG GET.
  virtual const std::vector<std::pair<std::string, std::string>>& settings() const = 0;
};

} // namespace synod
