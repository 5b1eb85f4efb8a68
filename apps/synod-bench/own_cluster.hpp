// A cluster in this process, with clients of its own.
#pragma once

#include "stages.hpp"

#include "synod/actors/client/client.hpp"
#include "synod/actors/node/process.hpp"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace synod::bench {

/// Like synod-dev's, with every role on each node. One for the life of the process, which ends with `std::_Exit`; without `end`,
/// if it did not start.
class own_cluster {
public:
  struct options {
    size_t nodes = 3;
    std::string data_directory; ///< empty: a temporary one, which is deleted at the end
    size_t clients = 0;         ///< client actors beside the first node
    bool staged = false;        ///< stages are measured
  };

  explicit own_cluster(options x) : options_{std::move(x)} {}

  /// Returns once its roles run; the exit status to end with, if they do not.
  std::optional<int> start();
  /// Where the first node's gateway listens.
  endpoint gateway_at() const;
  const std::vector<session_actor>& clients() const { return clients_; }
  caf::actor_system& system() const { return *system_; }
  /// Null: none are measured.
  stages* watch() { return watch_ ? &*watch_ : nullptr; }
  /// Ends all roles in order, and deletes what was temporary.
  void end();

private:
  void watch_roles(registry& known);
  void delete_temporary();
  role_definition clients_role();

  options options_;
  std::string temporary_;
  registry known_;
  std::shared_ptr<const cluster> config_;
  std::optional<stages> watch_;
  process* running_ = nullptr; // never deleted: CAF would wait for memory that messages on their way still hold
  caf::actor_system* system_ = nullptr;
  std::vector<session_actor> clients_;
};

} // namespace synod::bench
