// The commands that a gateway answers by itself: about the connection, the server, transactions.
#pragma once

#include "synod/actors/gateway/services.hpp"

#include <span>
#include <string_view>

namespace synod {

/// What a local command sees of its connection, and may change.
struct local_context {
  client_state& client;
  transaction& queue;
  gateway_services& services;
  bool closes = false; ///< set: the connection ends behind this reply
};

/// Those commands, and WATCH and EXEC, which a connection performs.
std::span<const gateway_command> local_commands();

/// What a client may call itself: no blanks, nothing that does not print.
bool is_client_text(std::string_view text);

} // namespace synod
