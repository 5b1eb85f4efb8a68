#include "synod/actors/node/command_line.hpp"

#include <CLI/CLI.hpp>

#include <iostream>
#include <string>
#include <string_view>
#include <vector>

namespace synod {

std::optional<int> parse_command_line(CLI::App& app, int argc, char** argv) {
  // For "--name=" the library would take the next argument as the value.
  for (int i = 1; i < argc; ++i)
    if (std::string_view each{argv[i]}; each.starts_with("--") && each.ends_with('=') && each.find('=') == each.size() - 1)
      return bad_arguments(std::string{each.substr(0, each.size() - 1)} + " has an empty value\nSee " + app.get_name()
                           + " --help.");
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::Success& asked) {
    return app.exit(asked);
  } catch (const CLI::ParseError& problem) {
    // The library says only that one is missing.
    auto unknown = app.get_subcommands().empty() ? app.remaining() : std::vector<std::string>{};
    auto is_command = app.get_require_subcommand_min() > 0 && !unknown.empty() && !unknown.front().starts_with('-');
    auto why = is_command ? "There is no command '" + unknown.front() + "'" : std::string{problem.what()};
    return bad_arguments(why + "\nSee " + app.get_name() + " --help.");
  }
}

int bad_arguments(const std::string& why) {
  std::cerr << "error: " << why << std::endl;
  return exit_status::bad_arguments;
}

} // namespace synod
