// synod-ctl: looks at a running cluster, and at data directories.
#include "synod/actors/node/built_in.hpp"
#include "synod/actors/node/cluster_file.hpp"
#include "synod/actors/node/command_line.hpp"
#include "synod/actors/node/connector.hpp"
#include "synod/actors/node/local_disk.hpp"
#include "synod/actors/node/system_config.hpp"
#include "synod/actors/node/verify.hpp"
#include "synod/actors/role/error_text.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <iostream>

namespace {

using synod::message;
namespace schema = synod::schema;

constexpr std::chrono::seconds answer_limit{5};

/// What one node says of itself.
struct answer {
  message<schema::NodeStatus> status; // null: it is not reached, and
  std::string problem;                // why not
};

answer ask(caf::scoped_actor& self, const synod::cluster& config, const synod::endpoint& where) {
  answer got;
  caf::strong_actor_ptr node;
  auto failed = [&](const caf::error& why) { got.problem = synod::text_of(why); };
  auto connector = synod::spawn_connector(self->system(), synod::key_of(config), {});
  self->request(connector, answer_limit, caf::connect_atom::value, where.host, where.port)
    .receive([&](const caf::node_id&, const caf::strong_actor_ptr& found, const std::set<std::string>&) { node = found; },
             failed);
  if (node)
    self->request(caf::actor_cast<synod::node_actor>(node), answer_limit, synod::status_atom_v)
      .receive([&](const message<schema::NodeStatus>& found) { got.status = found; }, failed);
  self->send_exit(connector, caf::exit_reason::user_shutdown);
  return got;
}

/// Those that the cluster file gives the node, and that did not tell of themselves.
std::vector<std::string> silent_roles(const synod::node_description& node, const message<schema::NodeStatus>& status) {
  auto silent = node.roles;
  for (auto role : status->getRoles())
    std::erase(silent, std::string{role.getRole().cStr()});
  return silent;
}

nlohmann::json to_json(const synod::node_description& node, const answer& got) {
  auto& status = got.status;
  nlohmann::json result{{"node", node.name}, {"address", to_string(node.address)}, {"reached", static_cast<bool>(status)}};
  if (!status) {
    result["problem"] = got.problem;
    return result;
  }
  result["version"] = status->getVersion().cStr();
  for (auto role : status->getRoles())
    for (auto entry : role.getEntries()) {
      auto& to = result["roles"][role.getRole().cStr()][entry.getName().cStr()];
      if (entry.isNumber())
        to = entry.getNumber();
      else
        to = entry.getText().cStr();
    }
  for (auto& role : silent_roles(node, status))
    result["silent"].push_back(role);
  for (auto each : status->getConnections())
    result["connections"][each.getNode().cStr()] = each.getUp();
  for (auto each : status->getConnections())
    if (each.getProblem().size() > 0)
      result["problems"][each.getNode().cStr()] = each.getProblem().cStr();
  return result;
}

void print(const synod::node_description& node, const answer& got) {
  auto& status = got.status;
  std::cout << "node " << node.name << " at " << to_string(node.address) << (status ? "" : ": not reached: " + got.problem)
            << "\n";
  if (!status)
    return;
  for (auto role : status->getRoles()) {
    std::cout << "  " << role.getRole().cStr() << ":";
    const char* separator = " ";
    for (auto entry : role.getEntries()) {
      std::cout << separator << entry.getName().cStr() << " ";
      if (entry.isNumber())
        std::cout << entry.getNumber();
      else
        std::cout << entry.getText().cStr();
      separator = ", ";
    }
    std::cout << "\n";
  }
  for (auto& role : silent_roles(node, status))
    std::cout << "  PROBLEM: role " << role << " of the cluster file is not there, or does not answer\n";
  if (status->getConnections().size() > 0) {
    std::cout << "  connections:";
    for (auto each : status->getConnections())
      std::cout << " " << each.getNode().cStr() << (each.getUp() ? " up" : " down");
    std::cout << "\n";
    for (auto each : status->getConnections())
      if (each.getProblem().size() > 0)
        std::cout << "  PROBLEM: node " << each.getNode().cStr() << " is not taken: " << each.getProblem().cStr() << "\n";
  }
}

/// Prints the status of the nodes; 1 when one was not reached.
int show_status(const synod::cluster& config, const std::string& only, bool json) {
  synod::system_config settings;
  caf::actor_system system{settings};
  caf::scoped_actor self{system};
  auto all = nlohmann::json::array();
  bool reached_all = true;
  for (auto& node : config.nodes) {
    if (!only.empty() && node.name != only)
      continue;
    auto got = ask(self, config, node.address);
    reached_all &= static_cast<bool>(got.status);
    json ? all.push_back(to_json(node, got)) : print(node, got);
  }
  if (json)
    std::cout << all.dump(2) << "\n";
  std::cout.flush();
  return reached_all ? synod::exit_status::clean : synod::exit_status::failed;
}

/// Prints what is found in a data directory, as it is found; 1 when something is wrong.
int show_directory(const std::string& directory, bool json) {
  synod::local_disk files;
  auto all = nlohmann::json::array();
  auto good = synod::verify_data_directory(synod::built_in(), files, directory, [&](const synod::finding& x) {
    if (json)
      all.push_back({{"part", x.part}, {"text", x.text}, {"problem", x.is_problem}});
    else
      std::cout << (x.is_problem ? "PROBLEM: " : "") << x.part << ": " << x.text << std::endl;
  });
  if (json)
    std::cout << nlohmann::json{{"directory", directory}, {"good", good}, {"findings", all}}.dump(2) << std::endl;
  else
    std::cout << directory << (good ? ": nothing is wrong" : ": something is wrong") << std::endl;
  return good ? synod::exit_status::clean : synod::exit_status::failed;
}

} // namespace

int main(int argc, char** argv) {
  std::string config_file, node, directory;
  bool json = false;
  CLI::App app{"Looks at a Synod cluster, and at what its nodes have stored.", "synod-ctl"};
  app.add_option("--config-file", config_file, "The cluster file (not for verify)");
  app.add_option("--node", node, "Only this node");
  app.add_flag("--json", json, "Print JSON");
  app.set_version_flag("--version", std::string{SYNOD_VERSION});
  auto* status = app.add_subcommand("status", "Who leads, ballots, slot_in and slot_out of every replica, connections");
  auto* verify =
    app.add_subcommand("verify", "Reads a node's data directory while the node does not run, changes nothing, and says"
                                 " what is there and what is wrong with it");
  verify->add_option("DIR", directory, "The data directory")->required();
  app.require_subcommand(1);
  for (auto* each : {status, verify})
    each->fallthrough(); // Options may stand behind it, too.
  if (auto exit = synod::parse_command_line(app, argc, argv))
    return *exit;
  if (verify->parsed())
    return show_directory(directory, json);
  if (config_file.empty())
    return synod::bad_arguments("--config-file is required");
  auto config = synod::read_cluster(config_file, synod::built_in().accept_unknown());
  if (!config)
    return synod::bad_arguments(synod::text_of(config.error()));
  if (!node.empty() && !config->find(node))
    return synod::bad_arguments("unknown node '" + node + "'");
  if (status->parsed())
    return show_status(*config, node, json);
  return synod::exit_status::bad_arguments;
}
