#include "synod/actors/gateway/subcommands.hpp"

#include "synod/actors/role/redis_text.hpp"

#include <algorithm>

namespace synod {

using redis::equals_ignoring_case;
using redis::lower_case;
namespace errors = redis::errors;

namespace {

struct subcommand {
  const char* name; // in lower case
  int arity;        // number of arguments with both names; negative: at least so many
  local_function answer;
};

/// Answers by the subcommand that args[1] names.
void answer_by(std::span<const subcommand> table, const char* command, local_context& of, arguments args, resp::writer out) {
  folded_name name{args[1]};
  auto found = std::find_if(table.begin(), table.end(), [&](auto& x) { return name.text() == x.name; });
  if (found == table.end()) {
    std::string upper{command};
    std::transform(upper.begin(), upper.end(), upper.begin(), [](char x) { return static_cast<char>(std::toupper(x)); });
    return out.error("ERR unknown subcommand '" + std::string{args[1].substr(0, 128)} + "'. Try " + upper + " HELP.");
  }
  auto count = static_cast<int>(args.size());
  if (found->arity >= 0 ? count != found->arity : count < -found->arity)
    return out.error(errors::wrong_arity(std::string{command} + "|" + found->name));
  found->answer(of, args, out);
}

// -- CLIENT ---------------------------------------------------------------------

void client_id(local_context& of, arguments, resp::writer out) {
  out.integer(static_cast<int64_t>(of.client.id));
}

void client_getname(local_context& of, arguments, resp::writer out) {
  of.client.name.empty() ? out.nil() : out.bulk(of.client.name);
}

void client_setname(local_context& of, arguments args, resp::writer out) {
  if (!is_client_text(args[2]))
    return out.error("ERR Client names cannot contain spaces, newlines or special characters.");
  of.client.name = args[2];
  out.status("OK");
}

void client_setinfo(local_context& of, arguments args, resp::writer out) {
  auto is_name = equals_ignoring_case(args[2], "lib-name");
  if (!is_name && !equals_ignoring_case(args[2], "lib-ver"))
    return out.error("ERR Unrecognized option '" + std::string{args[2]} + "'");
  if (!is_client_text(args[3]))
    return out.error("ERR " + lower_case(args[2]) + " cannot contain spaces, newlines or special characters.");
  (is_name ? of.client.library_name : of.client.library_version) = args[3];
  out.status("OK");
}

void client_info(local_context& of, arguments, resp::writer out) {
  auto& client = of.client;
  auto& queue = of.queue;
  // Nothing was heard of it since this command came: it has been idle for no time.
  auto age = std::chrono::duration_cast<std::chrono::seconds>(client.used - client.created).count();
  out.verbatim("id=" + std::to_string(client.id) + " addr=" + client.remote_address + " laddr=" + client.local_address
               + " fd=-1 name=" + client.name + " age=" + std::to_string(age) + " idle=0 flags=" + (queue.open() ? "x" : "N")
               + " db=0 sub=0 psub=0 ssub=0 multi=" + (queue.open() ? std::to_string(queue.commands().size()) : "-1")
               + " watch=" + std::to_string(queue.watched().size()) + " qbuf=" + std::to_string(of.unparsed_bytes)
               + " qbuf-free=0 argv-mem=0 multi-mem=" + std::to_string(queue.queued_bytes())
               + " obl=" + std::to_string(of.unsent_bytes) + " oll=0 omem=0 tot-mem=0 events=r cmd=" + client.last_command
               + " user=default redir=-1 resp=" + std::to_string(client.version) + " lib-name=" + client.library_name
               + " lib-ver=" + client.library_version + "\n");
}

/// ON or OFF.
void set_flag(bool& flag, std::string_view text, resp::writer out) {
  auto on = equals_ignoring_case(text, "on");
  if (!on && !equals_ignoring_case(text, "off"))
    return out.error(errors::syntax);
  flag = on;
  out.status("OK");
}

void client_no_evict(local_context& of, arguments args, resp::writer out) {
  set_flag(of.client.no_evict, args[2], out);
}

void client_no_touch(local_context& of, arguments args, resp::writer out) {
  set_flag(of.client.no_touch, args[2], out);
}

constexpr subcommand client_subcommands[] = {
  {"id", 2, client_id},      {"getname", 2, client_getname}, {"setname", 3, client_setname},   {"setinfo", 4, client_setinfo},
  {"info", -2, client_info}, {"list", -2, client_info},      {"no-evict", 3, client_no_evict}, {"no-touch", 3, client_no_touch},
};

// -- COMMAND --------------------------------------------------------------------

void write_info(const command_spec& x, resp::writer out) {
  out.array(10);
  out.bulk(x.name);
  out.integer(x.arity);
  out.set(1);
  out.status(x.access == command_spec::write ? "write" : "readonly");
  out.integer(x.first_key);
  out.integer(x.last_key);
  out.integer(x.key_step);
  out.set(1);
  out.status(std::string{"@"} + x.group);
  out.array(0);
  out.array(0);
  out.array(0);
}

void write_docs(const command_spec& x, resp::writer out) {
  out.bulk(x.name);
  out.map(3);
  out.bulk("summary");
  out.bulk(x.summary);
  out.bulk("since");
  out.bulk(x.since);
  out.bulk("group");
  out.bulk(x.group);
}

void write_all_infos(const command_table& all, resp::writer out) {
  out.array(all.size());
  for (auto& each : all)
    write_info(each.spec, out);
}

void command_count(local_context& of, arguments, resp::writer out) {
  out.integer(static_cast<int64_t>(of.services.commands().size()));
}

void command_list(local_context& of, arguments, resp::writer out) {
  auto& all = of.services.commands();
  out.array(all.size());
  for (auto& each : all)
    out.bulk(each.spec.name);
}

void command_info(local_context& of, arguments args, resp::writer out) {
  auto& all = of.services.commands();
  if (args.size() == 2)
    return write_all_infos(all, out);
  out.array(args.size() - 2);
  for (auto name : args.subspan(2))
    if (auto* found = all.find(name))
      write_info(found->spec, out);
    else
      out.no_array();
}

void command_docs(local_context& of, arguments args, resp::writer out) {
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
    write_docs(each->spec, out);
}

constexpr subcommand command_subcommands[] = {
  {"count", 2, command_count},
  {"list", -2, command_list},
  {"info", -2, command_info},
  {"docs", -2, command_docs},
};

// -- CONFIG ---------------------------------------------------------------------

void config_get(local_context& of, arguments args, resp::writer out) {
  std::vector<std::string> patterns;
  for (auto each : args.subspan(2))
    patterns.push_back(lower_case(each));
  std::vector<const std::pair<std::string, std::string>*> found;
  for (auto& setting : of.services.settings())
    if (std::any_of(patterns.begin(), patterns.end(), [&](auto& pattern) { return redis::matches(pattern, setting.first); }))
      found.push_back(&setting);
  out.map(found.size());
  for (auto* setting : found) {
    out.bulk(setting->first);
    out.bulk(setting->second);
  }
}

constexpr subcommand config_subcommands[] = {
  {"get", -3, config_get},
};

} // namespace

void client_command(local_context& of, arguments args, resp::writer out) {
  answer_by(client_subcommands, "client", of, args, out);
}

void command_command(local_context& of, arguments args, resp::writer out) {
  if (args.size() == 1 || args[1].empty())
    return write_all_infos(of.services.commands(), out);
  answer_by(command_subcommands, "command", of, args, out);
}

void config_command(local_context& of, arguments args, resp::writer out) {
  answer_by(config_subcommands, "config", of, args, out);
}

bool is_client_text(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char x) { return x >= '!' && x <= '~'; });
}

} // namespace synod
