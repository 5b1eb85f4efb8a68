// What a role tells of itself to synod-ctl status, and of a slot to synod-ctl explain.
#pragma once

#include "synod/messages/message.hpp"
#include "synod/messages/node.capnp.h"

#include <initializer_list>
#include <string>
#include <variant>
#include <vector>

namespace synod {

/// One metric: a name, and a number or a text.
struct status_entry {
  const char* name;
  std::variant<int64_t, std::string> value;
};

message<schema::RoleStatus> role_status(const char* role, std::initializer_list<status_entry> entries);
message<schema::RoleStatus> role_status(const char* role, const std::vector<status_entry>& entries);

} // namespace synod
