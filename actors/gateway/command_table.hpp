// All commands that a gateway knows, by name.
#pragma once

#include "synod/actors/gateway/resp.hpp"
#include "synod/actors/role/state_machine.hpp"

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace synod {

struct local_context;

/// Answers a command without the replicas.
using local_function = void (*)(local_context& of, arguments args, resp::writer out);

struct gateway_command {
  enum class kind : uint8_t {
    machine, ///< performed by the state machine
    local,   ///< answered by the gateway; a transaction queues it like one of the machine's
    at_once, ///< answered by the gateway, within MULTI too
    info,    ///< answered by both, if the state machine has a command of this name; otherwise `local`
    watch,   ///< the connection asks the replica for versions
    exec,    ///< the connection submits what was queued
  };

  command_spec spec;
  kind how = kind::machine;
  local_function answer = nullptr; ///< of `local`, `at_once` and `info`
  /// Its subcommands, each with its whole name: "client|id".
  std::span<const gateway_command> (*subcommands)() = nullptr;

  bool takes(size_t arguments) const {
    auto count = static_cast<int>(arguments);
    return spec.arity >= 0 ? count == spec.arity : count >= -spec.arity;
  }
};

/// A command's name in lower case, without an allocation; empty for one that is longer than any command's.
class folded_name {
public:
  explicit folded_name(std::string_view name) : size_{name.size() > bytes_.size() ? 0 : name.size()} {
    for (size_t i = 0; i < size_; ++i)
      bytes_[i] = name[i] >= 'A' && name[i] <= 'Z' ? static_cast<char>(name[i] | 0x20) : name[i];
  }

  std::string_view text() const { return {bytes_.data(), size_}; }

private:
  std::array<char, 64> bytes_;
  size_t size_;
};

/// The gateway's own commands and the state machine's; of two with one name the gateway's. Names and texts are not copied.
class command_table {
public:
  struct found {
    const gateway_command* command; ///< the subcommand, where there are some; null: there is none
    std::string error;              ///< empty: it may be performed
  };

  command_table(std::span<const gateway_command> own, std::span<const command_spec> of_machine);
  command_table(const command_table&) = delete; // It points into itself.
  command_table& operator=(const command_table&) = delete;

  /// What these arguments ask for, and whether they are as many as it takes.
  found look_up(arguments args) const;
  /// The same, whatever their number; null: there is none.
  const gateway_command* find(arguments args) const;
  /// Null: there is none. `name` in any case, and of a subcommand with that of its command: "client|id".
  const gateway_command* find(std::string_view name) const;

  // In the order of names.
  auto begin() const { return all_.begin(); }
  auto end() const { return all_.end(); }
  size_t size() const { return all_.size(); }

private:
  std::vector<gateway_command> all_;
  std::unordered_map<std::string_view, const gateway_command*> by_name_;
  std::unordered_map<std::string_view, const gateway_command*> subcommands_; // by the whole name
};

} // namespace synod
