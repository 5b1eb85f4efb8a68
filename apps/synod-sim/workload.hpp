// What a user's state machine is asked in a simulation, and what is checked of it.
#pragma once

#include "synod/simulation/random.hpp"

#include "synod/actors/role/state_machine.hpp"

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace synod::simulation {

/// One command of one client, and what became of it.
struct asked_command {
  std::span<const std::string> command;
  uint32_t client;
  duration called;                  ///< virtual time
  std::optional<duration> returned; ///< none: its outcome is not known, it may have been performed or not
  std::optional<std::string> reply; ///< `nil`, `OK`, `5`, `"bytes"`, `[1 2]`, `ERR ...`; none: not known
};

/// A user's part of a simulation. The cluster, its faults and its clients are drawn as for the built-in state machine; the
/// clients ask what `next` draws.
///
/// Without a line of the user's it is checked that everything of Paxos holds, that replicas are in equal states, that every
/// command is performed at most once and in its session's order, and that all replies are linearizable: those of
/// writes are what `apply` answers in the decided order, those of reads are what `query` answers in some state between
/// the call and the return.
struct workload {
  std::string machine;                        ///< its name in the registry
  std::map<std::string, std::string> options; ///< of the table [state-machine], in the cluster file's syntax
  std::vector<std::string> roles;             ///< of the user's, by name: each is put on one node or more

  /// Draws the next command of a client. All choices come from `random`: the same seed gives the same run. What it gives, the
  /// state machine's table of commands allows; it has at most `largest_command` bytes.
  std::function<std::vector<std::string>(random_stream& random, uint32_t client)> next;
  static constexpr size_t largest_command = 512;

  /// When all has come to rest: is this the state that it should be, are these the replies? `state` is what the decided
  /// commands lead to, `all` are the clients' commands in the order of calls. Returns what is wrong, or nothing. May be empty.
  std::function<std::optional<std::string>(const state_machine& state, std::span<const asked_command> all)> check;
};

} // namespace synod::simulation
