#include "asking.hpp"

#include "synod/actors/node/connector.hpp"
#include "synod/actors/node/system_config.hpp"
#include "synod/actors/role/error_text.hpp"
#include "synod/messages/roles.hpp"

#include <algorithm>

namespace synod::ctl {

namespace {

/// The first step: connects with all of them. Gives their node actors, null where there is none.
std::vector<caf::strong_actor_ptr> connect(caf::scoped_actor& self, const std::vector<caf::io::middleman_actor>& connectors,
                                           std::vector<answer>& answers) {
  auto ask = [&](size_t i) {
    auto& where = answers[i].node.address;
    return self->request(connectors[i], answer_limit, caf::connect_atom::value, where.host, where.port);
  };
  std::vector<decltype(ask(0))> asked;
  for (size_t i = 0; i < answers.size(); ++i)
    asked.push_back(ask(i));
  std::vector<caf::strong_actor_ptr> nodes(answers.size());
  for (size_t i = 0; i < answers.size(); ++i)
    asked[i].receive(
      [&](const caf::node_id&, const caf::strong_actor_ptr& found, const std::set<std::string>&) { nodes[i] = found; },
      [&](const caf::error& why) { answers[i].problem = synod::text_of(why); });
  return nodes;
}

/// The second one.
template <class... Question>
void ask(caf::scoped_actor& self, const std::vector<caf::strong_actor_ptr>& nodes, std::vector<answer>& answers,
         const Question&... xs) {
  auto ask_one = [&](size_t i) { return self->request(caf::actor_cast<node_actor>(nodes[i]), answer_limit, xs...); };
  std::vector<std::pair<size_t, decltype(ask_one(0))>> asked;
  for (size_t i = 0; i < nodes.size(); ++i)
    if (nodes[i])
      asked.emplace_back(i, ask_one(i));
  for (auto& [i, each] : asked)
    each.receive([&to = answers[i]](const message<schema::NodeStatus>& found) { to.status = found; },
                 [&to = answers[i]](const caf::error& why) { to.problem = synod::text_of(why); });
}

} // namespace

std::vector<answer> ask_nodes(const cluster& config, const std::string& only, std::optional<uint64_t> slot) {
  system_config settings;
  caf::actor_system system{settings};
  caf::scoped_actor self{system};
  std::vector<answer> answers;
  std::vector<caf::io::middleman_actor> connectors;
  for (auto& node : config.nodes)
    if (only.empty() || node.name == only) {
      answers.push_back({node, {}, {}});
      connectors.push_back(spawn_connector(system, key_of(config), {}));
    }
  auto nodes = connect(self, connectors, answers);
  slot ? ask(self, nodes, answers, explain_atom_v, *slot) : ask(self, nodes, answers, status_atom_v);
  for (auto& each : connectors)
    self->send_exit(each, caf::exit_reason::user_shutdown);
  return answers;
}

bool all_reached(const std::vector<answer>& answers) {
  return std::all_of(answers.begin(), answers.end(), [](auto& x) { return static_cast<bool>(x.status); });
}

std::optional<schema::RoleStatus::Reader> role_of(const answer& from, const std::string& role) {
  if (from.status)
    for (auto each : from.status->getRoles())
      if (each.getRole() == role.c_str())
        return each;
  return std::nullopt;
}

namespace {

std::optional<schema::Entry::Reader> entry_of(const answer& from, const std::string& role, const std::string& name) {
  if (auto found = role_of(from, role))
    for (auto each : found->getEntries())
      if (each.getName() == name.c_str())
        return each;
  return std::nullopt;
}

} // namespace

std::optional<int64_t> number_of(const answer& from, const std::string& role, const std::string& entry) {
  auto found = entry_of(from, role, entry);
  return found && found->isNumber() ? std::optional{found->getNumber()} : std::nullopt;
}

std::optional<std::string> text_of(const answer& from, const std::string& role, const std::string& entry) {
  auto found = entry_of(from, role, entry);
  return found && found->isText() ? std::optional<std::string>{found->getText().cStr()} : std::nullopt;
}

} // namespace synod::ctl
