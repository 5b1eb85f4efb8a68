// Nodes that say what the test wants.
#pragma once

#include "../../apps/synod-ctl/asking.hpp"
#include "synod/messages/status.hpp"

#include <string>
#include <vector>

namespace synod::test {

using role_told = std::pair<std::string, std::vector<status_entry>>;

inline ctl::answer reached(const std::string& name, node_id id, const std::vector<role_told>& roles,
                           const std::vector<std::pair<std::string, std::string>>& connections = {}) {
  ctl::answer x;
  x.node = {name, id, {"127.0.0.1", 7301}, {}, {}};
  builder<schema::NodeStatus> built;
  built->setNode(name);
  built->setVersion("0.1.0");
  built->setUptimeMs(3'723'000);
  built->setResidentBytes(150u << 20);
  auto list = built->initRoles(static_cast<unsigned>(roles.size()));
  for (unsigned i = 0; i < list.size(); ++i) {
    x.node.roles.push_back(roles[i].first);
    list.setWithCaveats(i, *role_status(roles[i].first.c_str(), roles[i].second));
  }
  // To a node with "up", "down", or why it is not taken.
  auto links = built->initConnections(static_cast<unsigned>(connections.size()));
  for (unsigned i = 0; i < links.size(); ++i) {
    links[i].setNode(connections[i].first);
    links[i].setUp(connections[i].second == "up");
    if (connections[i].second != "up" && connections[i].second != "down")
      links[i].setProblem(connections[i].second);
  }
  x.status = built.finish();
  return x;
}

inline ctl::answer not_reached(const std::string& name, node_id id, const std::string& why) {
  return {{name, id, {"127.0.0.1", 7303}, {}, {"replica"}}, {}, why};
}

inline bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace synod::test
