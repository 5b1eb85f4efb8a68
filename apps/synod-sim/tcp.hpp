// Connections between Redis clients and gateways: bytes, in order.
#pragma once

#include "network.hpp"

#include "synod/actors/role/sockets.hpp"

#include <map>
#include <memory>
#include <string>

namespace synod::simulation {

/// What TCP does for clients and gateways, over the links of the network: bytes arrive in order, in pieces, after a
/// while; what is sent while a link is cut comes when it is mended. A gateway's process that ends closes its connections,
/// and its clients are told, unless its host ended with it.
class tcp {
public:
  /// A client's end of a connection.
  class client_end {
  public:
    virtual ~client_end() = default;
    virtual void on_connected(uint64_t connection) = 0;
    virtual void on_bytes(uint64_t connection, std::string_view bytes) = 0;
    /// It is over; or it was refused.
    virtual void on_closed(uint64_t connection) = 0;
  };

  /// So many bytes may be on their way to a client that does not read.
  tcp(timeline& in, network& over, size_t socket_buffer_bytes)
    : timeline_{in}, network_{over}, socket_buffer_bytes_{socket_buffer_bytes} {}

  /// The sockets of a gateway's process, which runs on that strand.
  std::shared_ptr<sockets> listen(uint32_t node, strand& on);
  /// That process has ended.
  void end(uint32_t node, bool silently);

  /// A client's calls. Connections have numbers from 1.
  uint64_t connect(uint32_t from, uint32_t node, client_end& who);
  void write(uint64_t connection, std::string bytes);
  void close(uint64_t connection);
  /// It writes no more, and goes on reading.
  void end_writing(uint64_t connection);
  /// How long the client takes to read what has arrived.
  void slow_down(uint64_t connection, duration reading);

private:
  class listener;

  struct connection {
    uint32_t from = 0;
    uint32_t node = 0;
    client_end* who = nullptr;        // null: the client has closed it
    std::shared_ptr<listener> server; // null: not accepted, or closed
    bool wanted = true;               // the gateway reads
    std::string held;                 // arrived, not read by the gateway
    bool ended = false;               // and nothing will come behind that
    size_t unread_bytes = 0;          // sent to the client, not read by it
    duration reading{0};
    duration read_until{0};
  };

  void accept(uint64_t number);
  void arrive(uint64_t number, std::string bytes);
  void arrive_end(uint64_t number);
  void deliver(uint64_t number, std::string bytes);
  void read_by_client(uint64_t number, const std::string& bytes);
  void close_client(uint64_t number);
  void end_client(uint64_t number);
  void forget(uint64_t number);

  timeline& timeline_;
  network& network_;
  size_t socket_buffer_bytes_;
  std::map<uint32_t, std::shared_ptr<listener>> listeners_;
  std::map<uint64_t, connection> connections_;
  uint64_t next_ = 1;
};

} // namespace synod::simulation
