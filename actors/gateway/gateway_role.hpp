// The gateway, as it is registered.
#pragma once

#include "synod/actors/gateway/gateway.hpp"
#include "synod/actors/role/definition.hpp"

namespace synod {

role_definition gateway_role();

/// What the cluster file says of a gateway that listens at `port`.
gateway::options gateway_options(const role_context& context, uint16_t port);

/// Spawns a gateway, or one that derives from it, with its clients' sockets.
template <class Gateway>
caf::expected<caf::actor> spawn_gateway(const role_context& context) {
  auto clients = context.environment->listen(*context.self.self().resp);
  if (!clients)
    return clients.error();
  auto spawned =
    context.environment->system().spawn<Gateway>(context.environment, *clients, gateway_options(context, (*clients)->port()));
  (*clients)->start();
  return caf::actor_cast<caf::actor>(spawned);
}

} // namespace synod
