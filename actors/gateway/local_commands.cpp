// The commands that concern a connection, not the data.
#include "synod/actors/gateway/connection.hpp"

#include "synod/actors/role/redis_text.hpp"

#include <algorithm>

namespace synod {

using redis::equals_ignoring_case;
using redis::lower_case;
namespace errors = redis::errors;

namespace {

constexpr auto r = command_spec::read;
constexpr const char* c = "connection";
constexpr const char* s = "server";
constexpr const char* t = "transactions";

constexpr command_spec table[] = {
  {"ping", -1, r, 0, 0, 0, c, "1.0.0", "Answers that the server is there."},
  {"echo", 2, r, 0, 0, 0, c, "1.0.0", "Returns its argument."},
  {"hello", -1, r, 0, 0, 0, c, "6.0.0", "Chooses the protocol version."},
  {"auth", -2, r, 0, 0, 0, c, "1.0.0", "Authenticates the connection."},
  {"select", 2, r, 0, 0, 0, c, "1.0.0", "Chooses the database; there is one, number 0."},
  {"quit", -1, r, 0, 0, 0, c, "1.0.0", "Closes the connection."},
  {"reset", 1, r, 0, 0, 0, c, "6.2.0", "Resets the connection."},
  {"client", -2, r, 0, 0, 0, c, "2.4.0", "Commands about the connection."},
  {"command", -1, r, 0, 0, 0, s, "2.8.13", "Tells about commands."},
  {"info", -1, r, 0, 0, 0, s, "1.0.0", "Tells about the server."},
  {"config", -2, r, 0, 0, 0, s, "2.0.0", "Tells the configuration."},
  {"time", 1, r, 0, 0, 0, s, "2.6.0", "Returns the node's clock."},
  {"multi", 1, r, 0, 0, 0, t, "1.2.0", "Begins a transaction."},
  {"exec", 1, r, 0, 0, 0, t, "1.2.0", "Performs a transaction."},
  {"discard", 1, r, 0, 0, 0, t, "2.0.0", "Gives a transaction up."},
  {"watch", -2, r, 1, -1, 1, t, "2.2.0", "Makes the next transaction depend on keys that do not change."},
  {"unwatch", 1, r, 0, 0, 0, t, "2.2.0", "Forgets the watched keys."},
};

bool wrong_count(arguments args, size_t wanted, resp::writer out) {
  if (args.size() == wanted)
    return false;
  out.error(errors::wrong_arity(lower_case(args[0]) + "|" + lower_case(args[1])));
  return true;
}

bool printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char x) { return x >= '!' && x <= '~'; });
}

/// ON or OFF into `flag`; answers.
void set_flag(arguments args, bool& flag, resp::writer out) {
  if (wrong_count(args, 3, out))
    return;
  auto on = equals_ignoring_case(args[2], "on");
  if (!on && !equals_ignoring_case(args[2], "off"))
    return out.error(errors::syntax);
  flag = on;
  out.status("OK");
}

void write_command_info(const command_spec& x, resp::writer out) {
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

void write_command_docs(const command_spec& x, resp::writer out) {
  out.bulk(x.name);
  out.map(3);
  out.bulk("summary");
  out.bulk(x.summary);
  out.bulk("since");
  out.bulk(x.since);
  out.bulk("group");
  out.bulk(x.group);
}

} // namespace

std::span<const command_spec> local_commands::specs() {
  return table;
}

std::string gateway_errors::unknown_command(arguments args) {
  std::string text = "ERR unknown command '" + std::string{args[0].substr(0, 128)} + "', with args beginning with: ";
  for (size_t i = 1; i < args.size() && text.size() < 256; ++i)
    text += "'" + std::string{args[i].substr(0, 128)} + "' ";
  return text;
}

std::string gateway_errors::unknown_subcommand(std::string_view command, std::string_view subcommand) {
  auto upper = lower_case(command);
  std::transform(upper.begin(), upper.end(), upper.begin(), [](char x) { return static_cast<char>(std::toupper(x)); });
  return "ERR unknown subcommand '" + std::string{subcommand.substr(0, 128)} + "'. Try " + upper + " HELP.";
}

void local_commands::answer(connection& of, arguments args, std::string& bytes) {
  auto name = lower_case(args[0]);
  auto out = of.writer_to(bytes);
  if (name == "ping") {
    if (args.size() > 2)
      out.error(errors::wrong_arity("ping"));
    else if (args.size() == 2)
      out.bulk(args[1]);
    else
      out.status("PONG");
  } else if (name == "echo") {
    out.bulk(args[1]);
  } else if (name == "hello") {
    hello(of, args, out);
  } else if (name == "auth") {
    out.error(
      "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is "
      "correct?");
  } else if (name == "select") {
    auto number = redis::parse_integer(args[1]);
    if (!number)
      out.error(errors::not_an_integer);
    else if (*number != 0)
      out.error("ERR DB index is out of range");
    else
      out.status("OK");
  } else if (name == "client") {
    client(of, args, out);
  } else if (name == "command") {
    command(of, args, out);
  } else if (name == "info") {
    std::string text;
    for (auto section : args.subspan(1))
      text += of.services_.info(lower_case(section));
    out.verbatim(args.size() == 1 ? of.services_.info("") : text);
  } else if (name == "config") {
    config(of, args, out);
  } else if (name == "time") {
    auto now = of.services_.wall_clock_us();
    out.array(2);
    out.bulk(std::to_string(now / 1'000'000));
    out.bulk(std::to_string(now % 1'000'000));
  } else if (name == "unwatch") {
    out.status("OK"); // Within a transaction: EXEC has forgotten them already.
  }
}

void local_commands::hello(connection& of, arguments args, resp::writer out) {
  auto version = of.version_;
  size_t i = 1;
  if (args.size() > 1) {
    auto asked = redis::parse_integer(args[1]);
    if (!asked)
      return out.error("ERR Protocol version is not an integer or out of range");
    if (*asked < 2 || *asked > 3)
      return out.error("NOPROTO unsupported protocol version");
    version = static_cast<int>(*asked);
    i = 2;
  }
  auto name = of.name_;
  while (i < args.size()) {
    if (equals_ignoring_case(args[i], "auth") && i + 2 < args.size()) {
      if (args[i + 1] != "default")
        return out.error("WRONGPASS invalid username-password pair or user is disabled.");
      i += 3;
    } else if (equals_ignoring_case(args[i], "setname") && i + 1 < args.size()) {
      if (!printable(args[i + 1]))
        return out.error("ERR Client names cannot contain spaces, newlines or special characters.");
      name = args[i + 1];
      i += 2;
    } else {
      return out.error("ERR Syntax error in HELLO option '" + std::string{args[i]} + "'");
    }
  }
  of.version_ = version;
  of.name_ = name;
  // The reply is in the version just chosen: `out` is of the one before, but writes to the same bytes.
  auto reply = out.in_version(version);
  reply.map(7);
  reply.bulk("server");
  reply.bulk("redis");
  reply.bulk("version");
  reply.bulk("7.0.15");
  reply.bulk("proto");
  reply.integer(version);
  reply.bulk("id");
  reply.integer(static_cast<int64_t>(of.id_));
  reply.bulk("mode");
  reply.bulk("standalone");
  reply.bulk("role");
  reply.bulk("master");
  reply.bulk("modules");
  reply.array(0);
}

void local_commands::client(connection& of, arguments args, resp::writer out) {
  auto what = lower_case(args[1]);
  if (what == "id") {
    if (!wrong_count(args, 2, out))
      out.integer(static_cast<int64_t>(of.id_));
  } else if (what == "getname") {
    if (!wrong_count(args, 2, out))
      of.name_.empty() ? out.nil() : out.bulk(of.name_);
  } else if (what == "setname") {
    if (wrong_count(args, 3, out))
      return;
    if (!printable(args[2]))
      return out.error("ERR Client names cannot contain spaces, newlines or special characters.");
    of.name_ = args[2];
    out.status("OK");
  } else if (what == "setinfo") {
    if (wrong_count(args, 4, out))
      return;
    auto is_name = equals_ignoring_case(args[2], "lib-name");
    if (!is_name && !equals_ignoring_case(args[2], "lib-ver"))
      return out.error("ERR Unrecognized option '" + std::string{args[2]} + "'");
    if (!printable(args[3]))
      return out.error("ERR " + lower_case(args[2]) + " cannot contain spaces, newlines or special characters.");
    (is_name ? of.library_name_ : of.library_version_) = args[3];
    out.status("OK");
  } else if (what == "info" || what == "list") {
    out.verbatim(describe(of));
  } else if (what == "no-evict") {
    set_flag(args, of.no_evict_, out);
  } else if (what == "no-touch") {
    set_flag(args, of.no_touch_, out);
  } else {
    out.error(gateway_errors::unknown_subcommand("client", args[1]));
  }
}

std::string local_commands::describe(const connection& of) {
  auto seconds = [&](int64_t since) { return std::to_string((of.now_ms_ - since) / 1000); };
  return "id=" + std::to_string(of.id_) + " addr=" + of.address_.remote + " laddr=" + of.address_.local + " fd=-1 name="
         + of.name_ + " age=" + seconds(of.created_ms_) + " idle=" + seconds(of.used_ms_) + " flags=" + (of.in_multi_ ? "x" : "N")
         + " db=0 sub=0 psub=0 ssub=0 multi=" + (of.in_multi_ ? std::to_string(of.multi_.size()) : "-1")
         + " watch=" + std::to_string(of.watched_.size()) + " qbuf=" + std::to_string(of.parser_.buffered_bytes())
         + " qbuf-free=0 argv-mem=0 multi-mem=" + std::to_string(of.multi_bytes_) + " obl=" + std::to_string(of.output_.size())
         + " oll=0 omem=0 tot-mem=0 events=r cmd=" + of.last_command_ + " user=default redir=-1 resp="
         + std::to_string(of.version_) + " lib-name=" + of.library_name_ + " lib-ver=" + of.library_version_ + "\n";
}

void local_commands::command(connection& of, arguments args, resp::writer out) {
  auto& all = of.services_.commands();
  auto what = args.size() > 1 ? lower_case(args[1]) : std::string{};
  if (what.empty()) {
    out.array(all.size());
    for (auto& each : all)
      write_command_info(each, out);
  } else if (what == "count") {
    if (!wrong_count(args, 2, out))
      out.integer(static_cast<int64_t>(all.size()));
  } else if (what == "list") {
    out.array(all.size());
    for (auto& each : all)
      out.bulk(each.name);
  } else if (what == "info") {
    out.array(args.size() == 2 ? all.size() : args.size() - 2);
    if (args.size() == 2)
      for (auto& each : all)
        write_command_info(each, out);
    for (auto name : args.subspan(2))
      if (auto* found = of.services_.find(name))
        write_command_info(*found, out);
      else
        out.no_array();
  } else if (what == "docs") {
    std::vector<const command_spec*> found;
    for (auto name : args.subspan(2))
      if (auto* known = of.services_.find(name))
        found.push_back(known);
    if (args.size() == 2)
      for (auto& each : all)
        found.push_back(&each);
    out.map(found.size());
    for (auto* each : found)
      write_command_docs(*each, out);
  } else {
    out.error(gateway_errors::unknown_subcommand("command", args[1]));
  }
}

void local_commands::config(connection& of, arguments args, resp::writer out) {
  if (!equals_ignoring_case(args[1], "get"))
    return out.error(gateway_errors::unknown_subcommand("config", args[1]));
  if (args.size() < 3)
    return out.error(errors::wrong_arity("config|get"));
  std::vector<std::pair<std::string, std::string>> found;
  for (auto& setting : of.services_.settings())
    if (std::any_of(args.begin() + 2, args.end(),
                    [&](auto pattern) { return redis::matches(lower_case(pattern), setting.first); }))
      found.push_back(setting);
  out.map(found.size());
  for (auto& [name, value] : found) {
    out.bulk(name);
    out.bulk(value);
  }
}

} // namespace synod
