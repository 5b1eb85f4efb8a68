// The leader, as it is registered.
#pragma once

#include "synod/actors/node/registry.hpp"

namespace synod {

role_definition leader_role();

} // namespace synod
