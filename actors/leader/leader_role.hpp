// The leader, as it is registered.
#pragma once

#include "synod/actors/leader/leader.hpp"
#include "synod/actors/role/definition.hpp"

namespace synod {

role_definition leader_role();

/// What the built-in role makes of its context, for a role that is a variant of it.
leader::options leader_options(const role_context& context);

} // namespace synod
