#include "synod/actors/node/tcp.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

namespace synod {

namespace {

using address_list = std::unique_ptr<addrinfo, void (*)(addrinfo*)>;

/// Of TCP; null: none, and why not.
std::pair<address_list, std::string> addresses_of(const endpoint& where, int flags) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  addrinfo* found = nullptr;
  auto failure = ::getaddrinfo(where.host.c_str(), std::to_string(where.port).c_str(), &hints, &found);
  return {address_list{failure == 0 ? found : nullptr, ::freeaddrinfo}, failure == 0 ? "" : ::gai_strerror(failure)};
}

int new_socket(const addrinfo& address) {
  return ::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/// A host that vanishes is noticed by the kernel: by what is not acknowledged, heartbeats for example (remote_link.hpp), and by
/// being asked.
void tune(int socket) {
  auto limit = static_cast<unsigned>(unacknowledged_limit.count());
  ::setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit, sizeof limit);
  int on = 1, idle = 3, interval = 1, count = 3;
  ::setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

bool connects(int socket, const addrinfo& address, std::chrono::milliseconds limit) {
  if (::connect(socket, address.ai_addr, address.ai_addrlen) == 0)
    return true;
  if (errno != EINPROGRESS)
    return false;
  pollfd wait{socket, POLLOUT, 0};
  int failure = 0;
  socklen_t size = sizeof failure;
  return ::poll(&wait, 1, static_cast<int>(limit.count())) == 1
         && ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &failure, &size) == 0 && failure == 0;
}

/// A socket that does not listen yet.
listening_socket bind_to(const endpoint& where) {
  auto [all, problem] = addresses_of(where, AI_PASSIVE);
  for (auto* each = all.get(); each; each = each->ai_next) {
    auto socket = new_socket(*each);
    int on = 1;
    if (socket >= 0 && ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0
        && ::bind(socket, each->ai_addr, each->ai_addrlen) == 0) {
      sockaddr_storage own{};
      socklen_t size = sizeof own;
      ::getsockname(socket, reinterpret_cast<sockaddr*>(&own), &size);
      return {socket, endpoint_of(own).port, {}};
    }
    problem = std::strerror(errno);
    if (socket >= 0)
      ::close(socket);
  }
  return {-1, 0, problem};
}

} // namespace

endpoint endpoint_of(const sockaddr_storage& address) {
  char host[INET6_ADDRSTRLEN] = "?";
  if (address.ss_family == AF_INET) {
    auto& x = reinterpret_cast<const sockaddr_in&>(address);
    ::inet_ntop(AF_INET, &x.sin_addr, host, sizeof host);
    return {host, ntohs(x.sin_port)};
  }
  auto& x = reinterpret_cast<const sockaddr_in6&>(address);
  ::inet_ntop(AF_INET6, &x.sin6_addr, host, sizeof host);
  return {host, ntohs(x.sin6_port)};
}

std::string plain_host(const std::string& host) {
  if (host == "localhost")
    return "127.0.0.1";
  char plain[INET6_ADDRSTRLEN];
  in_addr four{};
  in6_addr six{};
  if (::inet_pton(AF_INET, host.c_str(), &four) == 1)
    return ::inet_ntop(AF_INET, &four, plain, sizeof plain);
  if (::inet_pton(AF_INET6, host.c_str(), &six) != 1)
    return host;
  if (IN6_IS_ADDR_V4MAPPED(&six))
    return ::inet_ntop(AF_INET, &six.s6_addr[12], plain, sizeof plain);
  return ::inet_ntop(AF_INET6, &six, plain, sizeof plain);
}

bool is_any_address(const std::string& host) {
  auto plain = plain_host(host);
  return plain == "0.0.0.0" || plain == "::";
}

listening_socket listen_at(const endpoint& where, int backlog) {
  auto bound = bind_to(where);
  if (bound.socket >= 0 && ::listen(bound.socket, backlog) != 0) {
    bound.problem = std::strerror(errno);
    ::close(std::exchange(bound.socket, -1));
  }
  return bound;
}

std::string listening_problem(const endpoint& where) {
  auto bound = bind_to(where); // Not where somebody listens.
  if (bound.socket >= 0)
    ::close(bound.socket);
  return bound.problem;
}

accepted_connection accept_at(int listener) {
  sockaddr_storage from{};
  socklen_t size = sizeof from;
  auto socket = ::accept4(listener, reinterpret_cast<sockaddr*>(&from), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (socket < 0)
    return {-1, {}, errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM};
  tune(socket);
  return {socket, endpoint_of(from), false};
}

int connect_to(const endpoint& where, std::chrono::milliseconds limit) {
  auto all = addresses_of(where, 0).first;
  for (auto* each = all.get(); each; each = each->ai_next) {
    auto socket = new_socket(*each);
    if (socket < 0)
      continue;
    if (connects(socket, *each, limit)) {
      tune(socket);
      return socket;
    }
    ::close(socket);
  }
  return -1;
}

} // namespace synod
