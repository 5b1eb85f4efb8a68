#include "synod/actors/node/connector.hpp"

#include <caf/io/basp_broker.hpp>
#include <caf/io/middleman_actor_impl.hpp>
#include <caf/io/network/default_multiplexer.hpp>

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace synod {

namespace {

/// CAF takes a new connection for a silent one when nothing has come by its next heartbeat, however soon that is: so it gets the
/// socket when the other end's handshake is there.
bool hears_first_word(int fd) {
  pollfd wait{fd, POLLIN, 0};
  return ::poll(&wait, 1, static_cast<int>(first_word_limit.count())) == 1;
}

/// A connected socket, or -1; waits no longer than the limits for each address.
int connect_within_limit(const std::string& host, uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0)
    return -1;
  std::unique_ptr<addrinfo, void (*)(addrinfo*)> all{found, ::freeaddrinfo};
  for (auto* each = found; each; each = each->ai_next) {
    auto fd = ::socket(each->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
      continue;
    auto pending = ::connect(fd, each->ai_addr, each->ai_addrlen);
    if (pending != 0 && errno == EINPROGRESS) {
      pollfd wait{fd, POLLOUT, 0};
      int failure = 0;
      socklen_t size = sizeof failure;
      if (::poll(&wait, 1, static_cast<int>(connect_limit.count())) == 1
          && ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &size) == 0)
        pending = failure;
    }
    if (pending == 0 && hears_first_word(fd)) {
      // A host that vanished before the first heartbeat is noticed by the kernel.
      int on = 1, idle = 3, interval = 1, count = 3;
      ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
      ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
      ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
      ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      return fd;
    }
    ::close(fd);
  }
  return -1;
}

class connector : public caf::io::middleman_actor_impl {
public:
  using middleman_actor_impl::middleman_actor_impl;

  const char* name() const override { return "connector"; }

protected:
  // The seam for encrypted connections: what wraps the socket is chosen here.
  caf::expected<caf::io::scribe_ptr> connect(const std::string& host, uint16_t port) override {
    auto fd = connect_within_limit(host, port);
    if (fd < 0)
      return caf::sec::cannot_connect_to_node;
    return system().middleman().backend().new_scribe(fd);
  }
};

} // namespace

caf::io::middleman_actor spawn_connector(caf::actor_system& system) {
  auto broker = system.middleman().named_broker<caf::io::basp_broker>(caf::atom("BASP"));
  return system.spawn<connector, caf::detached + caf::hidden>(std::move(broker));
}

} // namespace synod
