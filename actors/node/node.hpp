// The node actor: the roles of one node, and the links to other nodes.
#pragma once

#include "synod/actors/node/known_nodes.hpp"
#include "synod/actors/role/backoff.hpp"
#include "synod/actors/role/cluster.hpp"
#include "synod/messages/roles.hpp"

#include <caf/io/all.hpp>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace spdlog {
class logger;
}

namespace synod {

/// Tells every role of this node how the other roles are reached, as hosts come and go.
///
/// Of each pair of nodes the one with the smaller id connects; both say
/// hello with the handles of their roles. A broken connection is tried again with growing
/// pauses, and brings fresh handles. Roles are told of a node only when its cluster file says the same as this node's
/// (agreement.hpp), and when it has the data directory that it always had (known_nodes.hpp).
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
    disk* files = nullptr; ///< where `known` is kept; outlives the node
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
    std::string problem; // why it is not taken
    backoff pauses{std::chrono::milliseconds{50}, std::chrono::milliseconds{1000}};
    bool trying = false;
  };

  caf::result<message<schema::Hello>, handles> on_hello(const message<schema::Hello>& hello, const handles& roles);
  message<schema::NodeStatus> write_status(const std::vector<message<schema::RoleStatus>>& roles) const;
  void on_status(caf::typed_response_promise<message<schema::NodeStatus>> promise);
  message<schema::Hello> hello(const std::string& refusal = {}) const;
  handles role_handles() const;
  std::string refusal_of(const schema::Hello::Reader& hello) const;
  known_nodes::tokens told_by(const schema::Hello::Reader& hello, node_id other) const;
  std::string refusal_of_directories(const known_nodes::tokens& told, node_id other) const;
  void meet(const known_nodes::tokens& told, std::function<void()> then);
  void on_remembered(const done_aside& x);
  void refuse(node_id other, const std::string& why);
  void connect(node_id other);
  void connect_later(node_id other);
  void say_hello(node_id other, const node_actor& to);
  void link_up(node_id other, caf::strong_actor_ptr actor, const schema::Hello::Reader& hello, const handles& roles);
  void link_down(node_id other);
  void tell_roles(const peer& x);
  const std::string& name_of(node_id other) const { return options_.config->find(other)->name; }

  options options_;
  std::map<node_id, link> links_;
  std::string agreement_;
  std::map<uint64_t, std::function<void()>> when_remembered_; // by the number of the work; at most one for each hello under way
  uint64_t works_ = 0;
  std::minstd_rand random_;
};

} // namespace synod
