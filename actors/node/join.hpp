// How a new node gets to know the cluster that it joins.
#pragma once

#include "synod/actors/role/cluster.hpp"
#include "synod/messages/message.hpp"
#include "synod/messages/node.capnp.h"

#include <caf/all.hpp>

namespace synod {

/// What a member tells one that joins.
struct told_members {
  configurations all;
  std::string origin; ///< of the cluster (cluster.hpp)
};

/// The configurations that a member of the cluster knows, and where it began: asks those that the file names, one after the
/// other, until one tells, and says on standard error whom it waits for. An error: the cluster is another one than the file says,
/// or has such a node, or had one. Blocks.
caf::expected<told_members> ask_members(const cluster& file, const std::string& self);

/// The greeting of the node at that address, as a tool gets it; null, and why. Blocks.
message<schema::Hello> ask_greeting(caf::scoped_actor& asker, const cluster& file, const endpoint& where, std::string& problem);

} // namespace synod
