// COMMAND and its subcommands: what commands there are.
#include "synod/actors/gateway/command_details.hpp"
#include "synod/actors/gateway/command_syntax.hpp"
#include "synod/actors/gateway/subcommands.hpp"
#include "synod/actors/role/redis_text.hpp"

#include <algorithm>
#include <cctype>

namespace synod {

using redis::equals_ignoring_case;
namespace errors = redis::errors;

namespace {

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    auto end = std::min(text.find(at), text.size());
    parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

// -- COMMAND INFO -----------------------------------------------------------------

std::vector<std::string_view> flags_of(const gateway_command& x) {
  auto flags = split(details_of(x.spec).flags, ' ');
  if (x.how == gateway_command::kind::machine)
    flags.insert(flags.begin(), x.spec.access == command_spec::write ? "write" : "readonly");
  return flags;
}

/// The groups of commands that ACLs of Redis know.
std::vector<std::string> categories_of(const gateway_command& x) {
  auto flags = flags_of(x);
  auto has = [&](std::string_view flag) { return std::find(flags.begin(), flags.end(), flag) != flags.end(); };
  std::string_view group = x.spec.group;
  std::vector<std::string> found{has("fast") ? "@fast" : "@slow"};
  if (x.how == gateway_command::kind::machine)
    found.push_back(x.spec.access == command_spec::write ? "@write" : "@read");
  if (has("admin"))
    found.insert(found.end(), {"@admin", "@dangerous"});
  if (group == "generic" || (group == "server" && x.how == gateway_command::kind::machine))
    found.push_back("@keyspace");
  else if (group == "transactions")
    found.push_back("@transaction");
  else if (group != "server")
    found.push_back("@" + std::string{group});
  return found;
}

/// What becomes of the keys, in the order of their specifications: the last one holds for all that follow.
std::vector<std::string_view> key_uses(const command_spec& x) {
  auto* told = details_of(x).key_use;
  return split(*told != '\0' ? told : x.access == command_spec::write ? "RW" : "RO", '|');
}

void write_statuses(const std::vector<std::string_view>& texts, resp::writer out) {
  out.set(texts.size());
  for (auto each : texts)
    out.status(each);
}

void write_number(const char* name, int64_t number, resp::writer out) {
  out.bulk(name);
  out.integer(number);
}

void write_key_specifications(const command_spec& x, resp::writer out) {
  auto uses = x.first_key == 0 ? std::vector<std::string_view>{} : key_uses(x);
  out.array(uses.size());
  for (size_t i = 0; i < uses.size(); ++i) {
    out.map(3);
    out.bulk("flags");
    write_statuses(split(uses[i], ' '), out);
    out.bulk("begin_search");
    out.map(2);
    out.bulk("type");
    out.bulk("index");
    out.bulk("spec");
    out.map(1);
    write_number("index", x.first_key + static_cast<int>(i), out);
    out.bulk("find_keys");
    out.map(2);
    out.bulk("type");
    out.bulk("range");
    out.bulk("spec");
    out.map(3);
    write_number("lastkey", uses.size() > 1 || x.last_key == x.first_key ? 0 : x.last_key, out);
    write_number("keystep", uses.size() > 1 ? 1 : x.key_step, out);
    write_number("limit", 0, out);
  }
}

std::span<const gateway_command> subcommands_of(const gateway_command& x) {
  return x.subcommands ? x.subcommands() : std::span<const gateway_command>{};
}

void write_info(const gateway_command& x, resp::writer out) {
  if (out.full())
    return;
  out.array(10);
  out.bulk(x.spec.name);
  out.integer(x.spec.arity);
  write_statuses(flags_of(x), out);
  out.integer(x.spec.first_key);
  out.integer(x.spec.last_key);
  out.integer(x.spec.key_step);
  auto categories = categories_of(x);
  write_statuses({categories.begin(), categories.end()}, out);
  out.array(0); // tips
  write_key_specifications(x.spec, out);
  auto subcommands = subcommands_of(x);
  out.array(subcommands.size());
  for (auto& each : subcommands)
    write_info(each, out);
}

void command_info(local_context& of, arguments args, resp::writer out) {
  if (args.size() == 2)
    return tell_all_commands(of, args, out);
  if (!are_few(args.subspan(2), out))
    return;
  out.array(args.size() - 2);
  for (auto name : args.subspan(2))
    if (auto* found = of.services.commands().find(name))
      write_info(*found, out);
    else
      out.nil();
}

// -- COMMAND DOCS -----------------------------------------------------------------

void write_arguments(const std::vector<syntax_element>& elements, resp::writer out) {
  out.array(elements.size());
  for (auto& each : elements) {
    out.map(2u + !each.token.empty() + (each.optional || each.multiple) + !each.parts.empty());
    out.bulk("name");
    out.bulk(each.name);
    out.bulk("type");
    out.bulk(each.type);
    if (!each.token.empty()) {
      out.bulk("token");
      out.bulk(each.token);
    }
    if (each.optional || each.multiple) {
      out.bulk("flags");
      out.set(static_cast<size_t>(each.optional) + each.multiple);
      if (each.optional)
        out.status("optional");
      if (each.multiple)
        out.status("multiple");
    }
    if (!each.parts.empty()) {
      out.bulk("arguments");
      write_arguments(each.parts, out);
    }
  }
}

void write_docs(const gateway_command& x, resp::writer out) {
  if (out.full())
    return;
  auto syntax = parse_syntax(details_of(x.spec).syntax);
  auto subcommands = subcommands_of(x);
  out.bulk(x.spec.name);
  out.map(3u + !syntax.empty() + !subcommands.empty());
  out.bulk("summary");
  out.bulk(x.spec.summary);
  out.bulk("since");
  out.bulk(x.spec.since);
  out.bulk("group");
  out.bulk(x.spec.group);
  if (!syntax.empty()) {
    out.bulk("arguments");
    write_arguments(syntax, out);
  }
  if (!subcommands.empty()) {
    out.bulk("subcommands");
    out.map(subcommands.size());
    for (auto& each : subcommands)
      write_docs(each, out);
  }
}

void command_docs(local_context& of, arguments args, resp::writer out) {
  if (!are_few(args.subspan(2), out))
    return;
  auto& all = of.services.commands();
  std::vector<const gateway_command*> found;
  for (auto name : args.subspan(2))
    if (auto* known = all.find(name))
      found.push_back(known);
  if (args.size() == 2)
    for (auto& each : all)
      found.push_back(&each);
  out.map(found.size());
  for (auto* each : found)
    write_docs(*each, out);
}

// -- COMMAND COUNT and LIST ---------------------------------------------------------

void command_count(local_context& of, arguments, resp::writer out) {
  out.integer(static_cast<int64_t>(of.services.commands().size()));
}

using filter = bool (*)(const gateway_command&, std::string_view);

bool is_of_module(const gateway_command&, std::string_view) {
  return false; // There are none.
}

bool is_of_category(const gateway_command& x, std::string_view name) {
  auto categories = categories_of(x);
  return std::any_of(categories.begin(), categories.end(),
                     [&](auto& each) { return equals_ignoring_case(name, each.substr(1)); });
}

bool matches_pattern(const gateway_command& x, std::string_view pattern) {
  return redis::matches(redis::lower_case(pattern), x.spec.name);
}

void command_list(local_context& of, arguments args, resp::writer out) {
  filter fits = nullptr;
  if (args.size() == 5 && equals_ignoring_case(args[2], "filterby"))
    fits = equals_ignoring_case(args[3], "module")    ? is_of_module
           : equals_ignoring_case(args[3], "aclcat")  ? is_of_category
           : equals_ignoring_case(args[3], "pattern") ? matches_pattern
                                                      : nullptr;
  if (args.size() != 2 && !fits)
    return out.error(errors::syntax);
  if (out.full() || (fits && !is_short(args[4], out)))
    return;
  std::vector<const char*> found;
  for (auto& each : of.services.commands()) {
    if (!fits || fits(each, args[4]))
      found.push_back(each.spec.name);
    for (auto& part : subcommands_of(each))
      if (!fits || fits(part, args[4]))
        found.push_back(part.spec.name);
  }
  out.array(found.size());
  for (auto* name : found)
    out.bulk(name);
}

// -- COMMAND GETKEYS ----------------------------------------------------------------

/// The command in args[2] and what follows; null: an error is answered.
const command_spec* command_with_keys(local_context& of, arguments command, resp::writer out) {
  auto* found = of.services.commands().find(command);
  if (!found)
    out.error("ERR Invalid command specified");
  else if (found->spec.first_key == 0)
    out.error("ERR The command has no key arguments");
  else if (!found->takes(command.size()))
    out.error("ERR Invalid number of arguments specified for command");
  else
    return &found->spec;
  return nullptr;
}

std::vector<std::string_view> keys_of(const command_spec& x, arguments command) {
  std::vector<std::string_view> keys;
  auto count = static_cast<int>(command.size());
  auto last = x.last_key < 0 ? count + x.last_key : std::min(x.last_key, count - 1);
  for (int i = x.first_key; i <= last; i += std::max(x.key_step, 1))
    keys.push_back(command[static_cast<size_t>(i)]);
  return keys;
}

void command_getkeys(local_context& of, arguments args, resp::writer out) {
  auto* command = command_with_keys(of, args.subspan(2), out);
  if (!command)
    return;
  auto keys = keys_of(*command, args.subspan(2));
  out.array(keys.size());
  for (auto key : keys)
    out.bulk(key);
}

/// What becomes of the keys of this very command, where that depends on its other arguments: SET reads when it has GET.
std::vector<std::string_view> key_uses(const command_spec& x, arguments command) {
  auto uses = key_uses(x);
  if (!uses.front().ends_with(" variable_flags"))
    return uses;
  auto reads = std::any_of(command.begin() + 3, command.end(), [](auto word) { return equals_ignoring_case(word, "get"); });
  return {reads ? "RW access update" : "OW update"};
}

void command_getkeysandflags(local_context& of, arguments args, resp::writer out) {
  auto* command = command_with_keys(of, args.subspan(2), out);
  if (!command)
    return;
  auto keys = keys_of(*command, args.subspan(2));
  auto uses = key_uses(*command, args.subspan(2));
  out.array(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    out.array(2);
    out.bulk(keys[i]);
    write_statuses(split(uses[std::min(i, uses.size() - 1)], ' '), out);
  }
}

void command_help(local_context&, arguments, resp::writer out) {
  tell_help(command_subcommands(), out);
}

using kind = gateway_command::kind;
constexpr auto l = kind::local;
constexpr auto r = command_spec::read;
constexpr const char* s = "server";

constexpr gateway_command table[] = {
  {{"command|count", 2, r, 0, 0, 0, s, "2.8.13", "Counts the commands."}, l, command_count},
  {{"command|docs", -2, r, 0, 0, 0, s, "7.0.0", "Tells what commands do, and their arguments."}, l, command_docs},
  {{"command|getkeys", -4, r, 0, 0, 0, s, "2.8.13", "Tells which arguments are keys."}, l, command_getkeys},
  {{"command|getkeysandflags", -4, r, 0, 0, 0, s, "7.0.0", "Tells which arguments are keys, and their use."},
   l,
   command_getkeysandflags},
  {{"command|help", 2, r, 0, 0, 0, s, "5.0.0", "Tells these lines."}, l, command_help},
  {{"command|info", -2, r, 0, 0, 0, s, "2.8.13", "Tells how commands are called."}, l, command_info},
  {{"command|list", -2, r, 0, 0, 0, s, "7.0.0", "Tells the commands' names."}, l, command_list},
};

std::string upper_case(std::string_view text) {
  std::string result{text};
  std::transform(result.begin(), result.end(), result.begin(), [](char x) { return static_cast<char>(std::toupper(x)); });
  return result;
}

} // namespace

std::span<const gateway_command> command_subcommands() {
  return table;
}

bool are_few(arguments names, resp::writer out) {
  auto few = names.size() <= most_names;
  if (!few)
    out.error("ERR there are " + std::to_string(names.size()) + " arguments, and no more than " + std::to_string(most_names)
              + " are taken at once");
  return few;
}

bool is_short(std::string_view pattern, resp::writer out) {
  auto is_short = pattern.size() <= most_pattern_bytes;
  if (!is_short)
    out.error("ERR a pattern here has no more than " + std::to_string(most_pattern_bytes) + " bytes");
  return is_short;
}

void tell_all_commands(local_context& of, arguments, resp::writer out) {
  auto& all = of.services.commands();
  out.array(all.size());
  for (auto& each : all)
    write_info(each, out);
}

void tell_help(std::span<const gateway_command> subcommands, resp::writer out) {
  if (out.full())
    return;
  std::string_view first = subcommands.front().spec.name;
  out.array(2 * subcommands.size() + 1);
  out.status(upper_case(first.substr(0, first.find('|'))) + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
  for (auto& each : subcommands) {
    std::string_view name = each.spec.name;
    std::string syntax = details_of(each.spec).syntax;
    out.status(upper_case(name.substr(name.find('|') + 1)) + (syntax.empty() ? "" : " ") + syntax);
    out.status("    " + std::string{each.spec.summary});
  }
}

} // namespace synod
