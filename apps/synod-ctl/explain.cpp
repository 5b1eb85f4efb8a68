#include "explain.hpp"

#include "synod/actors/role/recent_slots.hpp"
#include "table.hpp"

#include <nlohmann/json.hpp>
#include <spdlog/fmt/fmt.h>

#include <algorithm>

namespace synod::ctl {

namespace {

constexpr auto remembered = recent_slots<int>::most;

/// What is known of the slot's decided value.
struct chosen_value {
  std::string ballot; // empty: it is not known whether anything was chosen
  int64_t proposer = 0;
  std::optional<int64_t> requests;
  std::optional<int64_t> bytes;
  std::optional<std::string> commands;
};

/// As that role tells it: of an acceptor, that is the value only if its pvalue has the ballot under which the slot was decided.
void complete(chosen_value& x, const answer& from, const std::string& role) {
  if (x.proposer == 0)
    x.proposer = number_of(from, role, "proposer").value_or(0);
  if (!x.requests)
    x.requests = number_of(from, role, "requests");
  if (!x.bytes)
    x.bytes = number_of(from, role, "bytes");
  if (!x.commands)
    x.commands = text_of(from, role, "commands");
}

/// The ballot is that of a decision: a leader's, or one that a replica was told of. Of several any one will do: under a later
/// ballot the same value was chosen once more (C2).
chosen_value chosen_in(const std::vector<answer>& answers) {
  chosen_value x;
  for (auto& each : answers)
    if (x.ballot.empty() && number_of(each, "leader", "decided at ms"))
      x.ballot = text_of(each, "leader", "ballot").value_or("");
  for (auto& each : answers)
    if (x.ballot.empty() && number_of(each, "replica", "performed at ms"))
      x.ballot = text_of(each, "replica", "ballot").value_or("");
  if (x.ballot.empty())
    return x;
  for (auto& each : answers)
    if (number_of(each, "replica", "performed at ms"))
      complete(x, each, "replica");
  for (auto& each : answers)
    if (text_of(each, "acceptor", "ballot") == x.ballot)
      complete(x, each, "acceptor");
  return x;
}

/// By its id, as the cluster file names it.
std::string name_of(int64_t id, const std::vector<answer>& answers) {
  for (auto& each : answers)
    if (each.node.id == id)
      return each.node.name;
  return id == 0 ? "not known" : fmt::format("id {}", id);
}

struct event {
  int64_t ms;
  std::string node;
  std::string role;
  std::string text;
};

void note(std::vector<event>& to, const answer& from, const std::string& role, const char* entry, std::string text) {
  if (auto when = number_of(from, role, entry))
    to.push_back({*when, from.node.name, role, std::move(text)});
}

std::vector<event> events_of(const std::vector<answer>& answers) {
  std::vector<event> all;
  for (auto& each : answers) {
    note(all, each, "leader", "proposed at ms",
         fmt::format("begins a commander under {}, for the proposal of {}", cell(text_of(each, "leader", "ballot")),
                     name_of(number_of(each, "leader", "proposer").value_or(0), answers)));
    note(all, each, "leader", "decided at ms", "decided: a quorum has accepted");
    note(all, each, "acceptor", "accepted at ms", "accepts under " + cell(text_of(each, "acceptor", "last ballot")));
    note(all, each, "acceptor", "durable at ms", "has it durably, and says so");
    note(all, each, "replica", "decision heard at ms", "hears the decision");
    note(all, each, "replica", "performed at ms", "performs it");
  }
  std::stable_sort(all.begin(), all.end(), [](auto& a, auto& b) { return a.ms < b.ms; });
  return all;
}

/// Of an acceptor that does not tell when it accepted; empty: it does.
std::string unknown_of_acceptor(const answer& from) {
  auto state = text_of(from, "acceptor", "state").value_or("");
  auto when_known = number_of(from, "acceptor", "accepted at ms").has_value();
  auto first_kept = number_of(from, "acceptor", "first kept slot").value_or(0);
  if (state == "collected")
    return fmt::format(
      "has collected the slot (its first kept slot is {}): f+1 replicas hold durably what it led to; its value is not "
      "kept{}",
      first_kept, when_known ? "" : ", nor when it was accepted");
  if (state == "nothing accepted")
    return "has accepted nothing for it";
  if (state == "accepted, not durable yet")
    return "has accepted a pvalue that is not durable yet";
  if (!when_known)
    return fmt::format("has accepted it under {}, as its log says; when, it remembers of the last {} slots only, since its start",
                       cell(text_of(from, "acceptor", "ballot")), remembered);
  return {};
}

/// The same of a replica.
std::string unknown_of_replica(const answer& from, uint64_t slot) {
  auto slot_out = static_cast<uint64_t>(number_of(from, "replica", "slot_out").value_or(1));
  if (slot >= slot_out)
    return fmt::format("has not performed it: its slot_out is {}", slot_out);
  if (!number_of(from, "replica", "performed at ms"))
    return fmt::format(
      "has performed it, or has its outcome by a snapshot; when, it remembers of the last {} slots only, since its "
      "start",
      remembered);
  if (!number_of(from, "replica", "decision heard at ms"))
    return "was not told the decision: it has learned it from acceptors";
  return {};
}

std::vector<std::string> unknown_in(uint64_t slot, const std::vector<answer>& answers, const chosen_value& chosen) {
  std::vector<std::string> all;
  auto say = [&](const answer& of, const char* role, const std::string& text) {
    if (!text.empty())
      all.push_back(fmt::format("The {} of node {} {}.", role, of.node.name, text));
  };
  auto led = false;
  for (auto& each : answers) {
    if (!each.status) {
      all.push_back(fmt::format("Node {} at {} is not reached: {}.", each.node.name, to_string(each.node.address), each.problem));
      continue;
    }
    led |= number_of(each, "leader", "proposed at ms").has_value();
    if (role_of(each, "acceptor"))
      say(each, "acceptor", unknown_of_acceptor(each));
    if (role_of(each, "replica"))
      say(each, "replica", unknown_of_replica(each, slot));
  }
  if (!led)
    all.push_back(
      fmt::format("No leader remembers it: each does of the last {} slots that it proposed since its start.", remembered));
  if (!chosen.ballot.empty() && !chosen.commands)
    all.push_back("Its commands are not known any more: no acceptor keeps the value.");
  return all;
}

} // namespace

nlohmann::json explain_json(uint64_t slot, const std::vector<answer>& answers) {
  auto chosen = chosen_in(answers);
  nlohmann::json result{{"slot", slot}, {"chosen", nullptr}, {"nodes", nlohmann::json::array()}};
  if (!chosen.ballot.empty()) {
    auto& to = result["chosen"] = {{"ballot", chosen.ballot}};
    if (chosen.proposer != 0)
      to["proposer"] = name_of(chosen.proposer, answers);
    if (chosen.requests)
      to["requests"] = *chosen.requests;
    if (chosen.bytes)
      to["bytes"] = *chosen.bytes;
    if (chosen.commands)
      to["commands"] = *chosen.commands;
  }
  for (auto& each : answers) {
    nlohmann::json node{{"node", each.node.name}, {"reached", static_cast<bool>(each.status)}};
    if (!each.status)
      node["problem"] = each.problem;
    else
      for (auto role : each.status->getRoles()) {
        auto& to = node["roles"][role.getRole().cStr()] = nlohmann::json::object();
        for (auto entry : role.getEntries())
          if (entry.isNumber())
            to[entry.getName().cStr()] = entry.getNumber();
          else
            to[entry.getName().cStr()] = entry.getText().cStr();
      }
    result["nodes"].push_back(std::move(node));
  }
  result["not known"] = unknown_in(slot, answers, chosen);
  return result;
}

std::string explain_text(uint64_t slot, const std::vector<answer>& answers) {
  auto chosen = chosen_in(answers);
  std::string all;
  if (chosen.ballot.empty()) {
    all = fmt::format("Slot {}: nobody that was asked remembers its decision.\n", slot);
  } else {
    all = fmt::format("Slot {}: chosen under ballot {}, proposed by node {}.\n", slot, chosen.ballot,
                      name_of(chosen.proposer, answers));
    if (chosen.requests && chosen.bytes)
      all += fmt::format("{} request{}, {} bytes{}\n", *chosen.requests, *chosen.requests == 1 ? "" : "s", *chosen.bytes,
                         !chosen.commands           ? ""
                         : chosen.commands->empty() ? ": nothing to perform (a no-op)"
                                                    : ": " + *chosen.commands);
  }
  table x{{{"when (UTC, each host's own clock)", false}, {"node", false}, {"role", false}, {"what", false}}};
  for (auto& each : events_of(answers))
    x.add({time_text(each.ms), each.node, each.role, each.text});
  if (!x.empty())
    all += "\n" + x.text();
  if (auto unknown = unknown_in(slot, answers, chosen); !unknown.empty()) {
    all += "\n";
    for (auto& each : unknown)
      all += each + "\n";
  }
  return all;
}

} // namespace synod::ctl
