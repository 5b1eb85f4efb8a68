#include "synod/actors/node/socket_server.hpp"

#include "synod/actors/node/tcp.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace synod {

namespace {

constexpr int backlog = 511;
constexpr unsigned keepalive_seconds = 300; // Of silence, before the kernel asks whether the client is there.
constexpr size_t read_bytes = 64u << 10;
constexpr size_t actor_messages_per_turn = 256;
constexpr size_t kept_bytes = 64u << 10; // of a client's buffer, when all in it was sent

/// A write that the socket did not take at once.
struct late_write {
  uv_write_t request;
  std::string bytes;
  size_t taken; // of them, at once
};

/// Of any size; `uv_buf_init` takes 32 bits of it.
uv_buf_t buffer_of(char* bytes, size_t size) {
  uv_buf_t buffer;
  buffer.base = bytes;
  buffer.len = size;
  return buffer;
}

/// The first loop of a process makes a pipe for signals, behind a descriptor of its own, and aborts when it gets none: so that is
/// tried before.
int problem_of_first_loop() {
  int loop = ::eventfd(0, EFD_CLOEXEC), pipe[2] = {-1, -1};
  auto failure = loop < 0 || ::pipe2(pipe, O_CLOEXEC) != 0 ? uv_translate_sys_error(errno) : 0;
  for (auto each : {loop, pipe[0], pipe[1]})
    if (each >= 0)
      ::close(each);
  return failure;
}

} // namespace

socket_server::socket_server(caf::actor_system& system) : buffer_(read_bytes), unit_{&system} {}

/// What it takes descriptors for; what is wrong, or nothing.
std::string socket_server::open_loop() {
  if (auto failure = problem_of_first_loop(); failure != 0)
    return uv_strerror(failure);
  if (auto failure = uv_loop_init(&loop_); failure != 0)
    return uv_strerror(failure);
  loop_.data = this;
  auto failure =
    uv_async_init(&loop_, &wake_, [](uv_async_t* handle) { static_cast<socket_server*>(handle->data)->run_actors(); });
  if (failure != 0) {
    uv_loop_close(&loop_);
    return uv_strerror(failure);
  }
  wake_.data = this;
  auto turn_end = [](auto* handle) {
    auto* self = static_cast<socket_server*>(handle->data);
    if (self->events_)
      self->events_->on_turn_end();
  };
  uv_prepare_init(&loop_, &prepare_);
  prepare_.data = this;
  uv_prepare_start(&prepare_, turn_end);
  open_ = true;
  return {};
}

socket_server::~socket_server() {
  if (!open_)
    return;
  if (!stopping_)
    stop();
  uv_run(&loop_, UV_RUN_DEFAULT); // Lets the handles close.
  uv_loop_close(&loop_);
}

std::string socket_server::listen(const std::string& host, uint16_t port) {
  auto where = host + ":" + std::to_string(port);
  sockaddr_storage address{};
  if (uv_ip4_addr(host.c_str(), port, reinterpret_cast<sockaddr_in*>(&address)) != 0
      && uv_ip6_addr(host.c_str(), port, reinterpret_cast<sockaddr_in6*>(&address)) != 0)
    return "'" + host + "' is not an IP address";
  if (auto problem = open_loop(); !problem.empty())
    return "cannot listen at " + where + ": " + problem;
  uv_tcp_init(&loop_, &listener_);
  listener_.data = this;
  listening_ = true;
  auto failure = uv_tcp_bind(&listener_, reinterpret_cast<sockaddr*>(&address), 0);
  if (failure == 0)
    failure = uv_listen(reinterpret_cast<uv_stream_t*>(&listener_), backlog, [](uv_stream_t* stream, int status) {
      if (status == 0)
        static_cast<socket_server*>(stream->data)->on_connection();
    });
  if (failure != 0)
    return "cannot listen at " + where + ": " + uv_strerror(failure);
  int size = sizeof address;
  uv_tcp_getsockname(&listener_, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = endpoint_of(address).port;
  return {};
}

void socket_server::run() {
  uv_run(&loop_, UV_RUN_DEFAULT);
}

void socket_server::schedule(caf::resumable* actor) {
  {
    std::lock_guard guard{mutex_};
    ready_.push_back(actor);
  }
  uv_async_send(&wake_);
}

void socket_server::run_actors() {
  std::vector<caf::resumable*> ready;
  {
    std::lock_guard guard{mutex_};
    ready.swap(ready_);
  }
  for (auto* actor : ready)
    switch (actor->resume(&unit_, actor_messages_per_turn)) {
      case caf::resumable::resume_later:
        schedule(actor);
        break;
      case caf::resumable::awaiting_message:
      case caf::resumable::done:
        caf::intrusive_ptr_release(actor);
        break;
      case caf::resumable::shutdown_execution_unit:
        break;
    }
}

void socket_server::stop() {
  stopping_ = true;
  events_ = nullptr;
  std::vector<uint64_t> ids;
  for (auto& [id, x] : accepted_)
    ids.push_back(id);
  for (auto id : ids)
    close(id);
  if (listening_)
    uv_close(reinterpret_cast<uv_handle_t*>(&listener_), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&wake_), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&prepare_), nullptr);
}

void socket_server::on_connection() {
  auto* x = new accepted_socket{{}, this, next_id_++};
  uv_tcp_init(&loop_, &x->socket);
  x->socket.data = x;
  auto discard = [](uv_handle_t* handle) { delete static_cast<accepted_socket*>(handle->data); };
  if (uv_accept(reinterpret_cast<uv_stream_t*>(&listener_), reinterpret_cast<uv_stream_t*>(&x->socket)) != 0) {
    uv_close(reinterpret_cast<uv_handle_t*>(&x->socket), discard);
    return;
  }
  uv_tcp_nodelay(&x->socket, 1);
  uv_tcp_keepalive(&x->socket, 1, keepalive_seconds);
  sockaddr_storage remote{}, local{};
  int size = sizeof remote;
  uv_tcp_getpeername(&x->socket, reinterpret_cast<sockaddr*>(&remote), &size);
  size = sizeof local;
  uv_tcp_getsockname(&x->socket, reinterpret_cast<sockaddr*>(&local), &size);
  std::string refusal;
  if (!events_ || !events_->on_connect(x->id, to_string(endpoint_of(remote)), to_string(endpoint_of(local)), refusal)) {
    uv_buf_t bytes = uv_buf_init(refusal.data(), static_cast<unsigned>(refusal.size()));
    uv_try_write(reinterpret_cast<uv_stream_t*>(&x->socket), &bytes, 1); // Best effort: it is turned away.
    uv_close(reinterpret_cast<uv_handle_t*>(&x->socket), discard);
    return;
  }
  accepted_.emplace(x->id, x);
  start_reading(*x);
}

void socket_server::start_reading(accepted_socket& x) {
  x.reading = true;
  uv_read_start(
    reinterpret_cast<uv_stream_t*>(&x.socket),
    [](uv_handle_t* handle, size_t, uv_buf_t* buffer) {
      auto& shared = static_cast<accepted_socket*>(handle->data)->owner->buffer_;
      *buffer = uv_buf_init(shared.data(), static_cast<unsigned>(shared.size()));
    },
    [](uv_stream_t* stream, ssize_t size, const uv_buf_t* buffer) {
      auto* from = static_cast<accepted_socket*>(stream->data);
      if (size > 0 && from->owner->events_)
        from->owner->events_->on_bytes(from->id, {buffer->base, static_cast<size_t>(size)});
      else if (size == UV_EOF)
        from->owner->end(*from);
      else if (size < 0)
        from->owner->close(from->id);
    });
}

/// The client has closed its side, or all of it: its gateway has to say which.
void socket_server::end(accepted_socket& x) {
  x.ended = true;
  uv_read_stop(reinterpret_cast<uv_stream_t*>(&x.socket));
  if (events_)
    events_->on_end(x.id);
}

void socket_server::read(uint64_t id, bool on) {
  auto found = accepted_.find(id);
  if (found == accepted_.end() || found->second->reading == on || found->second->ended)
    return;
  if (on) {
    start_reading(*found->second);
  } else {
    found->second->reading = false;
    uv_read_stop(reinterpret_cast<uv_stream_t*>(&found->second->socket));
  }
}

void socket_server::send(uint64_t id, std::string& bytes) {
  auto found = accepted_.find(id);
  if (found == accepted_.end() || bytes.empty())
    return bytes.clear();
  auto& x = *found->second;
  auto* stream = reinterpret_cast<uv_stream_t*>(&x.socket);
  size_t taken = 0;
  if (x.unsent == 0) {
    auto now = buffer_of(bytes.data(), bytes.size());
    auto result = uv_try_write(stream, &now, 1);
    if (result < 0 && result != UV_EAGAIN) {
      bytes.clear();
      return close(id);
    }
    taken = result > 0 ? static_cast<size_t>(result) : 0;
  }
  if (taken == bytes.size()) {
    bytes.clear();
    if (bytes.capacity() > kept_bytes)
      bytes.shrink_to_fit();
    return;
  }
  auto* late = new late_write{{}, std::exchange(bytes, {}), taken};
  x.unsent += late->bytes.size() - taken;
  late->request.data = late;
  auto rest = buffer_of(late->bytes.data() + taken, late->bytes.size() - taken);
  uv_write(&late->request, stream, &rest, 1, [](uv_write_t* request, int status) {
    std::unique_ptr<late_write> done{static_cast<late_write*>(request->data)};
    auto* to = static_cast<accepted_socket*>(request->handle->data);
    to->unsent -= done->bytes.size() - done->taken;
    auto* owner = to->owner;
    if (status != 0)
      owner->close(to->id);
    else if (owner->events_ && !to->closing)
      owner->events_->on_sent(to->id);
  });
}

size_t socket_server::unsent_bytes(uint64_t id) const {
  auto found = accepted_.find(id);
  if (found == accepted_.end() || found->second->unsent == 0)
    return 0;
  // Until the end of a write is told, something is left of it.
  return std::max<size_t>(1, uv_stream_get_write_queue_size(reinterpret_cast<uv_stream_t*>(&found->second->socket)));
}

void socket_server::close(uint64_t id) {
  auto found = accepted_.find(id);
  if (found == accepted_.end())
    return;
  auto* x = found->second;
  accepted_.erase(found);
  x->closing = true;
  uv_close(reinterpret_cast<uv_handle_t*>(&x->socket),
           [](uv_handle_t* handle) { delete static_cast<accepted_socket*>(handle->data); });
  if (events_)
    events_->on_close(id);
}

} // namespace synod
