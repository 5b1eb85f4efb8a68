#include "synod/actors/node/known_nodes.hpp"

#include "synod/actors/role/durable_message.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

namespace synod {

caf::error known_nodes::open(disk& files, const std::filesystem::path& directory) {
  path_ = directory / file_name;
  auto names = files.list(directory);
  if (!names)
    return names.error();
  if (std::find(names->begin(), names->end(), file_name) == names->end())
    return write_in_place(files, path_, content());
  auto found = read_message<schema::KnownNodes>(files, path_);
  if (!found)
    return found.error();
  for (auto& [node, token] : tokens_of(**found)) {
    if (node.empty() || token == 0)
      return damaged_message(path_);
    met_[node] = {token, true};
  }
  return write_in_place(files, path_, content()); // An earlier process may have been killed before it had synced it.
}

std::optional<known_nodes::difference> known_nodes::differs(const tokens& told) const {
  for (auto& [node, token] : told)
    if (auto found = met_.find(node); found != met_.end() && found->second.token != token)
      return difference{node, found->second.token, token};
  return std::nullopt;
}

bool known_nodes::has(const tokens& told) const {
  return std::all_of(told.begin(), told.end(), [&](auto& x) {
    auto found = met_.find(x.first);
    return found != met_.end() && found->second.durably;
  });
}

std::function<caf::error()> known_nodes::remember(disk& files, const tokens& told) {
  for (auto& [node, token] : told)
    met_.try_emplace(node, meeting{token, false});
  return [&files, path = path_, content = content()] { return write_in_place(files, path, content); };
}

void known_nodes::remembered(const tokens& told) {
  for (auto& [node, token] : told)
    met_.at(node).durably = true;
}

caf::error known_nodes::remember_now(disk& files, const tokens& told) {
  if (has(told))
    return caf::none;
  if (auto failure = remember(files, told)())
    return failure;
  remembered(told);
  return caf::none;
}

known_nodes::tokens known_nodes::all() const {
  tokens told;
  for (auto& [node, x] : met_)
    told[node] = x.token;
  return told;
}

void known_nodes::write(schema::KnownNodes::Builder to) const {
  auto list = to.initNodes(static_cast<unsigned>(met_.size()));
  unsigned i = 0;
  for (auto& [node, x] : met_) {
    list[i].setNode(node);
    list[i++].setToken(x.token);
  }
}

block_ptr known_nodes::content() const {
  builder<schema::KnownNodes> all;
  write(*all);
  return all.finish().content();
}

known_nodes::tokens tokens_of(schema::KnownNodes::Reader x) {
  known_nodes::tokens all;
  for (auto each : x.getNodes())
    all[each.getNode().cStr()] = each.getToken();
  return all;
}

bool is_remembered(const node_description& x) {
  return x.has("acceptor") || x.has("leader");
}

std::string another_directory(const known_nodes::difference& x) {
  return fmt::format(
    "the data directory of node '{}' is another one ({:016x}) than before ({:016x}). What that node had promised and "
    "accepted is lost with the old one, and writes that were acknowledged could be lost if it took part: bring "
    "its old data directory back, as that node left it; or let a node of another name take its place: start that one with "
    "--join, "
    "and say synod-ctl replace-node {} NAME",
    x.node, x.told, x.known, x.node);
}

} // namespace synod
