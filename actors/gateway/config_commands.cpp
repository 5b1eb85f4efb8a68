// CONFIG and its subcommands.
#include "synod/actors/gateway/subcommands.hpp"
#include "synod/actors/role/redis_text.hpp"

#include <algorithm>

namespace synod {

namespace {

const setting* find_setting(const local_context& of, std::string_view name) {
  auto& all = of.services.settings();
  auto found = std::find_if(all.begin(), all.end(), [&](auto& x) { return redis::equals_ignoring_case(name, x.name); });
  return found == all.end() ? nullptr : &*found;
}

/// A setting that is named comes back with the name as it was given; those that a pattern fits with their own.
void config_get(local_context& of, arguments args, resp::writer out) {
  if (!are_few(args.subspan(2), out))
    return;
  std::vector<std::pair<std::string_view, const setting*>> found;
  auto add = [&](std::string_view name, const setting& x) {
    if (std::none_of(found.begin(), found.end(), [&](auto& each) { return each.second == &x; }))
      found.emplace_back(name, &x);
  };
  for (auto given : args.subspan(2)) {
    auto is_pattern = given.find_first_of("*?[") != std::string_view::npos;
    if (is_pattern && !is_short(given, out))
      return;
    for (auto& each : of.services.settings())
      if (is_pattern ? redis::matches(redis::lower_case(given), each.name) : redis::equals_ignoring_case(given, each.name))
        add(is_pattern ? std::string_view{each.name} : given, each);
  }
  out.map(found.size());
  for (auto& [name, which] : found) {
    out.bulk(name);
    out.bulk(which->value);
  }
}

// -- CONFIG SET -----------------------------------------------------------------

struct change {
  const setting* which;
  std::string_view value;
};

std::string refusal(std::string_view name, const std::string& why) {
  return "ERR CONFIG SET failed (possibly related to argument '" + redis::told(name) + "') - " + why;
}

/// The settings that are named; `problem` if there is no such one, or one that does not change, or one twice.
std::vector<change> read_changes(const local_context& of, arguments words, std::string& problem) {
  std::vector<change> changes;
  for (size_t i = 0; i < words.size(); i += 2) {
    auto* which = find_setting(of, words[i]);
    if (!which) { // Redis tells this before anything else.
      problem = "ERR Unknown option or number of arguments for CONFIG SET - '" + redis::told(words[i]) + "'";
      return {};
    }
    auto again = std::any_of(changes.begin(), changes.end(), [&](auto& x) { return x.which == which; });
    if (problem.empty() && !which->may_change())
      problem = refusal(words[i], "can't set immutable config");
    else if (problem.empty() && again)
      problem = refusal(words[i], "duplicate parameter");
    changes.push_back({which, words[i + 1]});
  }
  return changes;
}

/// What is wrong with a value; nothing: it may be set.
std::string problem_with(const change& x) {
  if (!redis::parse_integer(x.value))
    return refusal(x.which->name, "argument couldn't be parsed into an integer");
  if (!parse_between(x.value, x.which->least, x.which->most))
    return refusal(x.which->name, "argument must be between " + std::to_string(x.which->least) + " and "
                                    + std::to_string(x.which->most) + " inclusive");
  return {};
}

/// All of them or none.
void config_set(local_context& of, arguments args, resp::writer out) {
  if (args.size() % 2 != 0)
    return out.error(redis::errors::syntax);
  if (!are_few(args.subspan(2), out))
    return;
  std::string problem;
  auto changes = read_changes(of, args.subspan(2), problem);
  for (auto each = changes.begin(); problem.empty() && each != changes.end(); ++each)
    problem = problem_with(*each);
  if (!problem.empty())
    return out.error(problem);
  for (auto& each : changes)
    of.services.change_setting(*each.which, *redis::parse_integer(each.value));
  out.status("OK");
}

void config_resetstat(local_context& of, arguments, resp::writer out) {
  of.services.reset_statistics();
  out.status("OK");
}

void config_rewrite(local_context&, arguments, resp::writer out) {
  out.error("ERR the cluster file is not written by its nodes: settings are as it says when they start again");
}

void config_help(local_context&, arguments, resp::writer out) {
  tell_help(config_subcommands(), out);
}

using kind = gateway_command::kind;
constexpr auto l = kind::local;
constexpr auto r = command_spec::read;
constexpr const char* s = "server";

constexpr gateway_command table[] = {
  {{"config|get", -3, r, 0, 0, 0, s, "2.0.0", "Tells this node's settings that match patterns."}, l, config_get},
  {{"config|help", 2, r, 0, 0, 0, s, "5.0.0", "Tells these lines."}, l, config_help},
  {{"config|resetstat", 2, r, 0, 0, 0, s, "2.0.0", "Lets INFO count from zero again."}, l, config_resetstat},
  {{"config|rewrite", 2, r, 0, 0, 0, s, "2.8.0", "Is refused: the cluster file belongs to its editor."}, l, config_rewrite},
  {{"config|set", -4, r, 0, 0, 0, s, "2.0.0", "Changes settings of this node until it ends."}, l, config_set},
};

} // namespace

std::span<const gateway_command> config_subcommands() {
  return table;
}

std::optional<int64_t> parse_between(std::string_view text, int64_t least, int64_t most) {
  auto number = redis::parse_integer(text);
  return number && *number >= least && *number <= most ? number : std::nullopt;
}

} // namespace synod
