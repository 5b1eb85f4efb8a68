#include "synod/actors/node/command_line.hpp"

#include <CLI/CLI.hpp>
#include <caf/all.hpp>

#include <iostream>

namespace synod {

std::optional<int> parse_command_line(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::Success& asked) {
    return app.exit(asked);
  } catch (const CLI::ParseError& problem) {
    return bad_arguments(std::string{problem.what()} + "\nSee " + app.get_name() + " --help.");
  }
}

int bad_arguments(const std::string& why) {
  std::cerr << "error: " << why << std::endl;
  return exit_status::bad_arguments;
}

std::string text_of(const caf::error& problem) {
  std::string text;
  auto context = problem.context();
  context.apply([&](const std::string& x) { text = x; });
  return text.empty() ? to_string(problem) : text;
}

} // namespace synod
