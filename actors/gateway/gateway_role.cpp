#include "synod/actors/gateway/gateway_role.hpp"

#include <spdlog/fmt/fmt.h>

namespace synod {

gateway::options gateway_options(const role_context& context, uint16_t port) {
  auto& given = context.options;
  auto most_clients = static_cast<size_t>(given.number("most-clients"));
  auto command_limit_bytes = given.bytes("command-limit");
  auto idle_timeout = given.duration("idle-timeout");
  return {
    .node = context.self.node,
    .node_name = context.self.self().name,
    .command_limit_bytes = command_limit_bytes,
    .most_clients = most_clients,
    .outstanding_limit_bytes = given.bytes("outstanding-limit"),
    .unread_limit_bytes = given.bytes("unread-limit"),
    .unread_timeout = given.duration("unread-timeout"),
    .idle_timeout = idle_timeout,
    .request_timeout = given.duration("request-timeout"),
    .session_lifetime = context.self.config->options_of("replica").duration("session-lifetime"),
    .machine = context.environment->make_state_machine(),
    .settings = {{"appendfsync", "always"},
                 {"appendonly", "yes"},
                 {"databases", "1"},
                 {"maxclients", std::to_string(most_clients), 1, static_cast<int64_t>(most_clients)},
                 {"maxmemory", "0"},
                 {"maxmemory-policy", "noeviction"},
                 {"port", std::to_string(port)},
                 {"proto-max-bulk-len", std::to_string(command_limit_bytes)},
                 {"save", ""},
                 {"timeout", std::to_string(idle_timeout.count() / 1000), 0, INT32_MAX}},
  };
}

namespace {

/// The replica refuses what is above its own limit: then a session would end, and all that was under way with it.
std::optional<std::string> contradiction(const cluster& config) {
  if (!config.role_options.contains("replica") || config.nodes_with("gateway").empty())
    return std::nullopt;
  auto& own = config.options_of("gateway");
  auto under_way = own.bytes("outstanding-limit") + own.bytes("command-limit");
  auto taken = config.options_of("replica").bytes("waiting-limit");
  if (under_way <= taken)
    return std::nullopt;
  return fmt::format("outstanding-limit and command-limit are {} bytes together, and [replica] waiting-limit is {}: a replica "
                     "would refuse what its gateway takes; expected a larger waiting-limit, or less here",
                     under_way, taken);
}

} // namespace

role_definition gateway_role() {
  using kind = option_spec::kind;
  return {"gateway",
          "lets Redis clients use the state machine",
          {{"command-limit", kind::bytes, "9MiB", "all arguments of one command, or of one transaction: a value with its key",
            1024, 33 << 20},
           {"most-clients", kind::number, "10000", "connections", 1, 1'000'000},
           {"outstanding-limit", kind::bytes, "32MiB", "commands under way; connections wait above it", 1 << 20},
           {"unread-limit", kind::bytes, "512MiB", "replies that clients have not read; one client may have an eighth", 1 << 20},
           {"unread-timeout", kind::duration, "60s", "clients that have as much and read nothing so long are disconnected", 100},
           {"idle-timeout", kind::duration, "0s", "connections that are silent so long are closed; 0: never"},
           {"request-timeout", kind::duration, "5s", "after which a command that has no majority gets an error", 10}},
          spawn_gateway<gateway>,
          contradiction};
}

} // namespace synod
