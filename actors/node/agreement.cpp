#include "synod/actors/node/agreement.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <string_view>

namespace synod {

namespace {

// Then the option's name, and its value.
constexpr std::string_view option_line_begin = "state machine's ";
constexpr std::string_view member_line_begin = "node ";
constexpr std::string_view window_line_begin = "WINDOW ";
constexpr std::string_view origin_line_begin = "restored from ";

/// The roles that decide; where the others are does not matter.
std::string members_at(const member& x) {
  std::string roles;
  for (auto* role : {"acceptor", "leader", "replica"})
    if (x.has(role))
      roles.append(" ").append(role);
  return roles;
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

std::set<std::string> all_lines(const cluster& config) {
  std::set<std::string> lines{
    "cluster '" + config.name + "'",
    std::string{window_line_begin} + std::to_string(config.options_of("replica").number("window")),
    "state machine " + config.state_machine,
    "session-lifetime " + std::to_string(config.options_of("replica").duration("session-lifetime").count()) + " ms",
  };
  auto& leader = config.options_of("leader");
  if (auto lease = leader.duration("lease"); lease.count() > 0)
    lines.insert(fmt::format("lease {} ms, clocks {} millionths wrong", lease.count(), leader.number("lease-clock-drift")));
  for (auto& [name, value] : config.machine_options.all())
    lines.insert(fmt::format("{}{} {}", option_line_begin, name, value));
  if (!config.origin.empty())
    lines.insert(std::string{origin_line_begin} + config.origin);
  auto members = config.members();
  for (auto& each : members.latest().nodes())
    if (auto roles = members_at(each); !roles.empty())
      lines.insert(fmt::format("node {} is '{}' with{}", each.id, each.name, roles));
  return lines;
}

std::string text_of(const std::set<std::string>& lines) {
  std::string text;
  for (auto& each : lines)
    text.append(each).append("\n");
  return text;
}

} // namespace

std::string agreement_of(const cluster& config) {
  return text_of(all_lines(config));
}

std::string without_members(const std::string& agreement) {
  auto lines = lines_of(agreement);
  std::erase_if(lines, [](auto& x) { return x.starts_with(member_line_begin); });
  return text_of(lines);
}

std::string origin_in(const std::string& agreement) {
  for (auto& each : lines_of(agreement))
    if (each.starts_with(origin_line_begin))
      return each.substr(origin_line_begin.size());
  return {};
}

std::optional<std::pair<std::string, std::string>> disagreement(const std::string& here, const std::string& there) {
  if (here == there)
    return std::nullopt;
  auto mine = lines_of(here), others = lines_of(there);
  return std::pair{first_beyond(mine, others), first_beyond(others, mine)};
}

std::optional<std::pair<std::string, std::string>> change_since(const std::string& begun, const std::string& now) {
  auto before = lines_of(begun), after = lines_of(now);
  auto has_window = std::any_of(before.begin(), before.end(), [](auto& x) { return x.starts_with(window_line_begin); });
  std::erase_if(after, [&](const std::string& line) {
    if (line.starts_with(window_line_begin) && !has_window)
      return true;
    if (!line.starts_with(option_line_begin) || before.contains(line))
      return false;
    auto option = line.substr(0, line.find(' ', option_line_begin.size()) + 1);
    return std::none_of(before.begin(), before.end(), [&](auto& each) { return each.starts_with(option); });
  });
  if (before == after)
    return std::nullopt;
  return std::pair{first_beyond(before, after), first_beyond(after, before)};
}

} // namespace synod
