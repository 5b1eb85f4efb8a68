// The node actor: the roles of one node, and the links to other nodes.
#pragma once

#include "synod/actors/node/greeting.hpp"
#include "synod/actors/node/known_nodes.hpp"
#include "synod/actors/node/turned_away.hpp"
#include "synod/actors/role/backoff.hpp"
#include "synod/actors/role/cluster.hpp"
#include "synod/messages/roles.hpp"

#include <caf/io/all.hpp>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace spdlog {
class logger;
}

namespace synod {

/// Tells every role of this node how the other roles are reached, as hosts come and go.
///
/// Of each pair of nodes the one whose name comes first connects. It asks for the other's greeting, and when both have found
/// nothing against each other (greeting.hpp) it takes the other, with the handles of its roles, and is answered with the
/// other's. A broken connection is tried again with growing pauses, and brings fresh handles. A node that gets to know another
/// one's data directory greets those that it is connected with again: they get to know it, too, or part.
///
/// Bounds: one link for each node of the cluster file; `most_strangers` names of others that were told of in the log.
class node : public node_actor::base {
public:
  struct local_role {
    std::string name;
    caf::actor handle;
  };

  struct options {
    std::shared_ptr<const cluster> config;
    node_id self = 0;
    std::vector<local_role> roles;
    bool connects = true; ///< false when all nodes are in this process: they are given to each other
    uint64_t seed = 1;    ///< for jitter
    uint64_t token = 0;   ///< of this node's data directory
    std::shared_ptr<known_nodes> known;
    disk* files = nullptr;                ///< where `known` is kept; outlives the node
    std::shared_ptr<turned_away> refused; ///< at this node's door; null: it has none
    std::shared_ptr<spdlog::logger> log;
    std::function<void(const std::string& why)> fatal; ///< ends the process: a role is gone
  };

  node(caf::actor_config& config, options opts);

  behavior_type make_behavior() override;
  void on_exit() override;
  const char* name() const override { return "node"; }

private:
  using handles = std::vector<caf::strong_actor_ptr>;

  struct link {
    caf::io::middleman_actor connector;
    caf::strong_actor_ptr other; // the node actor at the other end; null: not connected
    std::vector<std::string> roles;
    std::string problem;                 // why it is not taken
    caf::actor_clock::time_point lost{}; // since then it is not connected
    bool missed = false;                 // the log says so
    backoff pauses{std::chrono::milliseconds{50}, std::chrono::milliseconds{1000}};
    bool trying = false;
  };

  caf::result<message<schema::Hello>, handles> on_hello(const message<schema::Hello>& hello, const handles& roles);
  message<schema::NodeStatus> write_status(const std::vector<message<schema::RoleStatus>>& roles) const;
  void on_status(caf::typed_response_promise<message<schema::NodeStatus>> promise);
  message<schema::Hello> taking() const;
  handles role_handles() const;
  void tell_of_stranger(const std::string& name, const std::string& why);
  void meet(const known_nodes::tokens& told, std::function<void()> then);
  void on_remembered(const done_aside& x);
  void refuse(node_id other, const std::string& why);
  void connect(node_id other);
  std::string problem_of(node_id other) const;
  void connect_later(node_id other);
  void give_up(node_id other);
  std::string refusal_of(node_id other, const schema::Hello::Reader& answer) const;
  void show(node_id other, const node_actor& to, const message<schema::Hello>& hello, const handles& roles,
            std::function<void(const message<schema::Hello>&, const handles&)> then);
  void greet(node_id other, const node_actor& to);
  void take(node_id other, const node_actor& to);
  bool does_not_know(node_id other, const schema::Hello::Reader& answer) const;
  void tell_refusal(const node_actor& to, const std::string& why);
  void part(node_id other, const node_actor& from, const std::string& why, bool tell);
  void link_up(node_id other, caf::strong_actor_ptr actor, const schema::Hello::Reader& hello, const handles& roles);
  void link_down(node_id other, const std::string& why);
  void look_at_links();
  void look_at_majority();
  void tell_roles(const peer& x);
  const std::string& name_of(node_id other) const { return options_.config->find(other)->name; }

  static constexpr size_t most_strangers = 64;

  options options_;
  greeting greeting_;
  std::map<node_id, link> links_;
  std::set<std::string> strangers_;
  bool has_majority_ = false;
  std::map<uint64_t, std::function<void()>> when_remembered_; // by the number of the work; at most one for each hello under way
  uint64_t works_ = 0;
  std::minstd_rand random_;
};

} // namespace synod
