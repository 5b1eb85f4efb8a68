#include "synod/actors/node/socket_server.hpp"

#include "synod/actors/node/tcp.hpp"

#include <spdlog/spdlog.h>

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>

namespace synod {

namespace {

constexpr int backlog = 511;
constexpr std::chrono::milliseconds accept_pause{100};
constexpr unsigned keepalive_seconds = 300; // Of silence, before the kernel asks whether the client is there.
constexpr size_t kept_bytes = 64u << 10;    // of a client's buffer, when all in it was sent

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

} // namespace

socket_server::~socket_server() {
  if (listening_at_ >= 0)
    ::close(listening_at_);
}

void socket_server::start() {
  loop_scheduler::of(system_).post(loop_task{[self = shared_from_this()] { self->begin(); }});
}

void socket_server::begin() {
  if (stopping_)
    return;
  loop_ = &loop_scheduler::of(system_);
  loop_->enter(shared_from_this());
  if (auto failure = uv_poll_init(&loop_->loop(), &listener_, listening_at_); failure != 0)
    throw std::system_error{-failure, std::generic_category(), "clients cannot be waited for"};
  ++open_handles_;
  uv_timer_init(&loop_->loop(), &pause_);
  ++open_handles_;
  listener_.data = pause_.data = this;
  accept_all();
}

void socket_server::on_polled() {
  ++turn_;
  turn_left_ = turn_bytes;
  for_those_ = std::exchange(some_wait_, false);
  if (events_)
    events_->on_turn_end();
}

// -- the listening socket -------------------------------------------------------

std::string socket_server::listen(const std::string& host, uint16_t port) {
  auto where = host + ":" + std::to_string(port);
  sockaddr_storage address{};
  if (uv_ip4_addr(host.c_str(), port, reinterpret_cast<sockaddr_in*>(&address)) != 0
      && uv_ip6_addr(host.c_str(), port, reinterpret_cast<sockaddr_in6*>(&address)) != 0)
    return "'" + host + "' is not an IP address";
  if (auto failure = bind_and_listen(address); failure != 0)
    return "cannot listen at " + where + ": " + uv_strerror(uv_translate_sys_error(failure));
  return {};
}

/// The error number, or 0.
int socket_server::bind_and_listen(const sockaddr_storage& address) {
  listening_at_ = ::socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (listening_at_ < 0)
    return errno;
  int on = 1;
  sockaddr_storage bound = address;
  socklen_t size = address.ss_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  auto* name = reinterpret_cast<sockaddr*>(&bound);
  if (::setsockopt(listening_at_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 || ::bind(listening_at_, name, size) != 0
      || ::listen(listening_at_, backlog) != 0 || ::getsockname(listening_at_, name, &size) != 0)
    return errno;
  port_ = endpoint_of(bound).port;
  return 0;
}

void socket_server::stop() {
  if (std::exchange(stopping_, true))
    return;
  events_ = nullptr;
  std::vector<uint64_t> ids;
  for (auto& [id, x] : accepted_)
    ids.push_back(id);
  for (auto id : ids)
    close(id);
  if (!loop_)
    return;
  auto closed = [](uv_handle_t* x) { static_cast<socket_server*>(x->data)->on_closed(); };
  uv_close(reinterpret_cast<uv_handle_t*>(&listener_), closed);
  uv_close(reinterpret_cast<uv_handle_t*>(&pause_), closed);
  ::close(std::exchange(listening_at_, -1));
}

/// The last one was: nothing here is the loop's any more.
void socket_server::on_closed() {
  if (--open_handles_ == 0)
    loop_->leave(*this);
}

/// libuv would go on with one error for ever, in the thread of all roles: so each is accepted here. Where there is no descriptor
/// for another one, it waits until a client has gone, or for a pause.
void socket_server::accept_all() {
  accepts_ = true;
  uv_poll_start(&listener_, UV_READABLE, [](uv_poll_t* poll, int, int) {
    auto* self = static_cast<socket_server*>(poll->data);
    for (int i = 0; i < turn_clients && self->accepts_; ++i) {
      auto descriptor = ::accept4(self->listening_at_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (descriptor >= 0)
        self->accept(descriptor);
      else if (errno == EAGAIN || errno == EWOULDBLOCK)
        return;
      else if (errno != EINTR && errno != ECONNABORTED)
        self->accept_later(errno);
    }
  });
}

void socket_server::accept_later(int why) {
  auto text = std::string{"no client can connect for now: "} + uv_strerror(uv_translate_sys_error(why));
  if (auto line = told_.line(std::move(text), std::chrono::steady_clock::now()))
    log_->warn("{}", *line);
  accepts_ = false;
  uv_poll_stop(&listener_);
  uv_timer_start(
    &pause_, [](uv_timer_t* x) { static_cast<socket_server*>(x->data)->accept_all(); }, accept_pause.count(), 0);
}

void socket_server::accept(int descriptor) {
  auto* x = new accepted_socket{{}, this, next_id_++};
  uv_tcp_init(&loop_->loop(), &x->socket);
  ++open_handles_;
  x->socket.data = x;
  if (uv_tcp_open(&x->socket, descriptor) != 0) {
    ::close(descriptor);
    return discard(*x);
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
    return discard(*x);
  }
  accepted_.emplace(x->id, x);
  start_reading(*x);
}

void socket_server::discard(accepted_socket& x) {
  uv_close(reinterpret_cast<uv_handle_t*>(&x.socket), [](uv_handle_t* handle) {
    std::unique_ptr<accepted_socket> closed{static_cast<accepted_socket*>(handle->data)};
    closed->owner->on_closed();
  });
}

void socket_server::start_reading(accepted_socket& x) {
  x.reading = true;
  uv_read_start(
    reinterpret_cast<uv_stream_t*>(&x.socket),
    [](uv_handle_t* handle, size_t, uv_buf_t* buffer) {
      auto& asked = *static_cast<accepted_socket*>(handle->data);
      *buffer = asked.owner->room(asked);
    },
    [](uv_stream_t* stream, ssize_t size, const uv_buf_t* buffer) {
      auto& from = *static_cast<accepted_socket*>(stream->data);
      from.owner->on_read(from, size, buffer->base);
    });
}

/// The kernel tells of ready sockets in the same order again and again: those that found no room before have it first.
uv_buf_t socket_server::room(accepted_socket& x) {
  if (turn_left_ == 0 || (for_those_ && !x.waits) || x.read_in == turn_) {
    some_wait_ |= x.waits = x.read_in != turn_;
    return uv_buf_init(nullptr, 0);
  }
  x.waits = false;
  x.read_in = turn_;
  return uv_buf_init(buffer_.data(), static_cast<unsigned>(std::min(buffer_.size(), turn_left_)));
}

void socket_server::on_read(accepted_socket& x, ssize_t size, const char* bytes) {
  if (size > 0) {
    turn_left_ -= static_cast<size_t>(size);
    if (events_)
      events_->on_bytes(x.id, {bytes, static_cast<size_t>(size)});
  } else if (size == UV_EOF) {
    end(x);
  } else if (size < 0 && size != UV_ENOBUFS) { // That: there was no room in this turn.
    close(x.id);
  }
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
  discard(*x);
  if (!accepts_ && loop_ && !stopping_)
    accept_all();
  if (events_)
    events_->on_close(id);
}

} // namespace synod
