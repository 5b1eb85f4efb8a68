// What the executables share: how they read their options, and how they end.
#pragma once

#include <optional>
#include <string>

namespace CLI {
class App;
}

namespace synod {

/// Exit status of every executable.
namespace exit_status {
constexpr int clean = 0;
constexpr int failed = 1;        ///< failure while running, or of this machine: it may work another time
constexpr int bad_arguments = 2; ///< bad configuration, options or data directory: it stays so
} // namespace exit_status

/// Reads the options; gives the exit status when the program is to end with it: help was asked for, or an option is bad.
std::optional<int> parse_command_line(CLI::App& app, int argc, char** argv);

/// Says what is wrong with the configuration or the options, and gives the exit status for it.
int bad_arguments(const std::string& why);

} // namespace synod
