#include "synod/actors/node/agreement.hpp"

#include <algorithm>
#include <set>
#include <sstream>

namespace synod {

namespace {

std::string line_of(const node_description& x) {
  auto line = "node " + std::to_string(x.id) + " is '" + x.name + "' at " + to_string(x.address) + " with";
  for (auto& role : std::set<std::string>{x.roles.begin(), x.roles.end()})
    line.append(" ").append(role);
  return line;
}

std::set<std::string> lines_of(const std::string& text) {
  std::set<std::string> all;
  std::istringstream in{text};
  for (std::string line; std::getline(in, line);)
    all.insert(std::move(line));
  return all;
}

/// The first line of one that the other has not.
std::string first_beyond(const std::set<std::string>& all, const std::set<std::string>& others) {
  auto found = std::find_if(all.begin(), all.end(), [&](auto& x) { return !others.contains(x); });
  return found == all.end() ? "nothing beyond" : *found;
}

} // namespace

std::string agreement_of(const cluster& config) {
  std::set<std::string> lines{
    "cluster '" + config.name + "'",
    "state machine " + config.state_machine,
    "WINDOW " + std::to_string(config.options_of("replica").number("window")),
    "session-lifetime " + std::to_string(config.options_of("replica").duration("session-lifetime").count()) + " ms",
  };
  for (auto& [name, value] : config.machine_options.all())
    lines.insert("state machine's " + name + " " + value);
  for (auto& each : config.nodes)
    lines.insert(line_of(each));
  std::string text;
  for (auto& each : lines)
    text.append(each).append("\n");
  return text;
}

std::string disagreement(const std::string& here, const std::string& there) {
  if (here == there)
    return {};
  auto mine = lines_of(here), others = lines_of(there);
  return "the cluster files differ: here it is \"" + first_beyond(mine, others) + "\", there \"" + first_beyond(others, mine)
         + "\"";
}

} // namespace synod
