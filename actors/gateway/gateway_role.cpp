#include "synod/actors/gateway/gateway_role.hpp"

#include "synod/actors/gateway/gateway.hpp"

#include <spdlog/spdlog.h>

namespace synod {

role_definition gateway_role() {
  using kind = option_spec::kind;
  return {"gateway",
          "lets Redis clients use the state machine",
          {{"command-limit", kind::bytes, "8MiB", "all arguments of one command, or of one transaction", 1024, 32 << 20},
           {"most-clients", kind::number, "10000", "connections", 1, 1'000'000},
           {"outstanding-limit", kind::bytes, "32MiB", "commands under way; connections wait above it", 1 << 20},
           {"idle-timeout", kind::duration, "0s", "connections that are silent so long are closed; 0: never"},
           {"request-timeout", kind::duration, "5s", "after which a command that has no majority gets an error", 10}},
          [](const role_context& context) -> caf::expected<caf::actor> {
            auto clients = context.world->listen(*context.self.self().resp);
            if (!clients)
              return clients.error();
            gateway::options options;
            options.node = context.self.node;
            options.node_name = context.self.self().name;
            options.command_limit_bytes = context.options.bytes("command-limit");
            options.most_clients = static_cast<size_t>(context.options.number("most-clients"));
            options.outstanding_limit_bytes = context.options.bytes("outstanding-limit");
            options.idle_timeout = context.options.duration("idle-timeout");
            options.request_timeout = context.options.duration("request-timeout");
            options.session_lifetime = context.self.config->options_of("replica").duration("session-lifetime");
            options.seed = context.world->random();
            auto machine = context.world->make_state_machine();
            options.machine_commands.assign(machine->commands().begin(), machine->commands().end());
            options.settings = {{"appendfsync", "always"},
                                {"appendonly", "yes"},
                                {"databases", "1"},
                                {"maxclients", std::to_string(options.most_clients)},
                                {"maxmemory", "0"},
                                {"maxmemory-policy", "noeviction"},
                                {"port", std::to_string((*clients)->port())},
                                {"proto-max-bulk-len", std::to_string(options.command_limit_bytes)},
                                {"save", ""},
                                {"timeout", std::to_string(options.idle_timeout.count() / 1000)}};
            options.wall_clock_us = [world = context.world] { return world->wall_clock_us(); };
            options.warn = [world = context.world](const std::string& text) { world->log().warn("{}", text); };
            auto spawned = context.world->system().spawn<gateway>(*clients, std::move(options));
            context.world->start_thread([served = *clients] { served->run(); });
            return caf::actor_cast<caf::actor>(spawned);
          }};
}

} // namespace synod
