// The replica, as it is registered.
#pragma once

#include "synod/actors/replica/replica.hpp"
#include "synod/actors/role/definition.hpp"

namespace synod {

role_definition replica_role();

// What the built-in role makes of its context, for a role that is a variant of it.
replica::options replica_options(const role_context& context);
replicated_state initial_state(const role_context& context);

} // namespace synod
