// Client sockets, in the thread of the actors.
#pragma once

#include "synod/actors/node/loop_scheduler.hpp"
#include "synod/actors/role/seldom_told.hpp"
#include "synod/actors/role/sockets.hpp"

#include <uv.h>

#include <caf/all.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace spdlog {
class logger;
}

namespace synod {

/// A listening socket and those of its clients, in the loop of the actors (loop_scheduler.hpp). So a command passes from socket
/// to roles without a change of threads.
///
/// Bounds: a turn reads `turn_bytes`, at most `read_bytes` of each client, and accepts `turn_clients`; it leaves the rest to the
/// next one, in which those that have found no room come first. So clients keep nobody waiting for long, nor each other.
class socket_server : public sockets, public loop_resident, public std::enable_shared_from_this<socket_server> {
public:
  static constexpr size_t turn_bytes = 256u << 10;
  static constexpr size_t read_bytes = 64u << 10;
  static constexpr int turn_clients = 64;

  /// Of a system with a loop, if it is to serve.
  static std::shared_ptr<socket_server> make(caf::actor_system& system, std::shared_ptr<spdlog::logger> log) {
    return std::shared_ptr<socket_server>{new socket_server{system, std::move(log)}};
  }
  ~socket_server() override;

  /// Binds and listens; returns what is wrong, or nothing. Called first, and once.
  std::string listen(const std::string& host, uint16_t port);
  uint16_t port() const override { return port_; }
  void events(socket_events* events) override { events_ = events; }
  void start() override;
  void stop() override;
  void send(uint64_t id, std::string& bytes) override;
  size_t unsent_bytes(uint64_t id) const override;
  void read(uint64_t id, bool on) override;
  void close(uint64_t id) override;

private:
  /// One client's.
  struct accepted_socket {
    uv_tcp_t socket;
    socket_server* owner;
    uint64_t id;
    bool reading = false;
    bool ended = false; // nothing more comes
    bool closing = false;
    size_t unsent = 0;
    uint64_t read_in = 0; // the last turn in which it was
    bool waits = false;   // it has found no room since
  };

  socket_server(caf::actor_system& system, std::shared_ptr<spdlog::logger> log)
    : system_{system}, log_{std::move(log)}, buffer_(read_bytes) {}
  void begin();
  void on_polled() override;
  void on_loop_end() override { stop(); }
  void on_closed();
  int bind_and_listen(const sockaddr_storage& address);
  void accept_all();
  void accept_later(int why);
  void accept(int descriptor);
  void discard(accepted_socket& x);
  void start_reading(accepted_socket& x);
  uv_buf_t room(accepted_socket& x);
  void on_read(accepted_socket& x, ssize_t size, const char* bytes);
  void end(accepted_socket& x);

  caf::actor_system& system_;
  std::shared_ptr<spdlog::logger> log_;
  loop_scheduler* loop_ = nullptr; // when it serves
  uv_poll_t listener_;
  uv_timer_t pause_;      // before it accepts again
  int open_handles_ = 0;  // of these two and the clients'
  int listening_at_ = -1; // a descriptor
  bool accepts_ = false;  // not while there are no descriptors
  seldom_told told_;      // of that
  bool stopping_ = false;
  uint16_t port_ = 0;
  socket_events* events_ = nullptr;
  std::unordered_map<uint64_t, accepted_socket*> accepted_;
  uint64_t next_id_ = 1;
  std::vector<char> buffer_;
  uint64_t turn_ = 1;
  size_t turn_left_ = turn_bytes; // that this turn may read
  bool some_wait_ = false;        // found no room in this turn
  bool for_those_ = false;        // that found none in the last one, this one is
};

} // namespace synod
