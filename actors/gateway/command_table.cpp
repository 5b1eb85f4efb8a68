#include "synod/actors/gateway/command_table.hpp"

#include "synod/actors/role/redis_text.hpp"

#include <algorithm>

namespace synod {

namespace {

constexpr size_t told_bytes = 128; // of a name or an argument, in errors

std::string unknown_command(arguments args) {
  std::string list;
  for (size_t i = 1; i < args.size() && list.size() < told_bytes; ++i)
    list += "'" + redis::told(args[i].substr(0, told_bytes - list.size())) + "' ";
  return "ERR unknown command '" + redis::told(args[0].substr(0, told_bytes)) + "', with args beginning with: " + list;
}

std::string unknown_subcommand(const command_spec& of, std::string_view name) {
  std::string upper{of.name};
  std::transform(upper.begin(), upper.end(), upper.begin(), [](char x) { return static_cast<char>(std::toupper(x)); });
  return "ERR unknown subcommand '" + redis::told(name.substr(0, told_bytes)) + "'. Try " + upper + " HELP.";
}

} // namespace

command_table::command_table(std::span<const gateway_command> own, std::span<const command_spec> of_machine)
  : all_{own.begin(), own.end()} {
  using kind = gateway_command::kind;
  auto name_of = [](const gateway_command& x) { return std::string_view{x.spec.name}; };
  for (auto& each : all_)
    if (each.how == kind::info
        && std::none_of(of_machine.begin(), of_machine.end(), [&](auto& x) { return x.name == name_of(each); }))
      each.how = kind::local;
  for (auto& each : of_machine)
    all_.push_back({each});
  // Stable: the gateway's own comes first, and stays.
  std::stable_sort(all_.begin(), all_.end(), [&](auto& a, auto& b) { return name_of(a) < name_of(b); });
  all_.erase(std::unique(all_.begin(), all_.end(), [&](auto& a, auto& b) { return name_of(a) == name_of(b); }), all_.end());
  for (auto& each : all_) {
    by_name_.emplace(name_of(each), &each);
    if (each.subcommands)
      for (auto& part : each.subcommands())
        subcommands_.emplace(name_of(part), &part);
  }
}

const gateway_command* command_table::find(std::string_view name) const {
  folded_name folded{name};
  if (auto found = by_name_.find(folded.text()); found != by_name_.end())
    return found->second;
  auto found = subcommands_.find(folded.text());
  return found == subcommands_.end() ? nullptr : found->second;
}

const gateway_command* command_table::find(arguments args) const {
  auto found = by_name_.find(folded_name{args[0]}.text());
  if (found == by_name_.end())
    return nullptr;
  auto* command = found->second;
  if (!command->subcommands || args.size() == 1)
    return command;
  auto part = subcommands_.find(folded_name{std::string{command->spec.name}.append("|").append(args[1])}.text());
  return part == subcommands_.end() ? nullptr : part->second;
}

command_table::found command_table::look_up(arguments args) const {
  if (auto* command = find(args))
    return {command, command->takes(args.size()) ? std::string{} : redis::errors::wrong_arity(command->spec.name)};
  auto* container = args.size() > 1 ? find(args.first(1)) : nullptr;
  return {nullptr, container ? unknown_subcommand(container->spec, args[1]) : unknown_command(args)};
}

} // namespace synod
