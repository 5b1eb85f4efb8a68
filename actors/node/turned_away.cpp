#include "synod/actors/node/turned_away.hpp"

#include <spdlog/fmt/fmt.h>

#include <utility>

namespace synod {

std::optional<std::string> turned_away::refused(const std::string& from, const std::string& name, const std::string& why,
                                                time_point now) {
  std::lock_guard guard{mutex_};
  auto known = config_->find(name) != nullptr; // Nobody else's words get into the log.
  auto text = fmt::format("a connection from {}{} is refused: {}", from, known ? " that says it is node " + name : "", why);
  if (known)
    nodes_[name] = {text, now};
  auto [told, first] = told_.try_emplace(known ? name : std::string{}, telling{now});
  if (!first && now - told->second.last < log_interval) {
    ++told->second.untold;
    return std::nullopt;
  }
  told->second.last = now;
  if (auto others = std::exchange(told->second.untold, 0))
    text += fmt::format(" ({} more since the last one that was told)", others);
  return text;
}

void turned_away::let_in(const std::string& name) {
  std::lock_guard guard{mutex_};
  nodes_.erase(name);
}

std::string turned_away::why(const std::string& name, time_point now) const {
  std::lock_guard guard{mutex_};
  auto found = nodes_.find(name);
  return found == nodes_.end() || now - found->second.when > remembered_for ? std::string{} : found->second.text;
}

} // namespace synod
