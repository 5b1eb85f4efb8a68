// All that lies outside a role, as it sees it.
#pragma once

#include "synod/actors/role/cluster.hpp"
#include "synod/actors/role/disk.hpp"
#include "synod/actors/role/progress.hpp"
#include "synod/actors/role/sockets.hpp"
#include "synod/actors/role/state_machine.hpp"

#include <caf/all.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace spdlog {
class logger;
}

namespace synod {

/// Clocks, randomness, files, sockets: what the roles of one start of one node get from the world around them. A
/// process has real ones, the simulator its own, so that both run the same roles. Lives as long as a role holds it.
///
/// (Time that passes is the actor system's clock, which every actor has.)
class environment {
public:
  virtual ~environment() = default;

  virtual caf::actor_system& system() = 0;

  /// Microseconds since 1970. May step and drift: nothing that must be right depends on it.
  virtual int64_t wall_clock_us() const = 0;
  int64_t wall_clock_ms() const { return wall_clock_us() / 1000; }

  /// Time since some moment before this start of the node: never steps, and goes on while the host is suspended, as the actor
  /// system's clock may not. Leases rely on its rate (`lease-clock-drift`), and use no other clock.
  virtual std::chrono::nanoseconds boot_clock() const = 0;

  /// A random number, to seed a generator with.
  virtual uint64_t random() = 0;

  /// Valid as long as this environment.
  virtual disk& files() = 0;
  /// The node's; a role that stores makes its own folder in it.
  virtual const std::filesystem::path& data_directory() const = 0;

  /// A listening socket for clients, or why it cannot be.
  virtual caf::expected<std::shared_ptr<sockets>> listen(const endpoint& where) = 0;

  /// A new one, of the kind that the cluster file names.
  virtual std::unique_ptr<state_machine> make_state_machine() = 0;

  virtual spdlog::logger& log() = 0;
  /// Says why and ends the process: nothing more is sent or written. From any thread. Does not return in a process; in a
  /// simulation it does, and nothing that the role does afterwards gets out.
  virtual void fatal(const std::string& why) = 0;
};

using environment_ptr = std::shared_ptr<environment>;

/// Says in the log, once a second, how far something is that takes long at a start.
progress told_in_log(environment& here, std::string what);

} // namespace synod
