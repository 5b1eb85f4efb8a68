// Commands as they lie in decided batches.
#pragma once

#include "synod/actors/role/state_machine.hpp"

namespace synod {

/// The arguments of one command as views, in storage that is used again; valid until the next call in this thread.
arguments arguments_of(capnp::List<capnp::Data>::Reader list);

} // namespace synod
