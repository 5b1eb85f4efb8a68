// Connections to other nodes that do not wait for each other.
#pragma once

#include <caf/io/all.hpp>

namespace synod {

/// How long a connection may take to come up, and then the other end to say something.
constexpr std::chrono::milliseconds connect_limit{1000};
constexpr std::chrono::milliseconds first_word_limit{3000};

/// A middleman actor of its own for one peer: CAF's shared one connects one after the
/// other and waits for the kernel's two minutes (connect_atom, host, port).
caf::io::middleman_actor spawn_connector(caf::actor_system& system);

} // namespace synod
