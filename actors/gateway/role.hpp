// The gateway, as it is registered.
#pragma once

#include "synod/actors/node/registry.hpp"

namespace synod {

role_definition gateway_role();

} // namespace synod
