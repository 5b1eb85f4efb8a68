#include "synod/actors/replica/key_value/machine.hpp"

#include "synod/actors/role/redis_text.hpp"

#include <algorithm>
#include <array>
#include <unordered_map>

namespace synod::key_value {

using namespace redis;

namespace {

const std::vector<command_spec>& all_specs() {
  static const auto specs = [] {
    std::vector<command_spec> list;
    for (auto group : {string_commands(), key_commands(), information_commands()})
      for (auto& each : group)
        list.push_back(each.spec);
    return list;
  }();
  return specs;
}

const command* find_command(std::string_view name) {
  static const auto table = [] {
    std::unordered_map<std::string_view, const command*> map;
    for (auto group : {string_commands(), key_commands(), information_commands()})
      for (auto& each : group)
        map.emplace(each.spec.name, &each);
    return map;
  }();
  char lower[32];
  if (name.size() > sizeof lower)
    return nullptr;
  for (size_t i = 0; i < name.size(); ++i)
    lower[i] = static_cast<char>(std::tolower(static_cast<unsigned char>(name[i])));
  auto found = table.find({lower, name.size()});
  return found == table.end() ? nullptr : found->second;
}

/// The command, if it is known and has a fitting number of arguments; otherwise the error is answered.
const command* checked(arguments args, reply& answer) {
  auto* found = args.empty() ? nullptr : find_command(args[0]);
  auto count = static_cast<int>(args.size());
  if (!found)
    answer.error("ERR unknown command '" + std::string{args.empty() ? "" : args[0].substr(0, 128)}
                 + "', with args beginning with: ");
  else if (found->spec.arity >= 0 ? count != found->spec.arity : count < -found->spec.arity)
    answer.error(errors::wrong_arity(args[0]));
  else
    return found;
  return nullptr;
}

} // namespace

std::span<const command_spec> machine::commands() const {
  return all_specs();
}

void machine::begin_batch(int64_t now, uint64_t) {
  data_.advance(now);
}

/// The first key is all that most commands have, and where it is none, looking for it does no harm.
void machine::foresee(std::span<const arguments> commands) const {
  static_assert(state_machine::most_foreseen <= store::most_foreseen);
  std::array<std::string_view, state_machine::most_foreseen> keys;
  size_t count = 0;
  for (auto& each : commands)
    if (each.size() > 1 && count < keys.size())
      keys[count++] = each[1];
  data_.foresee({keys.data(), count});
}

void machine::apply(arguments args, reply answer) {
  auto* found = checked(args, answer);
  if (!found)
    return;
  if (found->grows && data_.bytes() > limits_.store_bytes)
    return answer.error(errors::out_of_memory);
  if (found->apply)
    found->apply(*this, args, answer);
  else if (answer.wanted())
    found->query(*this, args, answer);
}

void machine::query(arguments args, reply answer) const {
  auto* found = checked(args, answer);
  if (found && found->query)
    found->query(*this, args, answer);
  else if (found)
    answer.error("ERR '" + lower_case(args[0]) + "' is not a read-only command");
}

uint64_t machine::version(std::string_view key) const {
  return data_.version(key);
}

bool is_expiry(std::string_view word) {
  return equals_ignoring_case(word, "ex") || equals_ignoring_case(word, "px") || equals_ignoring_case(word, "exat")
         || equals_ignoring_case(word, "pxat");
}

int64_t parse_expiry(std::string_view word, std::string_view number, int64_t now, std::string_view command,
                     std::string& problem) {
  auto seconds = equals_ignoring_case(word, "ex") || equals_ignoring_case(word, "exat");
  auto absolute = equals_ignoring_case(word, "exat") || equals_ignoring_case(word, "pxat");
  auto value = parse_integer(number);
  if (!value) {
    problem = errors::not_an_integer;
    return 0;
  }
  int64_t result = *value;
  if (*value <= 0 || (seconds && __builtin_mul_overflow(result, int64_t{1000}, &result))
      || (!absolute && __builtin_add_overflow(result, now, &result)))
    problem = errors::invalid_expire(command);
  return result;
}

} // namespace synod::key_value
