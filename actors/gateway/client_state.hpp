// A client as its connection knows it: where it is, and what it has chosen.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace synod {

class transaction;

struct client_state {
  using time_point = std::chrono::steady_clock::time_point;

  uint64_t id;
  std::string remote_address;
  std::string local_address;
  time_point created;
  time_point used; ///< when bytes last came
  const char* last_command = "NULL";

  int version = 2; ///< of the protocol
  std::string name{};
  std::string library_name{};
  std::string library_version{};
  bool no_evict = false;
  bool no_touch = false;

  // CLIENT REPLY
  bool replies_off = false;
  bool skips_next = false; ///< the reply to the next command is left out
  bool skips_this = false;
  bool silent() const { return replies_off || skips_this; }
};

/// What CLIENT LIST tells of a client.
struct client_view {
  const client_state& state;
  const transaction& queue;
  size_t unparsed_bytes;
  size_t unsent_bytes;
};

} // namespace synod
