// The key-value state machine, as it is registered.
#pragma once

#include "synod/actors/role/definition.hpp"

namespace synod {

state_machine_definition key_value_machine();

} // namespace synod
