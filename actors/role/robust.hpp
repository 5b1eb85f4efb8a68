// What keeps a role alive, and what ends it.
#pragma once

#include "synod/actors/role/definition.hpp"

#include <caf/all.hpp>

#include <functional>
#include <string>
#include <utility>

namespace synod {

/// Whole or gone: called by every role in its `make_behavior`, or for it (`spawn_role`). From then on nothing that another role
/// sends ends this one: not a message that no handler takes (it is dropped, and not answered with an error that might end its
/// sender), not an error that comes back for something that was sent (the receiver has no handler for it), not an exit message of
/// somebody else's. An exception out of one of its own handlers ends the process, with the reason: it is never left running
/// without the role. Its node ends it by `anon_send_exit`.
void robust(caf::scheduled_actor& self, environment_ptr environment);

/// For a part of a role that is an actor of its own, as a scout: an exception out of one of its handlers ends the process, too.
void robust_part(caf::scheduled_actor& self, environment_ptr environment);

/// The same for what is no role: `fatal` ends the process.
void robust(caf::scheduled_actor& self, std::function<void(const std::string& why)> fatal);

/// A role that is robust, whatever its author thought of.
template <class Role>
class robust_role : public Role {
public:
  template <class... Ts>
  robust_role(caf::actor_config& config, environment_ptr environment, Ts&&... xs)
    : Role{config, std::forward<Ts>(xs)...}, environment_{std::move(environment)} {}

  typename Role::behavior_type make_behavior() override {
    robust(*this, environment_); // First: handlers of its own go before.
    return Role::make_behavior();
  }

private:
  environment_ptr environment_;
};

/// Spawns a user's role, as `role_definition::spawn` does: `Role` is a typed actor class, its constructor takes
/// `caf::actor_config&` and `xs`.
template <class Role, class... Ts>
caf::expected<caf::actor> spawn_role(const role_context& context, Ts&&... xs) {
  auto spawned = context.environment->system().spawn<robust_role<Role>>(context.environment, std::forward<Ts>(xs)...);
  return caf::actor_cast<caf::actor>(spawned);
}

} // namespace synod
