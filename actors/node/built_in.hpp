// The roles and state machines that come with Synod.
#pragma once

#include "synod/actors/role/registry.hpp"

namespace synod {

/// Replica, leader, acceptor, gateway; the key-value state machine. A program adds its own.
registry built_in();

} // namespace synod
