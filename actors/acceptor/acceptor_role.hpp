// The acceptor, as it is registered.
#pragma once

#include "synod/actors/acceptor/acceptor.hpp"
#include "synod/actors/role/definition.hpp"

namespace synod {

role_definition acceptor_role();

/// What the built-in role makes of its context, for a role that is a variant of it.
acceptor::options acceptor_options(const role_context& context);
std::unique_ptr<storage> acceptor_storage(const role_context& context);

} // namespace synod
