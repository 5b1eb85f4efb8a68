// Commands that have subcommands: CLIENT, COMMAND, CONFIG.
#pragma once

#include "synod/actors/gateway/local_commands.hpp"

namespace synod {

void client_command(local_context& of, arguments args, resp::writer out);
void command_command(local_context& of, arguments args, resp::writer out);
void config_command(local_context& of, arguments args, resp::writer out);

/// What a client may call itself: no blanks, nothing that does not print.
bool is_client_text(std::string_view text);

} // namespace synod
