// Client sockets on libuv, in a thread of their own.
#pragma once

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

/// What happens at the sockets; called in the loop's thread.
class server_events {
public:
  virtual ~server_events() = default;
  /// A client connected; false: it is refused with `refusal`.
  virtual bool on_connect(uint64_t id, std::string remote, std::string local, std::string& refusal) = 0;
  virtual void on_bytes(uint64_t id, std::string_view bytes) = 0;
  virtual void on_sent(uint64_t id) = 0;
  virtual void on_close(uint64_t id) = 0;
  /// The loop has taken what there was, and is about to wait.
  virtual void on_turn_end() = 0;
};

/// A libuv loop with a listening socket. Actors that `run` here are resumed in the loop's thread, so
/// that a command passes from socket to actor without a change of threads.
class server {
public:
  explicit server(caf::actor_system& system);
  ~server();

  /// Binds and listens; returns what is wrong, or nothing.
  std::string listen(const std::string& host, uint16_t port);
  /// The port it listens at, for one that was given as 0.
  uint16_t port() const { return port_; }

  /// Runs the loop until `stop`; called once, in the thread that is to be its own.
  void run();

  // From any thread:
  /// Resumes an actor in the loop's thread; owns one reference to it until then.
  void schedule(caf::resumable* actor);

  // In the loop's thread:
  void events(server_events* events) { events_ = events; }
  void stop();
  caf::execution_unit* unit() { return &unit_; }
  /// Sends `bytes` and takes them out; what the socket does not take at once is sent later.
  void send(uint64_t id, std::string& bytes);
  /// Bytes given to `send` that have not left yet.
  size_t unsent_bytes(uint64_t id) const;
  void read(uint64_t id, bool on);
  void close(uint64_t id);
  size_t connections() const { return clients_.size(); }

private:
  struct client {
    uv_tcp_t socket;
    server* owner;
    uint64_t id;
    bool reading = false;
    bool closing = false;
    size_t unsent = 0;
  };

  void on_connection();
  void start_reading(client& x);
  void run_actors();

  uv_loop_t loop_;
  uv_tcp_t listener_;
  uv_async_t wake_;
  uv_prepare_t prepare_;
  bool listening_ = false;
  bool stopping_ = false;
  uint16_t port_ = 0;
  server_events* events_ = nullptr;
  std::unordered_map<uint64_t, client*> clients_;
  uint64_t next_id_ = 1;
  std::vector<char> buffer_;
  caf::scoped_execution_unit unit_;

  std::mutex mutex_;
  std::vector<caf::resumable*> ready_;
};

} // namespace synod
