#include "asking.hpp"

#include "synod/actors/node/connector.hpp"
#include "synod/actors/node/membership.hpp"
#include "synod/actors/node/system_config.hpp"
#include "synod/actors/role/error_text.hpp"
#include "synod/messages/roles.hpp"

#include <algorithm>
#include <map>

namespace synod::ctl {

namespace {

/// Nodes that are asked at the same time.
class conversation {
public:
  explicit conversation(const cluster& file) : file_{file} {}
  ~conversation() {
    for (auto& each : parties_)
      self_->send_exit(each.connector, caf::exit_reason::user_shutdown);
  }
  conversation(const conversation&) = delete;
  conversation& operator=(const conversation&) = delete;

  /// It is with these from now on; connects with those that it has not been with.
  void turn_to(const std::vector<node_description>& nodes) {
    auto ask = [this](const party& x) {
      return self_->request(x.connector, answer_limit, caf::connect_atom::value, x.node.address.host, x.node.address.port);
    };
    std::vector<std::pair<size_t, decltype(ask(parties_[0]))>> asked;
    present_.clear();
    for (auto& each : nodes) {
      present_.push_back(find(each));
      if (present_.back() < parties_.size())
        continue;
      parties_.push_back({each, spawn_connector(system_, key_of(file_), {}), {}, {}});
      asked.emplace_back(parties_.size() - 1, ask(parties_.back()));
    }
    for (auto& [i, connecting] : asked)
      connecting.receive([&to = parties_[i]](const caf::strong_actor_ptr& actor) { to.actor = actor; },
                         [&to = parties_[i]](const caf::error& why) { to.problem = synod::text_of(why); });
  }

  /// Asks all that are there; gives each answer with its node.
  template <class Answer, class... Question>
  void ask(const std::function<void(const node_description&, const Answer&)>& take, const Question&... xs) {
    auto ask_one = [&](const party& x) { return self_->request(caf::actor_cast<node_actor>(x.actor), answer_limit, xs...); };
    std::vector<std::pair<size_t, decltype(ask_one(parties_[0]))>> asked;
    for (auto i : present_)
      if (parties_[i].actor)
        asked.emplace_back(i, ask_one(parties_[i]));
    for (auto& [i, each] : asked)
      each.receive([&to = parties_[i], &take](const Answer& found) { take(to.node, found); },
                   [&to = parties_[i]](const caf::error& why) { to.problem = synod::text_of(why); });
  }

  /// Of those that it is with, what each has told, by its name; or why it has not.
  std::vector<answer> answers(const std::map<std::string, message<schema::NodeStatus>>& told) const {
    std::vector<answer> all;
    for (auto i : present_) {
      auto found = told.find(parties_[i].node.name);
      all.push_back({parties_[i].node, found == told.end() ? message<schema::NodeStatus>{} : found->second, parties_[i].problem});
    }
    return all;
  }

private:
  struct party {
    node_description node;
    connector_actor connector;
    caf::strong_actor_ptr actor; // null: it is not reached, and
    std::string problem;         // why not
  };

  size_t find(const node_description& x) const {
    auto found = std::find_if(parties_.begin(), parties_.end(), [&](auto& each) {
      return each.node.name == x.name && to_string(each.node.address) == to_string(x.address);
    });
    return static_cast<size_t>(found - parties_.begin());
  }

  const cluster& file_;
  system_config settings_;
  caf::actor_system system_{settings_};
  caf::scoped_actor self_{system_};
  std::vector<party> parties_;
  std::vector<size_t> present_;
};

/// The members, as far as a node of the file tells (until a change was decided it is the file that says), and those of the file
/// that are there all the same, one that is about to join, or to leave; or that one `only`, if anybody knows it.
std::vector<node_description> nodes_to_ask(conversation& with, const cluster& file, const std::string& only) {
  with.turn_to(file.nodes);
  membership latest;
  std::vector<node_description> others;
  with.ask<message<schema::Hello>>(
    [&](const node_description& from, const message<schema::Hello>& told) {
      latest.learn(configurations_of(told->getConfigurations()));
      others.push_back(from);
    },
    caf::get_atom_v);
  auto nodes = latest.number() == 0 ? file.nodes : std::vector<node_description>{};
  if (latest.number() > 0) {
    for (auto& each : latest.all().latest().nodes())
      nodes.push_back({each.name, each.id, {each.host, each.port}, {}, each.roles});
    if (auto* named = file.find(only))
      others.push_back(*named);
    for (auto& each : others)
      if (std::none_of(nodes.begin(), nodes.end(), [&](auto& x) { return x.name == each.name; }))
        nodes.push_back(each);
  }
  std::erase_if(nodes, [&](auto& x) { return !only.empty() && x.name != only; });
  auto place = [&](const node_description& x) {
    return std::find_if(file.nodes.begin(), file.nodes.end(), [&](auto& each) { return each.name == x.name; })
           - file.nodes.begin();
  };
  std::stable_sort(nodes.begin(), nodes.end(), [&](auto& x, auto& y) { return place(x) < place(y); });
  return nodes;
}

} // namespace

std::vector<answer> ask_nodes(const cluster& config, const std::string& only, std::optional<uint64_t> slot) {
  conversation with{config};
  with.turn_to(nodes_to_ask(with, config, only));
  std::map<std::string, message<schema::NodeStatus>> told;
  auto take = [&](const node_description& from, const message<schema::NodeStatus>& found) { told[from.name] = found; };
  if (slot)
    with.ask<message<schema::NodeStatus>>(take, explain_atom_v, *slot);
  else
    with.ask<message<schema::NodeStatus>>(take, status_atom_v);
  return with.answers(told);
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
