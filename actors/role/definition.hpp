// What a role and a state machine are to whatever runs them.
#pragma once

#include "synod/actors/role/environment.hpp"
#include "synod/actors/role/options.hpp"
#include "synod/actors/role/progress.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace synod {

/// Which role of which cluster it is, and which start of it.
struct identity {
  std::shared_ptr<const cluster> config; ///< the whole cluster file
  node_id node = 0;                      ///< that it is on: its name in messages
  uint32_t incarnation = 1;              ///< how often this node has been started, this time included; durable
  const node_description& self() const { return *config->find(node); }
};

/// What a role is told when it is spawned. Valid during the call only; what it keeps it copies.
struct role_context {
  const identity& self;
  const option_values& options; ///< its own, from the table [role-name] of the file
  environment_ptr environment;
  /// It has stored something in this data directory, at an earlier start: that must be there, or the start is to fail.
  bool has_stored = false;
};

/// What a look at a part of a data directory has found.
struct finding {
  std::string part; ///< a role's name, or a file's
  std::string text;
  bool is_problem = false;
};

/// A data directory that no node uses at the moment. Valid during the call only.
struct stored_context {
  disk& files;
  const std::filesystem::path& data_directory;
  const std::string& cluster;
  const std::string& node;
  const std::function<void(const finding&)>& tell; ///< takes what is found, as soon as it is
  /// Makes what is to be told how far the reading of a large thing is; `what` names it.
  const std::function<progress(const std::string& what)>& reading;
};

/// A data directory in the making, of a node of a cluster that begins with a backup. Valid during the call only.
struct restore_context {
  disk& files;
  const std::filesystem::path& data_directory;
  const cluster& config;
  const std::string& node;
  const std::filesystem::path& backup; ///< a snapshot's file, which was found to be whole
  uint64_t slot_out;                   ///< it is of the state that every slot below led to
  const std::function<uint64_t()>& random;
  /// As in stored_context, of writing.
  const std::function<progress(const std::string& what)>& writing;
};

/// A role: a typed actor that understands at least `role_actor`. It learns of the
/// other roles, its own node's and other nodes', by `peer` messages.
struct role_definition {
  std::string name;
  std::string help;
  std::vector<option_spec> options;
  /// Spawns it; an error is told to the user as the reason why the node does not start. It runs in the thread that starts the
  /// node, so it may take its time: a log is replayed here. The node goes on when the role answers `status_atom`.
  std::function<caf::expected<caf::actor>(const role_context&)> spawn;
  /// What is wrong with its options together, or with those of others, each of which is within its limits: told to whoever wrote
  /// the file. None: nothing.
  std::function<std::optional<std::string>(const cluster&)> contradiction = {};
  /// Looks at all that the role has stored, and tells what there is and what is wrong with it. Changes nothing; blocks. None: its
  /// files are not looked at.
  std::function<void(const stored_context&)> verify = {};
  /// It remembers what became of slots, and answers `explain_atom` with a slot's number: how, and when (roles.hpp, slot_actor).
  bool explains = false;
  /// Stores what the role begins with when its cluster begins with a backup. Blocks. None: it begins with nothing.
  std::function<caf::error(const restore_context&)> restore = {};
};

struct state_machine_definition {
  std::string name;
  std::string help;
  std::vector<option_spec> options;
  std::function<std::unique_ptr<state_machine>(const option_values&, uint64_t seed)> make;
};

} // namespace synod
