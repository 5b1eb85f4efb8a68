#include "synod/actors/gateway/command_table.hpp"

#include <algorithm>

namespace synod {

command_table::command_table(std::span<const gateway_command> own, std::span<const command_spec> of_machine)
  : all_{own.begin(), own.end()} {
  for (auto& each : of_machine)
    all_.push_back({each});
  auto name_of = [](const gateway_command& x) { return std::string_view{x.spec.name}; };
  // Stable: the gateway's own comes first, and stays.
  std::stable_sort(all_.begin(), all_.end(), [&](auto& a, auto& b) { return name_of(a) < name_of(b); });
  all_.erase(std::unique(all_.begin(), all_.end(), [&](auto& a, auto& b) { return name_of(a) == name_of(b); }), all_.end());
  for (auto& each : all_)
    by_name_.emplace(name_of(each), &each);
}

const gateway_command* command_table::find(std::string_view name) const {
  auto found = by_name_.find(folded_name{name}.text());
  return found == by_name_.end() ? nullptr : found->second;
}

} // namespace synod
