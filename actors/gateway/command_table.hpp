// All commands that a gateway knows, by name.
#pragma once

#include "synod/actors/gateway/resp.hpp"
#include "synod/actors/role/state_machine.hpp"

#include <array>
#include <span>
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
    watch,   ///< the connection asks the replica for versions
    exec,    ///< the connection submits what was queued
  };

  command_spec spec;
  kind how = kind::machine;
  local_function answer = nullptr; ///< of `local` and `at_once`

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
  command_table(std::span<const gateway_command> own, std::span<const command_spec> of_machine);
  command_table(const command_table&) = delete; // It points into itself.
  command_table& operator=(const command_table&) = delete;

  /// Null: there is none. `name` in any case.
  const gateway_command* find(std::string_view name) const;

  // In the order of names.
  auto begin() const { return all_.begin(); }
  auto end() const { return all_.end(); }
  size_t size() const { return all_.size(); }

private:
  std::vector<gateway_command> all_;
  std::unordered_map<std::string_view, const gateway_command*> by_name_;
};

} // namespace synod
