#include "status.hpp"

#include "table.hpp"

#include <nlohmann/json.hpp>
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <set>

namespace synod::ctl {

namespace {

/// Those that the cluster file gives the node, and that did not tell of themselves.
std::vector<std::string> silent_roles(const answer& from) {
  auto silent = from.node.roles;
  for (auto role : from.status->getRoles())
    std::erase(silent, std::string{role.getRole().cStr()});
  return silent;
}

nlohmann::json json_of(const answer& got) {
  auto& status = got.status;
  nlohmann::json result{
    {"node", got.node.name}, {"address", to_string(got.node.address)}, {"reached", static_cast<bool>(status)}};
  if (!status) {
    result["problem"] = got.problem;
    return result;
  }
  result["version"] = status->getVersion().cStr();
  result["uptime ms"] = status->getUptimeMs();
  result["resident bytes"] = status->getResidentBytes();
  for (auto role : status->getRoles())
    for (auto entry : role.getEntries()) {
      auto& to = result["roles"][role.getRole().cStr()][entry.getName().cStr()];
      if (entry.isNumber())
        to = entry.getNumber();
      else
        to = entry.getText().cStr();
    }
  for (auto& role : silent_roles(got))
    result["silent"].push_back(role);
  for (auto each : status->getConnections())
    result["connections"][each.getNode().cStr()] = each.getUp();
  for (auto each : status->getConnections())
    if (each.getProblem().size() > 0)
      result["problems"][each.getNode().cStr()] = each.getProblem().cStr();
  return result;
}

using answers_ref = const std::vector<answer>&;

/// The highest that any node tells.
std::optional<int64_t> highest(answers_ref answers, const std::string& role, const std::string& entry) {
  std::optional<int64_t> most;
  for (auto& each : answers)
    most = std::max(most, number_of(each, role, entry));
  return most;
}

std::optional<int64_t> behind(std::optional<int64_t> most, std::optional<int64_t> own) {
  return most && own ? std::optional{*most - *own} : std::nullopt;
}

bool leads(const answer& x) {
  return text_of(x, "leader", "state") == "active";
}

std::string connections_of(const answer& x) {
  std::string up, down;
  for (auto each : x.status->getConnections()) {
    auto& to = each.getUp() ? up : down;
    to += (to.empty() ? "" : " ") + std::string{each.getNode().cStr()};
  }
  return up + (down.empty() ? "" : (up.empty() ? "" : ", ") + std::string{"not with "} + down);
}

std::string nodes_table(answers_ref answers) {
  table x{{{"node", false}, {"address", false}, {"version", false}, {"uptime"}, {"memory MiB"}, {"connected with", false}}};
  for (auto& each : answers) {
    auto& status = each.status;
    auto resident = status ? static_cast<int64_t>(status->getResidentBytes()) : 0;
    x.add({each.node.name, to_string(each.node.address), status ? status->getVersion().cStr() : "",
           status ? duration_text(status->getUptimeMs()) : "", resident > 0 ? mib(resident) : "",
           status ? connections_of(each) : "not reached"});
  }
  return x.text();
}

std::string leaders_table(answers_ref answers) {
  table x{{{"leader", false}, {"state", false}, {"ballot", false}, {"decided below"}, {"proposals"}, {"watches", false}}};
  for (auto& each : answers)
    if (role_of(each, "leader"))
      x.add({each.node.name, cell(text_of(each, "leader", "state")), cell(text_of(each, "leader", "ballot")),
             cell(number_of(each, "leader", "decided below")), cell(number_of(each, "leader", "proposals")),
             cell(text_of(each, "leader", "watches"))});
  return x.empty() ? "" : "\n" + x.text();
}

std::string replicas_table(answers_ref answers) {
  table x{{{"replica", false}, {"slot_out"}, {"lag"}, {"durable below"}, {"snapshots MiB"}, {"commands"}, {"sessions"}}};
  auto most = highest(answers, "replica", "slot_out");
  for (auto& each : answers)
    if (role_of(each, "replica")) {
      auto slot_out = number_of(each, "replica", "slot_out");
      x.add({each.node.name, cell(slot_out), cell(behind(most, slot_out)), cell(number_of(each, "replica", "durable below")),
             mib(number_of(each, "replica", "snapshot bytes")), cell(number_of(each, "replica", "commands performed")),
             cell(number_of(each, "replica", "sessions"))});
    }
  return x.empty() ? "" : "\n" + x.text();
}

std::string acceptors_table(answers_ref answers) {
  table x{
    {{"acceptor", false}, {"ballot", false}, {"highest slot"}, {"lag"}, {"decided below"}, {"first kept slot"}, {"log MiB"}}};
  auto most = highest(answers, "acceptor", "highest slot");
  for (auto& each : answers)
    if (role_of(each, "acceptor")) {
      auto slot = number_of(each, "acceptor", "highest slot");
      x.add({each.node.name, cell(text_of(each, "acceptor", "ballot")), cell(slot), cell(behind(most, slot)),
             cell(number_of(each, "acceptor", "decided below")), cell(number_of(each, "acceptor", "first kept slot")),
             mib(number_of(each, "acceptor", "log bytes"))});
    }
  return x.empty() ? "" : "\n" + x.text();
}

std::string gateways_table(answers_ref answers) {
  table x{{{"gateway", false}, {"port"}, {"clients"}, {"commands"}, {"timed out"}, {"waiting"}}};
  for (auto& each : answers)
    if (role_of(each, "gateway"))
      x.add({each.node.name, cell(number_of(each, "gateway", "port")), cell(number_of(each, "gateway", "clients")),
             cell(number_of(each, "gateway", "commands")), cell(number_of(each, "gateway", "commands timed out")),
             cell(number_of(each, "gateway", "commands waiting"))});
  return x.empty() ? "" : "\n" + x.text();
}

/// Roles that others brought: whatever they tell.
std::string other_roles(answers_ref answers) {
  const std::set<std::string> known{"leader", "replica", "acceptor", "gateway"};
  std::string all;
  for (auto& each : answers)
    for (auto role : each.status ? each.status->getRoles() : capnp::List<schema::RoleStatus>::Reader{}) {
      if (known.contains(role.getRole().cStr()))
        continue;
      all += fmt::format("\n{} of node {}:", role.getRole().cStr(), each.node.name);
      const char* separator = " ";
      for (auto entry : role.getEntries()) {
        all += fmt::format("{}{} {}", separator, entry.getName().cStr(),
                           entry.isNumber() ? std::to_string(entry.getNumber()) : entry.getText().cStr());
        separator = ", ";
      }
      all += "\n";
    }
  return all;
}

constexpr const char* legend =
  "\nlag: slots behind the highest of all nodes; decided below: every slot below is known to be decided; durable below: what is\n"
  "in two snapshots of the replica; first kept slot: those below were collected; memory: of the node's process.\n";

std::string who_leads(answers_ref answers) {
  std::string all;
  for (auto& each : answers)
    if (leads(each)) {
      auto lease = text_of(each, "leader", "lease").value_or("off");
      all += fmt::format("Node {} leads: state active, ballot {}{}.\n", each.node.name, cell(text_of(each, "leader", "ballot")),
                         lease == "off" ? "" : ", lease " + lease);
    }
  return all;
}

std::string problems(answers_ref answers, uint64_t window) {
  std::string all;
  auto say = [&](const std::string& text) { all += "PROBLEM: " + text + "\n"; };
  auto is_away = [&](const std::string& node) { // Which is told once.
    return std::any_of(answers.begin(), answers.end(), [&](auto& x) { return x.node.name == node && !x.status; });
  };
  auto most = highest(answers, "replica", "slot_out");
  for (auto& each : answers) {
    auto& name = each.node.name;
    if (!each.status) {
      say(fmt::format("node {} at {} is not reached: {}", name, to_string(each.node.address), each.problem));
      continue;
    }
    for (auto& role : silent_roles(each))
      say(fmt::format("role {} of the cluster file is not there, or does not answer, at node {}", role, name));
    for (auto link : each.status->getConnections())
      if (link.getProblem().size() > 0)
        say(fmt::format("node {} does not take node {}: {}", name, link.getNode().cStr(), link.getProblem().cStr()));
      else if (!link.getUp() && !is_away(link.getNode().cStr()))
        say(fmt::format("node {} is not connected with node {}", name, link.getNode().cStr()));
    if (auto lag = behind(most, number_of(each, "replica", "slot_out")); lag && *lag >= static_cast<int64_t>(window))
      say(fmt::format("the replica of node {} is {} slots behind: it has still to catch up", name, *lag));
  }
  auto has_leader = std::any_of(answers.begin(), answers.end(), [](auto& x) { return role_of(x, "leader").has_value(); });
  if (has_leader && std::none_of(answers.begin(), answers.end(), leads))
    say("none of the leaders that were reached leads");
  return all.empty() ? all : "\n" + all;
}

} // namespace

nlohmann::json status_json(const std::vector<answer>& answers) {
  auto all = nlohmann::json::array();
  for (auto& each : answers)
    all.push_back(json_of(each));
  return all;
}

std::string status_text(const std::vector<answer>& answers, uint64_t window) {
  return who_leads(answers) + nodes_table(answers) + leaders_table(answers) + replicas_table(answers) + acceptors_table(answers)
         + gateways_table(answers) + other_roles(answers) + legend + problems(answers, window);
}

} // namespace synod::ctl
