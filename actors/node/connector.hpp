// Connections to other nodes that do not wait for each other.
#pragma once

#include "synod/actors/node/admission.hpp"

#include <caf/io/all.hpp>

#include <functional>
#include <string>

namespace synod {

/// How long a connection may take to come up, and then the other end to take this one, and to say something.
constexpr std::chrono::milliseconds connect_limit{1000};
constexpr std::chrono::milliseconds admission_limit{3000};
constexpr std::chrono::milliseconds first_word_limit{3000};

/// A middleman actor of its own for one peer (connect_atom, host, port): CAF's shared one connects one after the other and waits
/// for the kernel's two minutes. Each connection shows first that it comes from this cluster, and so does the other end; if not,
/// the error is caf::sec::invalid_argument, and says why. `name`: this node's; empty: a tool.
caf::io::middleman_actor spawn_connector(caf::actor_system& system, const cluster_key& key, const std::string& name);

/// What of CAF's holds all connections with other nodes: without it there are none.
caf::actor connection_broker(caf::actor_system& system);

/// An exception out of that ends the process by `fatal`, with its text, where CAF would end the actor without one.
void watch_connection_broker(caf::actor_system& system, std::function<void(const std::string& why)> fatal);

/// Gives a connection that this node has let in to CAF, which answers with the node actor.
void take_connection(caf::actor_system& system, int socket, uint16_t port, const caf::strong_actor_ptr& node);

} // namespace synod
