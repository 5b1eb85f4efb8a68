// A user's role: checks that replicas agree.
#pragma once

#include <synod/actors/role/definition.hpp>

namespace bank {

synod::role_definition auditor_role();

} // namespace bank
