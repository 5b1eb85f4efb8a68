// What a seed makes of a run: the cluster, its faults, its clients.
#pragma once

#include "random.hpp"

#include "synod/actors/role/registry.hpp"

#include <algorithm>
#include <array>
#include <bitset>
#include <memory>
#include <optional>
#include <string>

namespace synod::simulation {

/// Kinds of faults, each of which can be switched off.
enum class fault : uint8_t {
  drop,        ///< messages between roles are lost
  delay,       ///< messages of some links take long for a while
  duplicate,   ///< messages arrive twice
  reorder,     ///< messages overtake each other
  cut,         ///< nothing passes between two nodes for a while, in one direction or both; connections break
  partition,   ///< nodes fall into groups that do not hear each other, or only by way of one node
  flap,        ///< a link goes and comes many times in a row
  kill,        ///< processes are killed and started again
  power,       ///< hosts lose their power, one or all at once: what was not synced may be lost
  torn,        ///< what a power cut leaves of unsynced writes is any part of them
  stall,       ///< a disk takes its time
  disk_error,  ///< a write or a sync fails
  lost_disk,   ///< a host loses its disk, and goes on with an empty one: nobody takes it any more
  clock,       ///< one wall clock at a time jumps and drifts
  slow_node,   ///< a node needs long for everything
  pause,       ///< processes are stopped, and go on
  slow_client, ///< clients and their connections are slow
  duel,        ///< leaders are impatient: they preempt each other
  members,     ///< nodes join, leave, and take each other's place
  full,        ///< a host's disk is full for a while, or nearly so; of one or of all
  drift,       ///< the clocks that leases rely on are too fast or too slow, up to the bound of the cluster file
};

constexpr size_t fault_count = 21;
using fault_set = std::bitset<fault_count>;

struct fault_description {
  const char* name;
  const char* help;
};
const std::array<fault_description, fault_count>& fault_descriptions();

/// Reads "all", "none", or names joined by commas; a name with a minus before it is left out of all. Returns what is wrong
/// with the text, or nothing.
std::optional<std::string> parse_faults(const std::string& text, fault_set& chosen);
std::string to_string(const fault_set& faults);

struct workload;

/// What a user may choose; everything else is drawn.
struct run_options {
  std::string program = "synod-sim"; ///< as a command that repeats a run names it
  const workload* of_user = nullptr; ///< for a state machine that is not the built-in one
  uint64_t seed = 1;
  std::optional<unsigned> nodes; ///< acceptors: 3, 5 or 7
  std::optional<unsigned> clients;
  fault_set faults = fault_set{}.set();
  bool draws_faults = true; ///< a run has about half of them; false: all
  /// Clocks that drift (fault::drift) are so many times too fast, and that of the active leader too slow, beyond whatever the
  /// cluster file says; 0: they keep to that. For tests alone: no command says it.
  unsigned drift_beyond = 0;
  std::chrono::seconds virtual_time{60}; ///< during which there are faults and clients ask; then all has to come to rest
};

struct plan {
  run_options options;
  fault_set faults; ///< those of this run
  std::string cluster_file;
  std::shared_ptr<const cluster> config; ///< of all nodes
  std::vector<uint32_t> joiners;         ///< nodes that are not there when the cluster begins, by their places
  std::shared_ptr<const cluster> begun;  ///< without those
  /// Nodes that nothing happens to, nor to the links between them, by their places: a majority of the acceptors, a leader, a
  /// replica. Empty: everything happens to every node.
  std::vector<uint32_t> spared;
  unsigned clients = 0;
  duration latency{0};
  duration jitter{0};
  uint64_t bytes_per_second = 0; ///< of each direction between two nodes; 0: any number
  // clients
  duration think{0};          ///< between operations
  duration client_timeout{0}; ///< then a client turns to another replica
  unsigned groups = 1;        ///< of keys
  unsigned pipeline = 1;      ///< most operations of one client under way
  unsigned reads_percent = 50;
  unsigned large_value_bytes = 0; ///< of some values
  size_t socket_buffer_bytes = 0; ///< so much may be on its way to a client that does not read

  bool has(fault x) const { return faults.test(static_cast<size_t>(x)); }
  bool joins(uint32_t node) const { return std::find(joiners.begin(), joiners.end(), node) != joiners.end(); }
  bool spares(uint32_t node) const { return std::find(spared.begin(), spared.end(), node) != spared.end(); }
};

/// Draws a run. `known` has the roles and state machines.
plan draw(const run_options& options, const registry& known);

} // namespace synod::simulation
