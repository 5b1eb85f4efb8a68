// The value of a slot.
#pragma once

#include "synod/messages/message.hpp"
#include "synod/messages/paxos.capnp.h"

namespace synod {

/// Most requests in a batch: a session that one of them opens has the id slot * most_requests + the request's place. The
/// operations of a request are bounded by its bytes alone (`waiting_limit_bytes` of who takes it, and `message_limit_bytes`).
constexpr uint64_t most_requests = 65536;

/// The same for the same value, however it is laid out in its message, and very probably for that one alone.
uint64_t fingerprint(schema::Batch::Reader value);

/// Whether two slots' values are the same.
bool same_value(schema::Batch::Reader a, schema::Batch::Reader b);

/// A request out of a batch, as a message of its own.
message<schema::Request> copy_of(schema::Request::Reader x);

} // namespace synod
