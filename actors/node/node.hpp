// The node actor: the roles of one node, and the links to other nodes.
#pragma once

#include "synod/actors/node/cluster.hpp"
#include "synod/messages/roles.hpp"

#include <caf/io/all.hpp>

#include <map>
#include <memory>
#include <optional>
#include <random>
#include <vector>

namespace synod {

/// Tells every role of this node how the other roles are reached, as hosts come and go.
///
/// Of each pair of nodes the one named earlier in the cluster file connects; both say
/// hello with the handles of their roles. A broken connection is tried again with growing
/// pauses, and brings fresh handles.
class node : public node_actor::base {
public:
  struct local_role {
    std::string name;
    caf::actor handle;
  };

  struct options {
    std::shared_ptr<const cluster> config;
    uint32_t self = 0;
    std::vector<local_role> roles;
    bool connects = true; ///< false when all nodes are in this process: they are given to each other
    uint64_t seed = 1;    ///< for jitter
    std::shared_ptr<spdlog::logger> log;
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
    std::chrono::milliseconds pause{};
    bool trying = false;
  };

  caf::result<message<schema::Hello>, handles> on_hello(const message<schema::Hello>& hello, const handles& roles);
  message<schema::NodeStatus> write_status(const std::vector<message<schema::RoleStatus>>& roles) const;
  void on_status(caf::typed_response_promise<message<schema::NodeStatus>> promise);
  message<schema::Hello> hello(const std::string& refusal = {}) const;
  handles role_handles() const;
  std::string refusal_of(const schema::Hello::Reader& hello) const;
  void connect(uint32_t other);
  void connect_later(uint32_t other);
  void say_hello(uint32_t other, const node_actor& to);
  void link_up(uint32_t other, caf::strong_actor_ptr actor, const schema::Hello::Reader& hello, const handles& roles);
  void link_down(uint32_t other);
  void tell_roles(const peer& x);

  options options_;
  std::map<uint32_t, link> links_;
  std::minstd_rand random_;
};

} // namespace synod
