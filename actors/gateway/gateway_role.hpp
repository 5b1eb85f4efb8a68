// The gateway, as it is registered.
#pragma once

#include "synod/actors/role/definition.hpp"

namespace synod {

role_definition gateway_role();

} // namespace synod
