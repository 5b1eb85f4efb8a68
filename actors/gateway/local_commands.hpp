// The commands that a gateway answers by itself: about the connection, the server, transactions.
#pragma once

#include "synod/actors/gateway/services.hpp"

#include <chrono>
#include <span>
#include <string>

namespace synod {

/// A client as its connection knows it: where it is, and what it has chosen.
struct client_state {
  using time_point = std::chrono::steady_clock::time_point;

  uint64_t id;
  std::string remote_address;
  std::string local_address;
  time_point created;
  time_point used; ///< when bytes last came
  const char* last_command = "";

  int version = 2; ///< of the protocol
  std::string name{};
  std::string library_name{};
  std::string library_version{};
  bool no_evict = false;
  bool no_touch = false;
};

/// What a local command sees of its connection, and may change.
struct local_context {
  client_state& client;
  transaction& queue;
  const gateway_services& services;
  size_t unparsed_bytes = 0;
  size_t unsent_bytes = 0;
  bool closes = false; ///< set: the connection ends behind this reply
};

/// Those commands, and WATCH and EXEC, which a connection performs.
std::span<const gateway_command> local_commands();

/// Redis's error for a command that nobody knows.
std::string unknown_command(arguments args);

} // namespace synod
