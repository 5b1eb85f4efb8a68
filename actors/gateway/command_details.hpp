// What clients that ask are told of Redis's commands, beside what the gateway itself goes by.
#pragma once

#include "synod/actors/role/state_machine.hpp"

namespace synod {

struct command_details {
  const char* name;
  const char* flags = "";   ///< beside "write" or "readonly": "denyoom fast"
  const char* key_use = ""; ///< what becomes of its keys, as Redis says it: "RW access update"; of the next one behind a '|'
  const char* syntax = "";  ///< of its arguments, as `parse_syntax` reads it
};

/// Those of a command. A state machine's own one, that has no more than a name in common with Redis's or not even that, has none.
const command_details& details_of(const command_spec& x);

} // namespace synod
