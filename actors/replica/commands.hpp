// Commands as they lie in decided batches.
#pragma once

#include "synod/actors/replica/state_machine.hpp"

namespace synod {

/// True if the words are Requests that can be read through: the check of is_sound, by hand because every command passes
/// here at every replica.
bool are_sound(std::span<const uint64_t> requests);

/// The arguments of one command as views, in storage that is used again; valid until the next call in this thread.
arguments arguments_of(capnp::List<capnp::Data>::Reader list);

} // namespace synod
