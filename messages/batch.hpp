// The value of a slot.
#pragma once

#include "synod/messages/message.hpp"
#include "synod/messages/paxos.capnp.h"

namespace synod {

/// The same for the same value, however it is laid out in its message, and very probably for that one alone.
uint64_t fingerprint(schema::Batch::Reader value);

/// Whether two slots' values are the same.
bool same_value(schema::Batch::Reader a, schema::Batch::Reader b);

/// A request out of a batch, as a message of its own.
message<schema::Request> copy_of(schema::Request::Reader x);

} // namespace synod
