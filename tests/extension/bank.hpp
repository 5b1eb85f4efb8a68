// A user's state machine: accounts that never go below zero.
#pragma once

#include <synod/actors/role/definition.hpp>

namespace bank {

synod::state_machine_definition bank_machine();

} // namespace bank
