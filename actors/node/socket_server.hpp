// Client sockets on libuv, in a thread of their own.
#pragma once

#include "synod/actors/role/sockets.hpp"

#include <uv.h>

#include <caf/all.hpp>
#include <caf/scoped_execution_unit.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace synod {

/// A libuv loop with a listening socket. Actors that `run` here are resumed in the loop's thread, so
/// that a command passes from socket to actor without a change of threads.
class socket_server : public sockets {
public:
  explicit socket_server(caf::actor_system& system);
  ~socket_server() override;

  /// Binds and listens; returns what is wrong, or nothing. Called first, and once.
  std::string listen(const std::string& host, uint16_t port);
  uint16_t port() const override { return port_; }
  void run() override;
  void schedule(caf::resumable* actor) override;
  void events(socket_events* events) override { events_ = events; }
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
  };

  std::string open_loop();
  void on_connection();
  void start_reading(accepted_socket& x);
  void end(accepted_socket& x);
  void run_actors();

  uv_loop_t loop_;
  uv_tcp_t listener_;
  uv_async_t wake_;
  uv_prepare_t prepare_;
  bool open_ = false; // the loop, with `wake_` and `prepare_`
  bool listening_ = false;
  bool stopping_ = false;
  uint16_t port_ = 0;
  socket_events* events_ = nullptr;
  std::unordered_map<uint64_t, accepted_socket*> accepted_;
  uint64_t next_id_ = 1;
  std::vector<char> buffer_;
  caf::scoped_execution_unit unit_;

  std::mutex mutex_;
  std::vector<caf::resumable*> ready_;
};

} // namespace synod
