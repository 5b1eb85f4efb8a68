// synod-ctl changes which nodes a cluster has, and which one leads.
#pragma once

#include "synod/actors/role/cluster.hpp"
#include "synod/messages/message.hpp"
#include "synod/messages/node.capnp.h"

#include <string>

namespace synod::ctl {

/// Has a member carry it out, `only` if that is not empty, and says on standard error what it waits for. Prints what has become
/// of it; gives the exit status.
int change_members(const cluster& file, const std::string& only, builder<schema::Change>& what, bool json);

/// The leader of that node becomes the active one.
int move_leader(const cluster& file, const std::string& to, bool json);

} // namespace synod::ctl
