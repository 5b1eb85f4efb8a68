// What an operator wants to be changed.
#pragma once

#include "synod/messages/configuration.hpp"
#include "synod/messages/node.capnp.h"

#include <functional>
#include <string>

namespace synod {

/// What the change asked for makes of a configuration, or why it cannot be had.
struct changed_configuration {
  configuration next;
  std::string refusal;   ///< empty: `next` can be proposed
  bool may_come = false; ///< a node that is to be added has not joined: it may do so yet
};

/// A node that has joined, and is no member yet: its id, name, address and roles, as it has greeted; null: there is none of that
/// name.
using guest_finder = std::function<const member*(const std::string& name)>;

changed_configuration change(const configuration& now, schema::Change::Reader asked, const guest_finder& guests);

/// Why this configuration would be none that can go on: of its acceptors, replicas and leaders too few are among `reached`.
/// Empty: enough are.
std::string too_few(const configuration& next, const node_set& reached);

} // namespace synod
