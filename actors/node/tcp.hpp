// TCP sockets between nodes: how they listen, accept and connect. None of them blocks, or is inherited.
#pragma once

#include "synod/actors/role/cluster.hpp"

#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <string>

namespace synod {

/// The host as an IP address, and the port.
endpoint endpoint_of(const sockaddr_storage& address);

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
