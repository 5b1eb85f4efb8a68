#include "synod/actors/gateway/local_commands.hpp"

#include "synod/actors/gateway/subcommands.hpp"
#include "synod/actors/role/redis_text.hpp"

#include <algorithm>

namespace synod {

using redis::equals_ignoring_case;
using redis::lower_case;
namespace errors = redis::errors;

namespace {

// -- connection -----------------------------------------------------------------

void ping(local_context&, arguments args, resp::writer out) {
  if (args.size() > 2)
    out.error(errors::wrong_arity("ping"));
  else if (args.size() == 2)
    out.bulk(args[1]);
  else
    out.status("PONG");
}

void echo(local_context&, arguments args, resp::writer out) {
  out.bulk(args[1]);
}

/// Goes through HELLO's options; false: an error is answered.
bool read_hello_options(arguments options, std::string& name, resp::writer out) {
  for (size_t i = 0; i < options.size();) {
    auto follow = options.size() - i - 1; // So many words come behind it.
    if (equals_ignoring_case(options[i], "auth") && follow >= 2) {
      if (options[i + 1] != "default") {
        out.error("WRONGPASS invalid username-password pair or user is disabled.");
        return false;
      }
      i += 3;
    } else if (equals_ignoring_case(options[i], "setname") && follow >= 1) {
      if (!is_client_text(options[i + 1])) {
        out.error("ERR Client names cannot contain spaces, newlines or special characters.");
        return false;
      }
      name = options[i + 1];
      i += 2;
    } else {
      out.error("ERR Syntax error in HELLO option '" + std::string{options[i]} + "'");
      return false;
    }
  }
  return true;
}

void hello(local_context& of, arguments args, resp::writer out) {
  auto& client = of.client;
  auto version = client.version;
  if (args.size() > 1) {
    auto asked = redis::parse_integer(args[1]);
    if (!asked)
      return out.error("ERR Protocol version is not an integer or out of range");
    if (*asked < 2 || *asked > 3)
      return out.error("NOPROTO unsupported protocol version");
    version = static_cast<int>(*asked);
  }
  auto name = client.name;
  if (!read_hello_options(args.subspan(std::min<size_t>(args.size(), 2)), name, out))
    return;
  client.version = version;
  client.name = name;
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
  reply.integer(static_cast<int64_t>(client.id));
  reply.bulk("mode");
  reply.bulk("standalone");
  reply.bulk("role");
  reply.bulk("master");
  reply.bulk("modules");
  reply.array(0);
}

void auth(local_context&, arguments, resp::writer out) {
  out.error("ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is "
            "correct?");
}

void select(local_context&, arguments args, resp::writer out) {
  auto number = redis::parse_integer(args[1]);
  if (!number)
    out.error(errors::not_an_integer);
  else if (*number != 0)
    out.error("ERR DB index is out of range");
  else
    out.status("OK");
}

void quit(local_context& of, arguments, resp::writer out) {
  out.status("OK");
  of.closes = true;
}

void reset(local_context& of, arguments, resp::writer out) {
  of.queue.discard();
  of.client.version = 2;
  of.client.name.clear();
  of.client.no_evict = of.client.no_touch = false;
  out.in_version(2).status("RESET");
}

// -- server ---------------------------------------------------------------------

void info(local_context& of, arguments args, resp::writer out) {
  if (args.size() == 1)
    return out.verbatim(of.services.info(""));
  std::string text;
  for (auto section : args.subspan(1))
    text += of.services.info(lower_case(section));
  out.verbatim(text);
}

void time(local_context& of, arguments, resp::writer out) {
  auto now = of.services.wall_clock_us();
  out.array(2);
  out.bulk(std::to_string(now / 1'000'000));
  out.bulk(std::to_string(now % 1'000'000));
}

// -- transactions ---------------------------------------------------------------

void multi(local_context& of, arguments, resp::writer out) {
  if (of.queue.begin())
    out.status("OK");
  else
    out.error("ERR MULTI calls can not be nested");
}

void discard(local_context& of, arguments, resp::writer out) {
  if (!of.queue.open())
    return out.error("ERR DISCARD without MULTI");
  of.queue.discard();
  out.status("OK");
}

/// Within a transaction this comes behind EXEC, which has forgotten the keys already.
void unwatch(local_context& of, arguments, resp::writer out) {
  of.queue.unwatch();
  out.status("OK");
}

// -- the table --------------------------------------------------------------------

using kind = gateway_command::kind;
constexpr auto r = command_spec::read;
constexpr const char* c = "connection";
constexpr const char* s = "server";
constexpr const char* t = "transactions";

constexpr gateway_command table[] = {
  {{"ping", -1, r, 0, 0, 0, c, "1.0.0", "Answers that the server is there."}, kind::local, ping},
  {{"echo", 2, r, 0, 0, 0, c, "1.0.0", "Returns its argument."}, kind::local, echo},
  {{"hello", -1, r, 0, 0, 0, c, "6.0.0", "Chooses the protocol version."}, kind::local, hello},
  {{"auth", -2, r, 0, 0, 0, c, "1.0.0", "Authenticates the connection."}, kind::local, auth},
  {{"select", 2, r, 0, 0, 0, c, "1.0.0", "Chooses the database; there is one, number 0."}, kind::local, select},
  {{"quit", -1, r, 0, 0, 0, c, "1.0.0", "Closes the connection."}, kind::at_once, quit},
  {{"reset", 1, r, 0, 0, 0, c, "6.2.0", "Resets the connection."}, kind::at_once, reset},
  {{"client", -2, r, 0, 0, 0, c, "2.4.0", "Commands about the connection."}, kind::local, client_command},
  {{"command", -1, r, 0, 0, 0, s, "2.8.13", "Tells about commands."}, kind::local, command_command},
  {{"info", -1, r, 0, 0, 0, s, "1.0.0", "Tells about the server."}, kind::local, info},
  {{"config", -2, r, 0, 0, 0, s, "2.0.0", "Tells the configuration."}, kind::local, config_command},
  {{"time", 1, r, 0, 0, 0, s, "2.6.0", "Returns the node's clock."}, kind::local, time},
  {{"multi", 1, r, 0, 0, 0, t, "1.2.0", "Begins a transaction."}, kind::at_once, multi},
  {{"exec", 1, r, 0, 0, 0, t, "1.2.0", "Performs a transaction."}, kind::exec},
  {{"discard", 1, r, 0, 0, 0, t, "2.0.0", "Gives a transaction up."}, kind::at_once, discard},
  {{"watch", -2, r, 1, -1, 1, t, "2.2.0", "Makes the next transaction depend on keys that do not change."}, kind::watch},
  {{"unwatch", 1, r, 0, 0, 0, t, "2.2.0", "Forgets the watched keys."}, kind::local, unwatch},
};

} // namespace

std::span<const gateway_command> local_commands() {
  return table;
}

std::string unknown_command(arguments args) {
  std::string text = "ERR unknown command '" + std::string{args[0].substr(0, 128)} + "', with args beginning with: ";
  for (size_t i = 1; i < args.size() && text.size() < 256; ++i)
    text += "'" + std::string{args[i].substr(0, 128)} + "' ";
  return text;
}

} // namespace synod
