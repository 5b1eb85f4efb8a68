#include "changes.hpp"

#include "asking.hpp"
#include "node_connection.hpp"

#include "synod/actors/node/command_line.hpp"
#include "synod/actors/node/join.hpp"
#include "synod/actors/node/system_config.hpp"
#include "synod/actors/role/error_text.hpp"
#include "synod/messages/roles.hpp"

#include <nlohmann/json.hpp>

#include <iostream>
#include <optional>

namespace synod::ctl {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using clock = std::chrono::steady_clock;

constexpr seconds silence_limit{30}; // of a node that carries a change out
constexpr milliseconds poll_interval{200};
constexpr seconds leader_limit{15};

int tell(schema::ChangeState::Outcome outcome, const std::string& text, bool json) {
  auto done = outcome == schema::ChangeState::Outcome::DONE;
  if (json)
    std::cout << nlohmann::json{{"done", done}, {"text", text}}.dump(2) << std::endl;
  else if (done)
    std::cout << text << std::endl;
  else
    std::cerr << "error: " << text << std::endl;
  return done ? exit_status::clean : exit_status::failed;
}

bool leads(node_connection& node) {
  return text_of({{}, node.status(), {}}, "leader", "state") == "active";
}

/// Asks until it is done or refused.
int follow(caf::scoped_actor& self, const cluster& file, const endpoint& where, const message<schema::Change>& what, bool json) {
  std::string shown;
  auto heard = clock::now();
  std::optional<node_connection> to{std::in_place, self, file, where};
  while (clock::now() - heard < silence_limit) {
    if (auto state = to->problem().empty() ? to->ask(what) : message<schema::ChangeState>{}) {
      heard = clock::now();
      if (state->getOutcome() != schema::ChangeState::Outcome::WAITS)
        return tell(state->getOutcome(), state->getText().cStr(), json);
      if (std::string text = state->getText().cStr(); std::exchange(shown, text) != text)
        std::cerr << text << std::endl;
    } else {
      to.emplace(self, file, where);
    }
    self->receive([] {}, caf::after(poll_interval) >> [] {});
  }
  return tell(schema::ChangeState::Outcome::WAITS,
              "node at " + to_string(where) + " does not answer: it is not known what has become of it; look at the status",
              json);
}

/// A member that can propose, and is better not the one that goes.
std::optional<endpoint> who_can(caf::scoped_actor& self, const cluster& file, const std::string& only, const std::string& goes) {
  std::optional<endpoint> last;
  for (auto& each : file.nodes) {
    if (!only.empty() && each.name != only)
      continue;
    std::string problem;
    auto greeting = ask_greeting(self, file, each.address, problem);
    if (!greeting)
      continue;
    auto members = configurations_of(greeting->getConfigurations());
    auto* node = members.empty() ? nullptr : members.latest().find(greeting->getId());
    if (!only.empty())
      return each.address; // It says itself why it cannot.
    if (!node || !node->has("replica"))
      continue;
    last = each.address;
    if (node->name != goes)
      return last;
  }
  return last;
}

} // namespace

int change_members(const cluster& file, const std::string& only, builder<schema::Change>& what, bool json) {
  system_config settings;
  caf::actor_system system{settings};
  caf::scoped_actor self{system};
  auto built = what->asReader();
  std::string goes = built.isRemoveNode() ? built.getRemoveNode().cStr() : "";
  if (built.isReplaceNode())
    goes = built.getReplaceNode().getNode().cStr();
  auto where = who_can(self, file, only, goes);
  if (!where)
    return tell(schema::ChangeState::Outcome::REFUSED,
                only.empty() ? "no member with a replica is reached at an address of the cluster file"
                             : "node " + only + " is not reached",
                json);
  what->setToken(random_number());
  return follow(self, file, *where, what.finish(), json);
}

int move_leader(const cluster& file, const std::string& to, bool json) {
  system_config settings;
  caf::actor_system system{settings};
  caf::scoped_actor self{system};
  auto* target = file.find(to);
  if (!target)
    return bad_arguments("unknown node '" + to + "'");
  node_connection node{self, file, target->address};
  auto begun = clock::now();
  while (node.problem().empty() && !leads(node)) {
    if (clock::now() - begun > leader_limit)
      return tell(schema::ChangeState::Outcome::REFUSED,
                  "the leader of node " + to + " has not become active: it has to hear the active one, and a majority", json);
    builder<schema::Change> what;
    what->setToken(random_number());
    what->setMoveLeader();
    auto state = node.ask(what.finish());
    if (state && state->getOutcome() == schema::ChangeState::Outcome::REFUSED)
      return tell(state->getOutcome(), state->getText().cStr(), json);
    self->receive([] {}, caf::after(poll_interval) >> [] {});
  }
  if (!node.problem().empty())
    return tell(schema::ChangeState::Outcome::REFUSED, "node " + to + ": " + node.problem(), json);
  return tell(schema::ChangeState::Outcome::DONE, "node " + to + " leads", json);
}

} // namespace synod::ctl
