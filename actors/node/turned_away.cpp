#include "synod/actors/node/turned_away.hpp"

#include <spdlog/fmt/fmt.h>

namespace synod {

std::optional<std::string> turned_away::refused(const std::string& from, const std::string& name, const std::string& why,
                                                time_point now) {
  std::lock_guard guard{mutex_};
  auto known = config_->find(name) != nullptr; // Nobody else's words get into the log.
  auto text = fmt::format("a connection from {}{} is refused: {}", from, known ? " that says it is node " + name : "", why);
  if (known)
    nodes_[name] = {text, now};
  return told_[known ? name : std::string{}].line(text, now);
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
