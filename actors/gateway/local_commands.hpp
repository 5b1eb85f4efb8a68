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

/// What is wrong with what a client calls itself or its library, if anything: blanks, what does not print, and more than
/// `client_text_limit_bytes`, as any client may ask for the texts of all.
constexpr size_t client_text_limit_bytes = 1024;
std::string problem_with_client_text(const std::string& what, std::string_view text);

} // namespace synod
