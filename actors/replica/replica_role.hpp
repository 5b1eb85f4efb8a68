// The replica, as it is registered.
#pragma once

#include "synod/actors/replica/replica.hpp"
#include "synod/actors/role/definition.hpp"

namespace synod {

role_definition replica_role();

// What the built-in role makes of its context, for a role that is a variant of it.
replica::options replica_options(const role_context& context);
/// What its snapshots lead to; tells the log of those that are damaged. Blocks.
caf::expected<restored_snapshots> restored_state(const role_context& context, const replica::options& options);

} // namespace synod
