#include "synod/actors/node/membership.hpp"

#include "synod/actors/role/durable_message.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

namespace synod {

namespace {

node_description description_of(const member& x, const cluster& file) {
  node_description found{x.name, x.id, {x.host, x.port}, {}, x.roles};
  if (auto* known = file.find(x.name))
    found.resp = known->resp;
  return found;
}

/// What all have to agree on: other roles may differ from file to file.
std::string deciding_lines(const configuration& x) {
  std::string text;
  for (auto& each : x.nodes()) {
    std::string roles;
    for (auto* role : {"acceptor", "leader", "replica"})
      if (each.has(role))
        roles.append(" ").append(role);
    if (!roles.empty())
      text += fmt::format("{} {}{}\n", each.id, each.name, roles);
  }
  return text;
}

} // namespace

caf::error membership::read(disk& files, const std::filesystem::path& directory) {
  auto names = files.list(directory);
  if (!names || std::find(names->begin(), names->end(), file_name) == names->end())
    return caf::none; // What is wrong with the directory others find.
  auto found = read_message<schema::KnownConfigurations>(files, directory / file_name);
  if (!found)
    return found.error();
  auto told = configurations_of((*found)->getLast());
  auto begun = configurations_of((*found)->getBeginning());
  if (told.empty())
    return damaged_message(directory / file_name);
  all_ = std::move(told);
  begun_ = std::move(begun);
  left_ = (*found)->getLeft();
  is_kept_ = true;
  return caf::none;
}

bool membership::learn(const configurations& told) {
  if (told.empty() || (!all_.empty() && told.latest().number() <= number()))
    return false;
  all_ = told;
  is_kept_ = false;
  held_by_.clear();
  return true;
}

void membership::told_durable(node_id replica, slot_number latest) {
  if (!all_.empty() && latest >= all_.latest_from() && all_.latest().replicas().contains(replica))
    held_by_.insert(replica);
}

bool membership::may_leave(node_id node) const {
  return was_removed(node) && held_by_.size() >= all_.latest().durable_needed();
}

std::function<caf::error()> membership::remember(disk& files, const std::filesystem::path& directory) const {
  builder<schema::KnownConfigurations> known;
  write(begun_, known->initBeginning());
  write(all_, known->initLast());
  known->setLeft(left_);
  return
    [&files, path = directory / file_name, content = known.finish().content()] { return write_message(files, path, content); };
}

bool follows(const configurations& later, const configurations& earlier) {
  auto from = earlier.latest_from();
  if (later.first_slot() > from)
    return true; // Nobody knows any more.
  return deciding_lines(later.ruling(from)) == deciding_lines(earlier.latest());
}

cluster membership::now(const cluster& file, node_id self) const {
  auto x = file;
  x.decided = all_;
  x.begun = begun_;
  if (number() == 0 && !begun_.empty())
    return x; // The addresses are those that this file gives.
  x.nodes.clear();
  for (auto& each : all_.latest().nodes())
    if (each.id != self)
      x.nodes.push_back(description_of(each, file));
  if (auto* own = file.find(self))
    x.nodes.push_back(*own);
  return x;
}

std::string membership::other_roles(const cluster& file, node_id self) const {
  auto* known = all_.empty() || number() == 0 ? nullptr : all_.latest().find(self);
  auto* own = file.find(self);
  if (!known || !own)
    return {};
  for (auto* role : {"acceptor", "leader", "replica"})
    if (known->has(role) != own->has(role))
      return fmt::format(
        "node '{}' has {}role {} in the cluster file, and {} in configuration {}: roles that decide are changed by "
        "replacing the node",
        own->name, own->has(role) ? "" : "no ", role, known->has(role) ? "has it" : "has not", number());
  return {};
}

std::string membership::contradiction(const cluster& file) const {
  if (number() == 0)
    return {};
  auto& now = all_.latest();
  for (auto& each : file.nodes) {
    auto* known = now.find(each.name);
    if (!known)
      return fmt::format("the cluster file names node '{}', which configuration {} has not got", each.name, now.number());
    if (known->id != each.id)
      return fmt::format("node '{}' has id {} in the cluster file, and {} in configuration {}", each.name, each.id, known->id,
                         now.number());
    if (auto where = to_string(endpoint{known->host, known->port}); where != to_string(each.address))
      return fmt::format("node '{}' is at {} in the cluster file, and at {} in configuration {}", each.name,
                         to_string(each.address), where, now.number());
  }
  for (auto& each : now.nodes())
    if (!file.find(each.name))
      return fmt::format("configuration {} has node '{}', which the cluster file does not name", now.number(), each.name);
  return {};
}

} // namespace synod
