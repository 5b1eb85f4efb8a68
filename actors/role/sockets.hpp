// What a gateway needs of its clients' sockets.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace synod {

/// What happens at the sockets; called in the thread of the actors, between two of them.
class socket_events {
public:
  virtual ~socket_events() = default;
  /// A client connected; false: it is refused with `refusal`.
  virtual bool on_connect(uint64_t id, std::string remote, std::string local, std::string& refusal) = 0;
  virtual void on_bytes(uint64_t id, std::string_view bytes) = 0;
  /// No bytes will come from this client any more; it may still wait for replies.
  virtual void on_end(uint64_t id) = 0;
  virtual void on_sent(uint64_t id) = 0;
  virtual void on_close(uint64_t id) = 0;
  /// All that happened was told; nothing more for now.
  virtual void on_turn_end() = 0;
};

/// A listening socket and those of its clients: `socket_server` on a host, the simulator's own in a simulation. Clients have
/// numbers that are not used twice.
class sockets {
public:
  virtual ~sockets() = default;

  /// The port it listens at, for one that was given as 0.
  virtual uint16_t port() const = 0;
  /// Whom to tell what happens. Called first.
  virtual void events(socket_events* events) = 0;
  /// Serves from now on, until `stop`; called once, from any thread.
  virtual void start() = 0;

  // In the thread of the actors:
  virtual void stop() = 0;
  /// Sends `bytes` and takes them out; what the socket does not take at once is sent later.
  virtual void send(uint64_t id, std::string& bytes) = 0;
  /// Bytes given to `send` that have not left yet.
  virtual size_t unsent_bytes(uint64_t id) const = 0;
  /// Whether bytes from this client are wanted now.
  virtual void read(uint64_t id, bool on) = 0;
  virtual void close(uint64_t id) = 0;
};

} // namespace synod
