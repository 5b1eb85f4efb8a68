// A process: the nodes in it, and what lies around their roles.
#pragma once

#include "synod/actors/node/door.hpp"
#include "synod/actors/node/node.hpp"
#include "synod/actors/node/system_config.hpp"
#include "synod/actors/role/registry.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <vector>

namespace synod {

/// Starts nodes, gives their roles a real environment, and ends them in order. One for the life of the process.
class process {
public:
  struct options {
    std::string log_level = "info";
    bool log_json = false;
    std::function<void()> before_exit{}; ///< called when a failure ends the process, from any thread, perhaps from several
    std::function<void()> leave{};       ///< called when a node was removed from its cluster: to end the process in order
  };

  process(const registry& known, std::shared_ptr<const cluster> config, options opts);
  ~process();

  /// Starts one node's roles. `members`: what is known of decided configurations, and the cluster file as it was read; without
  /// them the cluster is as it began. Returns the exit status to end with, or none when it runs.
  std::optional<int> start(const node_description& self, const std::filesystem::path& directory, bool connects,
                           const membership& members = {}, const std::shared_ptr<const cluster>& file = nullptr);
  /// Lets other nodes, and synod-ctl, connect to the nodes of this process. Called last.
  std::optional<int> publish();
  /// Gives the nodes of this process each other's roles. Returns the exit status to end with, if they do not belong together.
  std::optional<int> introduce();
  /// Where clients reach that node's gateway; with the port that it really has. None: it has no gateway.
  std::optional<endpoint> clients_at(const node_description& node) const;
  /// Ends all roles in order, and waits until they have ended.
  void end();

private:
  class local_environment;

  struct running {
    const node_description* self = nullptr;
    std::shared_ptr<local_environment> environment;
    std::vector<node::local_role> roles;
    caf::actor actor;
    std::shared_ptr<turned_away> refused;
    std::unique_ptr<synod::door> door{}; // null: other nodes are all in this process
  };

  caf::error start_role(running& of, const std::string& name, const identity& who);
  static std::optional<int> meet(running& one, const running& other);
  uint64_t random();

  const registry& known_;
  std::shared_ptr<const cluster> config_;
  options options_;
  std::random_device device_;
  std::mutex random_mutex_;
  std::mt19937_64 random_;
  system_config system_config_;
  caf::actor_system system_{system_config_};
  std::vector<running> nodes_;
};

} // namespace synod
