#include "synod/actors/node/connector.hpp"

#include "synod/actors/node/remote_link.hpp"
#include "synod/actors/node/tcp.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <memory>
#include <optional>
#include <utility>

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

class connector : public connector_actor::base {
public:
  connector(caf::actor_config& config, const cluster_key& key, std::string name)
    : connector_actor::base{config}, key_{key}, name_{std::move(name)} {}

  const char* name() const override { return "connector"; }

  behavior_type make_behavior() override {
    // Nobody else would catch it either: the process ends with the reason, and is not left without a connector.
    set_exception_handler(
      [](caf::scheduled_actor*, std::exception_ptr& thrown) -> caf::error { std::rethrow_exception(thrown); });
    return {[this](caf::connect_atom, const std::string& host, uint16_t port) -> caf::result<caf::strong_actor_ptr> {
      if (auto problem = connect({host, port}))
        return problem;
      return other_;
    }};
  }

  void on_exit() override {
    if (name_.empty())
      drop();
  }

private:
  // The seam for encrypted connections: what wraps the socket is chosen here.
  caf::error connect(const endpoint& where) {
    if (link_ && link_->is_open() && to_string(where) == to_string(where_))
      return {};
    drop();
    auto socket = connect_to(where, connect_limit);
    if (socket < 0)
      return caf::sec::cannot_connect_to_node;
    if (auto refusal = refusal_by(socket, {admission::side::connects, key_, name_, fresh_random_bytes()})) {
      ::close(socket);
      return refusal->empty() ? caf::error{caf::sec::cannot_connect_to_node}
                              : caf::make_error(caf::sec::invalid_argument, *refusal);
    }
    auto shown = std::make_shared<std::promise<caf::strong_actor_ptr>>();
    auto comes = shown->get_future();
    where_ = where;
    link_ = remote_link::open(system(), socket, nullptr, [shown](auto& other) { shown->set_value(other); });
    if (comes.wait_for(first_word_limit) == std::future_status::ready && (other_ = comes.get()))
      return {};
    drop();
    return caf::sec::cannot_connect_to_node;
  }

  void drop() {
    other_ = nullptr;
    if (auto link = std::exchange(link_, nullptr))
      link->close();
  }

  cluster_key key_;
  std::string name_;
  endpoint where_; // the link leads
  std::shared_ptr<remote_link> link_;
  caf::strong_actor_ptr other_; // its end's node actor
};

} // namespace

connector_actor spawn_connector(caf::actor_system& system, const cluster_key& key, const std::string& name) {
  return system.spawn<connector, caf::detached + caf::hidden>(key, name);
}

} // namespace synod
