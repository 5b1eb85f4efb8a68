// The value of a slot.
#pragma once

#include "synod/messages/message.hpp"
#include "synod/messages/paxos.capnp.h"

namespace synod {

/// Most requests in a batch: a session that one of them opens has the id slot * most_requests + the request's place. The
/// operations of a request are bounded by its bytes alone.
constexpr uint64_t most_requests = 65536;

/// Largest request that a replica takes, and largest pvalue that a leader takes: each with what is put around it, up to an
/// acceptor's piece, is less than a message may have.
constexpr size_t request_limit_bytes = message_limit_bytes - (4u << 20);
constexpr size_t pvalue_limit_bytes = message_limit_bytes - (2u << 20);

/// The same for the same value, however it is laid out in its message, and very probably for that one alone.
uint64_t fingerprint(schema::Batch::Reader value);

/// Whether two slots' values are the same.
bool same_value(schema::Batch::Reader a, schema::Batch::Reader b);

/// A request out of a batch, as a message of its own.
message<schema::Request> copy_of(schema::Request::Reader x);

} // namespace synod
