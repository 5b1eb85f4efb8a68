// synod-ctl: looks at a running cluster, and at data directories; changes its members.
#include "asking.hpp"
#include "backup.hpp"
#include "changes.hpp"
#include "explain.hpp"
#include "status.hpp"

#include "synod/actors/node/built_in.hpp"
#include "synod/actors/node/cluster_file.hpp"
#include "synod/actors/node/command_line.hpp"
#include "synod/actors/node/local_disk.hpp"
#include "synod/actors/node/terminal_progress.hpp"
#include "synod/actors/node/verify.hpp"
#include "synod/actors/role/error_text.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <csignal>
#include <filesystem>
#include <iostream>
#include <limits>

namespace {

/// Prints the status of the nodes; 1 when one was not reached.
int show_status(const synod::cluster& config, const std::string& only, bool json) {
  auto answers = synod::ctl::ask_nodes(config, only);
  if (answers.empty())
    return synod::bad_arguments("unknown node '" + only + "'");
  if (json)
    std::cout << synod::ctl::status_json(answers).dump(2) << std::endl;
  else
    std::cout << synod::ctl::status_text(answers, static_cast<uint64_t>(config.options_of("replica").number("window")))
              << std::flush;
  return all_reached(answers) ? synod::exit_status::clean : synod::exit_status::failed;
}

/// Prints what became of a slot; 1 when a node was not reached.
int show_slot(const synod::cluster& config, const std::string& only, uint64_t slot, bool json) {
  auto answers = synod::ctl::ask_nodes(config, only, slot);
  if (answers.empty())
    return synod::bad_arguments("unknown node '" + only + "'");
  if (json)
    std::cout << synod::ctl::explain_json(slot, answers).dump(2) << std::endl;
  else
    std::cout << synod::ctl::explain_text(slot, answers) << std::flush;
  return all_reached(answers) ? synod::exit_status::clean : synod::exit_status::failed;
}

/// Prints what is found in a data directory, as it is found; 1 when something is wrong.
int show_directory(const std::string& directory, bool json) {
  synod::local_disk files;
  auto all = nlohmann::json::array();
  synod::terminal_progress progress;
  auto tell = [&](const synod::finding& x) {
    progress.clear();
    if (json)
      all.push_back({{"part", x.part}, {"text", x.text}, {"problem", x.is_problem}});
    else
      std::cout << (x.is_problem ? "PROBLEM: " : "") << x.part << ": " << x.text << std::endl;
  };
  auto good = synod::verify_data_directory(synod::built_in(), files, directory, tell,
                                           [&](const std::string& what) { return progress.of("reading " + what); });
  progress.clear();
  if (json)
    std::cout << nlohmann::json{{"directory", directory}, {"good", good}, {"findings", all}}.dump(2) << std::endl;
  else
    std::cout << directory << (good ? ": nothing is wrong" : ": something is wrong") << std::endl;
  return good ? synod::exit_status::clean : synod::exit_status::failed;
}

} // namespace

int main(int argc, char** argv) {
  std::signal(SIGXFSZ, SIG_IGN); // A file size limit is an error of the write, told like a full disk.
  std::string config_file, node, directory, file, name, by, address;
  bool json = false;
  uint64_t slot = 0;
  CLI::App app{"Looks at a Synod cluster, and at what its nodes have stored, and changes its members.", "synod-ctl"};
  app.add_option("--config-file", config_file, "The cluster file (not for verify)");
  app.add_option("--node", node, "Only this node");
  app.add_flag("--json", json, "Print JSON");
  app.set_version_flag("--version", std::string{SYNOD_VERSION});
  auto* status = app.add_subcommand("status", "Who leads, ballots, slot_in and slot_out of every replica, connections");
  auto* explain =
    app.add_subcommand("explain", "What became of a slot: who proposed it, in which ballot it was chosen, who accepted"
                                  " and performed it when, as far as nodes remember");
  explain->add_option("SLOT", slot, "The slot's number")
    ->required()
    ->check(CLI::Range(uint64_t{1}, std::numeric_limits<uint64_t>::max(), "UINT"));
  auto* verify =
    app.add_subcommand("verify", "Reads a node's data directory while the node does not run, or a backup, changes nothing, and"
                                 " says what is there and what is wrong with it");
  verify->add_option("DIR", directory, "The data directory, or the backup's file")->required();
  auto* backup =
    app.add_subcommand("backup", "Writes all that the cluster holds to a file, consistent at one slot, while it runs");
  backup->add_option("FILE", file, "The file, which is not there yet")->required();
  auto* restore =
    app.add_subcommand("restore", "Makes the data directories of a new cluster that begins with a backup: of --node,"
                                  " or of all nodes of the cluster file, DIR/NAME each");
  restore->add_option("FILE", file, "The backup")->required();
  restore->add_option("DIR", directory, "The data directory; without --node the one that they are all in")->required();
  auto* add =
    app.add_subcommand("add-node", "Makes a node a member: it was started with --join, gets the state first, and counts then");
  auto* remove = app.add_subcommand("remove-node", "A node is to be no member any more; it ends by itself when it is not needed");
  auto* replace = app.add_subcommand("replace-node", "Both in one step: NAME goes, and BY, which has joined, takes its place");
  auto* move = app.add_subcommand("set-address", "Where other nodes find it from now on");
  auto* lead = app.add_subcommand("move-leader", "The leader of that node becomes the active one");
  for (auto* each : {add, remove, replace, move, lead})
    each->add_option("NAME", name, "The node")->required();
  replace->add_option("BY", by, "The node that takes its place")->required();
  move->add_option("ADDRESS", address, "HOST:PORT")->required();
  app.require_subcommand(1);
  for (auto* each : {status, explain, verify, backup, restore, add, remove, replace, move, lead})
    each->fallthrough(); // Options may stand behind it, too.
  if (auto exit = synod::parse_command_line(app, argc, argv))
    return *exit;
  std::error_code none;
  if (verify->parsed())
    return std::filesystem::is_regular_file(directory, none) ? synod::ctl::verify_backup(directory, json)
                                                             : show_directory(directory, json);
  if (config_file.empty())
    return synod::bad_arguments("--config-file is required");
  auto config = synod::read_cluster(config_file, synod::built_in().accept_unknown());
  if (!config)
    return synod::bad_arguments(synod::text_of(config.error()));
  if (restore->parsed() && !node.empty() && !config->find(node)) // Others may have been decided.
    return synod::bad_arguments("unknown node '" + node + "'");
  if (backup->parsed())
    return synod::ctl::backup(*config, node, file, json);
  if (restore->parsed())
    return synod::ctl::restore(*config, node, file, directory, json);
  if (status->parsed())
    return show_status(*config, node, json);
  if (explain->parsed())
    return show_slot(*config, node, slot, json);
  if (lead->parsed())
    return synod::ctl::move_leader(*config, name, json);
  synod::builder<synod::schema::Change> change{1024};
  if (add->parsed())
    change->setAddNode(name);
  if (remove->parsed())
    change->setRemoveNode(name);
  if (replace->parsed()) {
    change->initReplaceNode().setNode(name);
    change->getReplaceNode().setBy(by);
  }
  if (move->parsed()) {
    auto where = synod::parse_endpoint(address);
    if (!where)
      return synod::bad_arguments("expected an address HOST:PORT, found '" + address + "'");
    change->initSetAddress().setNode(name);
    change->getSetAddress().setHost(where->host);
    change->getSetAddress().setPort(where->port);
  }
  return synod::ctl::change_members(*config, node, change, json);
}
