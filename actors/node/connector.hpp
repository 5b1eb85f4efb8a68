// Connections to other nodes that do not wait for each other.
#pragma once

#include "synod/actors/node/admission.hpp"

#include <caf/all.hpp>

#include <chrono>
#include <string>

namespace synod {

/// How long a connection may take to come up, and then the other end to take this one, and to show its node actor.
constexpr std::chrono::milliseconds connect_limit{1000};
constexpr std::chrono::milliseconds admission_limit{3000};
constexpr std::chrono::milliseconds first_word_limit{3000};

/// For one peer, in a thread of its own; answers with the other end's node actor. Each connection shows first that it comes from
/// this cluster, and so does the other end; if not, the error is caf::sec::invalid_argument, and says why. A connection lasts
/// when its connector has ended, and while it lasts there is no second one.
using connector_actor =
  caf::typed_actor<caf::replies_to<caf::connect_atom, std::string, uint16_t>::with<caf::strong_actor_ptr>>; // host, port

/// `name`: this node's; empty: a tool.
connector_actor spawn_connector(caf::actor_system& system, const cluster_key& key, const std::string& name);

} // namespace synod
