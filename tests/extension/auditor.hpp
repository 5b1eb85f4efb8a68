// A user's role: checks that replicas agree.
#pragma once

#include <synod/actors/node/registry.hpp>

namespace bank {

synod::role_definition auditor_role();

} // namespace bank
