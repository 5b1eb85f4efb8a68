// What keeps a role alive, and what ends it.
#pragma once

#include "synod/actors/role/environment.hpp"

#include <caf/all.hpp>

#include <functional>
#include <string>

namespace synod {

/// Whole or gone: called by every role in its `make_behavior`, a user's too. From then on nothing that another role sends ends
/// this one: not a message that no handler takes (it is dropped, and not answered with an error that might end its sender), not
/// an error that comes back for something that was sent (the receiver has no handler for it), not an exit message of somebody
/// else's. An exception out of one of its own handlers ends the process, with the reason: it is never left running without
/// the role. Its node ends it by `anon_send_exit`.
void robust(caf::scheduled_actor& self, environment_ptr environment);

/// The same for what is no role: `fatal` ends the process.
void robust(caf::scheduled_actor& self, std::function<void(const std::string& why)> fatal);

} // namespace synod
