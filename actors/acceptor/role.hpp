// The acceptor, as it is registered.
#pragma once

#include "synod/actors/node/registry.hpp"

namespace synod {

role_definition acceptor_role();

} // namespace synod
