// CLIENT and its subcommands: about this connection, and this node's others.
#include "synod/actors/gateway/subcommands.hpp"
#include "synod/actors/role/redis_text.hpp"

#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace synod {

using redis::equals_ignoring_case;
namespace errors = redis::errors;

namespace {

// -- this connection --------------------------------------------------------------

void client_id(local_context& of, arguments, resp::writer out) {
  out.integer(static_cast<int64_t>(of.client.id));
}

void client_getname(local_context& of, arguments, resp::writer out) {
  of.client.name.empty() ? out.nil() : out.bulk(of.client.name);
}

void client_setname(local_context& of, arguments args, resp::writer out) {
  if (auto problem = problem_with_client_text("Client names", args[2]); !problem.empty())
    return out.error(problem);
  of.client.name = args[2];
  out.status("OK");
}

void client_setinfo(local_context& of, arguments args, resp::writer out) {
  auto is_name = equals_ignoring_case(args[2], "lib-name");
  if (!is_name && !equals_ignoring_case(args[2], "lib-ver"))
    return out.error("ERR Unrecognized option '" + std::string{args[2]} + "'");
  if (auto problem = problem_with_client_text(redis::lower_case(args[2]), args[3]); !problem.empty())
    return out.error(problem);
  (is_name ? of.client.library_name : of.client.library_version) = args[3];
  out.status("OK");
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

/// OFF and SKIP have no reply of their own, either.
void client_reply(local_context& of, arguments args, resp::writer out) {
  if (equals_ignoring_case(args[2], "on")) {
    of.client.replies_off = of.client.skips_this = false;
    out.status("OK");
  } else if (equals_ignoring_case(args[2], "off")) {
    of.client.replies_off = true;
  } else if (equals_ignoring_case(args[2], "skip")) {
    of.client.skips_next = !of.client.replies_off;
  } else {
    out.error(errors::syntax);
  }
}

// -- tracking, blocking, pauses: there are none -------------------------------------

void client_tracking(local_context&, arguments args, resp::writer out) {
  if (args.size() == 3 && equals_ignoring_case(args[2], "off"))
    out.status("OK");
  else
    out.error(equals_ignoring_case(args[2], "on") ? "ERR keys are not tracked for clients: CLIENT TRACKING is always off"
                                                  : errors::syntax);
}

void client_trackinginfo(local_context&, arguments, resp::writer out) {
  out.map(3);
  out.bulk("flags");
  out.set(1);
  out.bulk("off");
  out.bulk("redirect");
  out.integer(-1);
  out.bulk("prefixes");
  out.array(0);
}

void client_caching(local_context&, arguments, resp::writer out) {
  out.error("ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled");
}

void client_getredir(local_context&, arguments, resp::writer out) {
  out.integer(-1);
}

void client_unblock(local_context&, arguments args, resp::writer out) {
  if (args.size() > 4)
    return out.error("ERR unknown subcommand or wrong number of arguments for '" + redis::told(args[1]) + "'. Try CLIENT HELP.");
  if (args.size() == 4 && !equals_ignoring_case(args[3], "timeout") && !equals_ignoring_case(args[3], "error"))
    return out.error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
  redis::parse_integer(args[2]) ? out.integer(0) : out.error(errors::not_an_integer);
}

void client_pause(local_context&, arguments, resp::writer out) {
  out.error("ERR clients are not paused: those of the other nodes would go on (CLIENT PAUSE)");
}

void client_unpause(local_context&, arguments, resp::writer out) {
  out.status("OK");
}

// -- all of this node ---------------------------------------------------------------

std::string line(const client_view& x, client_state::time_point now) {
  using std::chrono::duration_cast, std::chrono::seconds;
  auto number = [](auto value) { return std::to_string(value); };
  auto& client = x.state;
  auto& queue = x.queue;
  return "id=" + number(client.id) + " addr=" + client.remote_address + " laddr=" + client.local_address
         + " fd=-1 name=" + client.name + " age=" + number(duration_cast<seconds>(now - client.created).count())
         + " idle=" + number(duration_cast<seconds>(now - client.used).count()) + " flags="
         + (queue.open()      ? "x"
            : client.no_evict ? "e"
                              : "N")
         + " db=0 sub=0 psub=0 ssub=0 multi=" + (queue.open() ? number(queue.commands().size()) : "-1")
         + " watch=" + number(queue.watched().size()) + " qbuf=" + number(x.unparsed_bytes)
         + " qbuf-free=0 argv-mem=0 multi-mem=" + number(queue.queued_bytes()) + " rbs=0 rbp=0 obl=" + number(x.unsent_bytes)
         + " oll=0 omem=0 tot-mem=" + number(x.unparsed_bytes + x.unsent_bytes + queue.queued_bytes())
         + " events=r cmd=" + client.last_command + " user=default redir=-1 resp=" + number(client.version)
         + " lib-name=" + client.library_name + " lib-ver=" + client.library_version + "\n";
}

/// By their ids: in the order in which they came.
std::map<uint64_t, client_view> clients_by_id(const gateway_services& services) {
  std::map<uint64_t, client_view> all;
  for (auto& each : services.clients())
    all.emplace(each.state.id, each);
  return all;
}

enum class client_type : uint8_t { normal, other }; // There are no replicas of Redis's kind, and no subscribers.

std::optional<client_type> parse_type(std::string_view text) {
  if (equals_ignoring_case(text, "normal"))
    return client_type::normal;
  for (auto* each : {"master", "replica", "slave", "pubsub"})
    if (equals_ignoring_case(text, each))
      return client_type::other;
  return std::nullopt;
}

std::string unknown_type(std::string_view text) {
  return "ERR Unknown client type '" + redis::told(text) + "'";
}

void client_info(local_context& of, arguments, resp::writer out) {
  for (auto& each : of.services.clients())
    if (each.state.id == of.client.id)
      return out.verbatim(line(each, of.services.now()));
  out.verbatim("");
}

/// What is larger than a reply may be is not written to its end.
void write_lines(const local_context& of, const std::vector<client_view>& clients, resp::writer out) {
  std::string text;
  for (auto each = clients.begin(); each != clients.end() && text.size() <= reply_limit_bytes && !out.full(); ++each)
    text += line(*each, of.services.now());
  out.verbatim(text);
}

void list_by_type(local_context& of, std::string_view type, resp::writer out) {
  auto wanted = parse_type(type);
  if (!wanted)
    return out.error(unknown_type(type));
  std::vector<client_view> found;
  if (*wanted == client_type::normal)
    for (auto& [id, each] : clients_by_id(of.services))
      found.push_back(std::move(each));
  write_lines(of, found, out);
}

/// In the order in which they are named, each once.
void list_by_id(local_context& of, arguments ids, resp::writer out) {
  std::vector<client_view> found;
  auto all = clients_by_id(of.services);
  for (auto each : ids) {
    auto id = redis::parse_integer(each);
    if (!id)
      return out.error("ERR Invalid client ID");
    if (auto one = all.extract(static_cast<uint64_t>(*id)))
      found.push_back(std::move(one.mapped()));
  }
  write_lines(of, found, out);
}

void client_list(local_context& of, arguments args, resp::writer out) {
  if (args.size() == 2)
    list_by_type(of, "normal", out);
  else if (args.size() == 4 && equals_ignoring_case(args[2], "type"))
    list_by_type(of, args[3], out);
  else if (args.size() > 3 && equals_ignoring_case(args[2], "id"))
    list_by_id(of, args.subspan(3), out);
  else
    out.error(errors::syntax);
}

/// Which clients CLIENT KILL means.
struct kill_filter {
  std::optional<std::string_view> address, local_address;
  std::optional<client_type> type;
  std::optional<uint64_t> id;
  bool skips_itself = true;

  bool fits(const client_view& x) const {
    return (!address || *address == x.state.remote_address) && (!local_address || *local_address == x.state.local_address)
           && (!type || *type == client_type::normal) && (!id || *id == x.state.id);
  }
};

/// Takes one of its options; returns what is wrong with it.
std::string take_option(kill_filter& filter, std::string_view word, std::string_view value) {
  if (equals_ignoring_case(word, "id")) {
    auto id = parse_between(value, 1, INT64_MAX);
    if (!id)
      return "ERR client-id should be greater than 0";
    filter.id = static_cast<uint64_t>(*id);
  } else if (equals_ignoring_case(word, "type")) {
    filter.type = parse_type(value);
    if (!filter.type)
      return unknown_type(value);
  } else if (equals_ignoring_case(word, "addr")) {
    filter.address = value;
  } else if (equals_ignoring_case(word, "laddr")) {
    filter.local_address = value;
  } else if (equals_ignoring_case(word, "user")) {
    if (value != "default")
      return "ERR No such user '" + redis::told(value) + "'";
  } else if (equals_ignoring_case(word, "skipme") && (equals_ignoring_case(value, "yes") || equals_ignoring_case(value, "no"))) {
    filter.skips_itself = equals_ignoring_case(value, "yes");
  } else {
    return errors::syntax;
  }
  return {};
}

int64_t kill(local_context& of, const kill_filter& filter) {
  int64_t count = 0;
  for (auto& each : of.services.clients()) {
    auto itself = each.state.id == of.client.id;
    if (!filter.fits(each) || (itself && filter.skips_itself))
      continue;
    ++count;
    if (itself)
      of.closes = true; // Behind the reply.
    else
      of.services.end_client(each.state.id);
  }
  return count;
}

void client_kill(local_context& of, arguments args, resp::writer out) {
  kill_filter filter;
  if (args.size() == 3) { // The old form.
    filter.address = args[2];
    filter.skips_itself = false;
    return kill(of, filter) > 0 ? out.status("OK") : out.error("ERR No such client");
  }
  for (size_t i = 2; i < args.size(); i += 2) {
    auto problem = i + 1 < args.size() ? take_option(filter, args[i], args[i + 1]) : errors::syntax;
    if (!problem.empty())
      return out.error(problem);
  }
  out.integer(kill(of, filter));
}

void client_help(local_context&, arguments, resp::writer out) {
  tell_help(client_subcommands(), out);
}

// -- the table --------------------------------------------------------------------

using kind = gateway_command::kind;
constexpr auto l = kind::local;
constexpr auto r = command_spec::read;
constexpr const char* c = "connection";

constexpr gateway_command table[] = {
  {{"client|caching", 3, r, 0, 0, 0, c, "6.0.0", "Belongs to tracking, which is off."}, l, client_caching},
  {{"client|getname", 2, r, 0, 0, 0, c, "2.6.9", "Returns this connection's name."}, l, client_getname},
  {{"client|getredir", 2, r, 0, 0, 0, c, "6.0.0", "Belongs to tracking, which is off."}, l, client_getredir},
  {{"client|help", 2, r, 0, 0, 0, c, "5.0.0", "Tells these lines."}, l, client_help},
  {{"client|id", 2, r, 0, 0, 0, c, "5.0.0", "Returns this connection's number."}, l, client_id},
  {{"client|info", 2, r, 0, 0, 0, c, "6.2.0", "Tells about this connection."}, l, client_info},
  {{"client|kill", -3, r, 0, 0, 0, c, "2.4.0", "Disconnects clients of this node."}, l, client_kill},
  {{"client|list", -2, r, 0, 0, 0, c, "2.4.0", "Tells about the clients of this node."}, l, client_list},
  {{"client|no-evict", 3, r, 0, 0, 0, c, "7.0.0", "Is taken; no client is evicted."}, l, client_no_evict},
  {{"client|no-touch", 3, r, 0, 0, 0, c, "7.2.0", "Is taken; no key is touched."}, l, client_no_touch},
  {{"client|pause", -3, r, 0, 0, 0, c, "3.0.0", "Is refused: other nodes have clients, too."}, l, client_pause},
  {{"client|reply", 3, r, 0, 0, 0, c, "3.2.0", "Leaves out replies, or the next one."}, l, client_reply},
  {{"client|setinfo", 4, r, 0, 0, 0, c, "7.2.0", "Tells which library the client uses."}, l, client_setinfo},
  {{"client|setname", 3, r, 0, 0, 0, c, "2.6.9", "Names this connection."}, l, client_setname},
  {{"client|tracking", -3, r, 0, 0, 0, c, "6.0.0", "Is refused, but for OFF."}, l, client_tracking},
  {{"client|trackinginfo", 2, r, 0, 0, 0, c, "6.2.0", "Tells that tracking is off."}, l, client_trackinginfo},
  {{"client|unblock", -3, r, 0, 0, 0, c, "5.0.0", "Finds no blocked client."}, l, client_unblock},
  {{"client|unpause", 2, r, 0, 0, 0, c, "6.2.0", "Is taken; no client is paused."}, l, client_unpause},
};

} // namespace

std::span<const gateway_command> client_subcommands() {
  return table;
}

} // namespace synod
