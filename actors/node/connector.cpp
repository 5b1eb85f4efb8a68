#include "synod/actors/node/connector.hpp"

#include "synod/actors/node/tcp.hpp"
#include "synod/actors/role/error_text.hpp"

#include <caf/io/basp_broker.hpp>
#include <caf/io/middleman_actor_impl.hpp>
#include <caf/io/network/default_multiplexer.hpp>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace synod {

namespace {

using clock = std::chrono::steady_clock;

/// Something can be read, or the other end is gone.
bool is_readable(int socket, clock::time_point until) {
  auto limit = std::chrono::ceil<std::chrono::milliseconds>(until - clock::now()).count();
  pollfd wait{socket, POLLIN, 0};
  return ::poll(&wait, 1, static_cast<int>(std::max<int64_t>(0, limit))) == 1;
}

/// As many bytes as the limit lets come; fewer: no more come.
std::string read_exactly(int socket, size_t count, clock::time_point until) {
  std::string bytes(count, '\0');
  size_t got = 0;
  while (got < count && is_readable(socket, until)) {
    auto size = ::recv(socket, bytes.data() + got, count - got, 0);
    if (size <= 0)
      break;
    got += static_cast<size_t>(size);
  }
  bytes.resize(got);
  return bytes;
}

/// Why the other end and this one do not take each other; none: they do. An empty text: it says nothing.
std::optional<std::string> refusal_by(int socket, admission greeting) {
  auto until = clock::now() + admission_limit;
  while (greeting.wants() > 0) {
    auto bytes = greeting.output();
    if (::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size()))
      return std::string{};
    auto answer = read_exactly(socket, greeting.wants(), until);
    if (answer.empty())
      return std::string{};
    greeting.input(answer);
  }
  return greeting.admitted() ? std::nullopt : std::optional{greeting.refusal()};
}

class connector : public caf::io::middleman_actor_impl {
public:
  connector(caf::actor_config& config, caf::actor broker, const cluster_key& key, std::string name)
    : middleman_actor_impl{config, std::move(broker)}, key_{key}, name_{std::move(name)} {}

  const char* name() const override { return "connector"; }

  behavior_type make_behavior() override {
    // Nobody else would catch it either: the process ends with the reason, and is not left without a connector.
    set_exception_handler(
      [](caf::scheduled_actor*, std::exception_ptr& thrown) -> caf::error { std::rethrow_exception(thrown); });
    return middleman_actor_impl::make_behavior();
  }

protected:
  // The seam for encrypted connections: what wraps the socket is chosen here.
  caf::expected<caf::io::scribe_ptr> connect(const std::string& host, uint16_t port) override {
    auto socket = connect_to({host, port}, connect_limit);
    if (socket < 0)
      return caf::sec::cannot_connect_to_node;
    auto refusal = refusal_by(socket, {admission::side::connects, key_, name_, fresh_random_bytes()});
    // CAF takes a new connection for a silent one when nothing has come by its next heartbeat, however soon that is: so it gets
    // the socket when the other end's handshake is there.
    if (!refusal && is_readable(socket, clock::now() + first_word_limit))
      return system().middleman().backend().new_scribe(socket);
    ::close(socket);
    if (!refusal || refusal->empty())
      return caf::sec::cannot_connect_to_node;
    return caf::make_error(caf::sec::invalid_argument, *refusal);
  }

private:
  cluster_key key_;
  std::string name_;
};

} // namespace

caf::actor connection_broker(caf::actor_system& system) {
  return system.middleman().named_broker<caf::io::basp_broker>(caf::atom("BASP"));
}

void watch_connection_broker(caf::actor_system& system, std::function<void(const std::string& why)> fatal) {
  auto broker = connection_broker(system);
  system.middleman().backend().post([broker, fatal = std::move(fatal)] { // In its thread.
    auto* actor = static_cast<caf::scheduled_actor*>(caf::actor_cast<caf::abstract_actor*>(broker));
    actor->set_exception_handler([fatal](caf::scheduled_actor*, std::exception_ptr& thrown) -> caf::error {
      fatal("what connects this node with others has ended: " + text_of(thrown));
      return caf::sec::runtime_error;
    });
  });
}

caf::io::middleman_actor spawn_connector(caf::actor_system& system, const cluster_key& key, const std::string& name) {
  return system.spawn<connector, caf::detached + caf::hidden>(connection_broker(system), key, name);
}

void take_connection(caf::actor_system& system, int socket, uint16_t port, const caf::strong_actor_ptr& node) {
  caf::anon_send(connection_broker(system), caf::publish_atom::value, system.middleman().backend().new_scribe(socket), port, node,
                 std::set<std::string>{});
}

} // namespace synod
