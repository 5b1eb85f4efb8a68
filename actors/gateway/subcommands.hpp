// Commands that have subcommands: CLIENT, COMMAND, CONFIG.
#pragma once

#include "synod/actors/gateway/local_commands.hpp"

namespace synod {

std::span<const gateway_command> client_subcommands();
std::span<const gateway_command> command_subcommands();
std::span<const gateway_command> config_subcommands();

/// COMMAND without a subcommand.
void tell_all_commands(local_context& of, arguments args, resp::writer out);

/// HELP of a command: each subcommand with its arguments, and what it does.
void tell_help(std::span<const gateway_command> subcommands, resp::writer out);

/// An integer from `least` to `most`.
std::optional<int64_t> parse_between(std::string_view text, int64_t least, int64_t most);

} // namespace synod
