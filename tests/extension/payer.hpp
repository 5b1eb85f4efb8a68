// A user's role with a client: a standing order.
#pragma once

#include <synod/actors/role/definition.hpp>

namespace bank {

synod::role_definition payer_role();

} // namespace bank
