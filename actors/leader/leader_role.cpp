#include "synod/actors/leader/leader_role.hpp"

#include <spdlog/spdlog.h>

namespace synod {

leader::options leader_options(const role_context& context) {
  leader::options options;
  options.node = context.self.node;
  options.incarnation = context.self.incarnation;
  options.members = context.self.config->members();
  options.first = *options.members.ruling(1).leaders().begin() == context.self.node;
  options.peer_limit_bytes = context.options.bytes("peer-limit");
  options.seed = context.world->random();
  options.ping_interval = context.options.duration("ping-interval");
  options.smallest_timeout = context.options.duration("smallest-timeout");
  options.largest_timeout = std::max(options.smallest_timeout, context.options.duration("largest-timeout"));
  options.clock_limit = context.options.duration("clock-limit");
  options.wall_clock = [world = context.world] { return world->wall_clock_ms(); };
  options.announce = [world = context.world](const std::string& text) { world->log().info("{}", text); };
  return options;
}

role_definition leader_role() {
  using kind = option_spec::kind;
  return {
    "leader",
    "gets proposals decided",
    {{"ping-interval", kind::duration, "100ms", "how often leaders look after each other", 5, 10'000},
     {"smallest-timeout", kind::duration, "500ms", "silence of the active leader before another one takes over", 20, 60'000},
     {"largest-timeout", kind::duration, "5s", "up to which the timeout grows while leaders preempt each other", 100, 600'000},
     {"clock-limit", kind::duration, "10s", "how far a clock may be ahead of the others", 100},
     {"peer-limit", kind::bytes, "16MiB", "what may be on the way to one acceptor or replica", 64 << 10}},
    [](const role_context& context) -> caf::expected<caf::actor> {
      return caf::actor_cast<caf::actor>(context.world->system().spawn<leader>(leader_options(context)));
    }};
}

} // namespace synod
