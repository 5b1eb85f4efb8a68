// TCP sockets between nodes: how they listen, accept and connect. None of them blocks, or is inherited.
#pragma once

#include "synod/actors/role/cluster.hpp"

#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <string>

namespace synod {

/// A connection breaks when what was sent on it has not been acknowledged by the other end's kernel for so long, or when the
/// other end takes nothing more for so long: a host that is gone, a link that is cut, a process that stands still.
constexpr std::chrono::milliseconds unacknowledged_limit{3000};

/// The host as an IP address, and the port.
endpoint endpoint_of(const sockaddr_storage& address);

/// One way to write an IP address, and localhost, which is 127.0.0.1; any other name as it is.
std::string plain_host(const std::string& host);

/// True for 0.0.0.0 and ::, and the former as IPv6: a host listens there at all its addresses, and nobody reaches it by it.
bool is_any_address(const std::string& host);

struct listening_socket {
  int socket = -1;
  uint16_t port = 0;   ///< that it has got
  std::string problem; ///< why there is none
};

listening_socket listen_at(const endpoint& where, int backlog);

/// Why nobody could listen there now; empty: one could. It is not kept, and whoever listens has to look again.
std::string listening_problem(const endpoint& where);

struct accepted_connection {
  int socket = -1; ///< -1: there is none now
  endpoint from{};
  bool out_of_descriptors = false;
};

accepted_connection accept_at(int listener);

/// A connected socket, or -1; waits for each of the host's addresses no longer than `limit`.
int connect_to(const endpoint& where, std::chrono::milliseconds limit);

} // namespace synod
