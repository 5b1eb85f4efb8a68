// A client's end of its conversation with replicas.
#pragma once

#include "timeline.hpp"

#include "synod/messages/roles.hpp"

#include <caf/all.hpp>

#include <functional>

namespace synod::simulation {

/// Hands on what it is sent, with the number of what it asked, if that is an answer; and returns the marks of replicas at once: a
/// simulated client is always ready for more.
class client_endpoint : public caf::monitorable_actor {
public:
  using handler = std::function<void(uint64_t number, const caf::message&)>;

  client_endpoint(caf::actor_config& config, handler take) : caf::monitorable_actor{config}, take_{std::move(take)} {}

  void enqueue(caf::mailbox_element_ptr what, caf::execution_unit*) override;

private:
  void return_mark(const caf::strong_actor_ptr& to, uint64_t mark);

  handler take_;
};

caf::actor make_client_endpoint(timeline& in, client_endpoint::handler take);

/// Sends a replica a message of that client.
template <class... Ts>
void send_as_client(const caf::actor& client, const caf::strong_actor_ptr& replica, const Ts&... xs) {
  caf::actor_cast<caf::abstract_actor*>(replica)->enqueue(caf::actor_cast<caf::strong_actor_ptr>(client), caf::make_message_id(),
                                                          caf::make_message(xs...), nullptr);
}

} // namespace synod::simulation
