// Commands that have subcommands: CLIENT, COMMAND, CONFIG.
#pragma once

#include "synod/actors/gateway/local_commands.hpp"

namespace synod {

std::span<const gateway_command> client_subcommands();
std::span<const gateway_command> command_subcommands();
std::span<const gateway_command> config_subcommands();

/// What a client asks for in one command is told while others wait, so there is not to be much of it: no more names than
/// `most_names`, and patterns of `most_pattern_bytes`. Above that an error is answered, and false is returned.
constexpr size_t most_names = 512;
constexpr size_t most_pattern_bytes = 1024;
bool are_few(arguments names, resp::writer out);
bool is_short(std::string_view pattern, resp::writer out);

/// COMMAND without a subcommand.
void tell_all_commands(local_context& of, arguments args, resp::writer out);

/// HELP of a command: each subcommand with its arguments, and what it does.
void tell_help(std::span<const gateway_command> subcommands, resp::writer out);

/// An integer from `least` to `most`.
std::optional<int64_t> parse_between(std::string_view text, int64_t least, int64_t most);

} // namespace synod
