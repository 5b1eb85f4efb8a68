// The acceptor, as it is registered.
#pragma once

#include "synod/actors/acceptor/acceptor.hpp"
#include "synod/actors/role/definition.hpp"

namespace synod {

role_definition acceptor_role();

/// What the built-in role makes of its context, for a role that is a variant of it.
acceptor::options acceptor_options(const role_context& context);
/// Opens the log, which may take its time, and remembers what is in it; an error when it cannot be used.
caf::expected<acceptor::memory> acceptor_memory(const role_context& context);

} // namespace synod
