// The replica, as it is registered.
#pragma once

#include "synod/actors/node/registry.hpp"

namespace synod {

role_definition replica_role();

} // namespace synod
