#include "synod/actors/gateway/local_commands.hpp"

#include "synod/actors/gateway/subcommands.hpp"
#include "synod/actors/role/redis_text.hpp"

#include <algorithm>

namespace synod {

using redis::equals_ignoring_case;
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

/// There is one user, and no password is asked of it.
constexpr std::string_view only_user = "default";
constexpr const char* wrong_password = "WRONGPASS invalid username-password pair or user is disabled.";

/// Does what HELLO's options say, one by one; false: an error is answered, and those before it hold, as with Redis.
bool take_hello_options(client_state& client, arguments options, resp::writer out) {
  auto refuse = [&](const std::string& error) {
    out.error(error);
    return false;
  };
  for (size_t i = 0; i < options.size();) {
    auto follow = options.size() - i - 1; // So many words come behind it.
    if (equals_ignoring_case(options[i], "auth") && follow >= 2) {
      if (options[i + 1] != only_user)
        return refuse(wrong_password);
      i += 3;
    } else if (equals_ignoring_case(options[i], "setname") && follow >= 1) {
      if (auto problem = problem_with_client_text("Client names", options[i + 1]); !problem.empty())
        return refuse(problem);
      client.name = options[i + 1];
      i += 2;
    } else {
      return refuse("ERR Syntax error in HELLO option '" + redis::told(options[i]) + "'");
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
  if (!take_hello_options(client, args.subspan(std::min<size_t>(args.size(), 2)), out))
    return;
  client.version = version;
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

void auth(local_context&, arguments args, resp::writer out) {
  if (args.size() > 3)
    out.error(errors::syntax);
  else if (args.size() == 2)
    out.error("ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration "
              "is correct?");
  else if (args[1] != only_user)
    out.error(wrong_password);
  else
    out.status("OK");
}

void select(local_context&, arguments args, resp::writer out) {
  auto problem = redis::problem_with_database(args[1]);
  problem.empty() ? out.status("OK") : out.error(problem);
}

void quit(local_context& of, arguments, resp::writer out) {
  out.status("OK");
  of.closes = true;
}

void reset(local_context& of, arguments, resp::writer out) {
  of.queue.discard();
  of.client.version = 2;
  of.client.name.clear();
  of.client.no_evict = of.client.no_touch = of.client.replies_off = of.client.skips_next = false;
  out.in_version(2).status("RESET");
}

// -- server ---------------------------------------------------------------------

void info(local_context& of, arguments args, resp::writer out) {
  out.verbatim(of.services.info(args.subspan(1)));
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

constexpr const char* watch_text = "Makes the next transaction depend on keys that do not change.";

constexpr gateway_command table[] = {
  {{"ping", -1, r, 0, 0, 0, c, "1.0.0", "Answers that the server is there."}, kind::local, ping},
  {{"echo", 2, r, 0, 0, 0, c, "1.0.0", "Returns its argument."}, kind::local, echo},
  {{"hello", -1, r, 0, 0, 0, c, "6.0.0", "Chooses the protocol version."}, kind::local, hello},
  {{"auth", -2, r, 0, 0, 0, c, "1.0.0", "Authenticates the connection."}, kind::local, auth},
  {{"select", 2, r, 0, 0, 0, c, "1.0.0", "Chooses the database; there is one, number 0."}, kind::local, select},
  {{"quit", -1, r, 0, 0, 0, c, "1.0.0", "Closes the connection."}, kind::at_once, quit},
  {{"reset", 1, r, 0, 0, 0, c, "6.2.0", "Resets the connection."}, kind::at_once, reset},
  {{"client", -2, r, 0, 0, 0, c, "2.4.0", "Commands about connections."}, kind::local, nullptr, client_subcommands},
  {{"command", -1, r, 0, 0, 0, s, "2.8.13", "Tells about commands."}, kind::local, tell_all_commands, command_subcommands},
  {{"info", -1, r, 0, 0, 0, s, "1.0.0", "Tells about the server."}, kind::info, info},
  {{"config", -2, r, 0, 0, 0, s, "2.0.0", "Commands about the configuration."}, kind::local, nullptr, config_subcommands},
  {{"time", 1, r, 0, 0, 0, s, "2.6.0", "Returns the node's clock."}, kind::local, time},
  {{"multi", 1, r, 0, 0, 0, t, "1.2.0", "Begins a transaction."}, kind::at_once, multi},
  {{"exec", 1, r, 0, 0, 0, t, "1.2.0", "Performs a transaction."}, kind::exec},
  {{"discard", 1, r, 0, 0, 0, t, "2.0.0", "Gives a transaction up."}, kind::at_once, discard},
  {{"watch", -2, r, 1, -1, 1, t, "2.2.0", watch_text}, kind::watch},
  {{"unwatch", 1, r, 0, 0, 0, t, "2.2.0", "Forgets the watched keys."}, kind::local, unwatch},
};

} // namespace

std::span<const gateway_command> local_commands() {
  return table;
}

std::string problem_with_client_text(const std::string& what, std::string_view text) {
  if (text.size() > client_text_limit_bytes)
    return "ERR " + what + " cannot be longer than " + std::to_string(client_text_limit_bytes) + " bytes.";
  auto prints = std::all_of(text.begin(), text.end(), [](char x) { return x >= '!' && x <= '~'; });
  return prints ? "" : "ERR " + what + " cannot contain spaces, newlines or special characters.";
}

} // namespace synod
