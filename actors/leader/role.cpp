#include "synod/actors/leader/role.hpp"

#include "synod/actors/node/cluster.hpp"

#include <spdlog/spdlog.h>

namespace synod {

leader::options leader_options(const role_context& context) {
  leader::options options;
  options.node = context.node;
  options.incarnation = context.incarnation;
  options.acceptors = context.config.nodes_with("acceptor").size();
  options.first = *context.config.nodes_with("leader").begin() == context.node;
  options.peer_limit_bytes = context.options.bytes("peer-limit");
  options.seed = context.seed;
  options.ping_interval = context.options.duration("ping-interval");
  options.smallest_timeout = context.options.duration("smallest-timeout");
  options.largest_timeout = std::max(options.smallest_timeout, context.options.duration("largest-timeout"));
  options.clock_limit = context.options.duration("clock-limit");
  options.wall_clock = [clock = context.wall_clock_us] { return clock() / 1000; };
  options.announce = [log = context.log](const std::string& text) { log->info("{}", text); };
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
      return caf::actor_cast<caf::actor>(context.system.spawn<leader>(leader_options(context)));
    }};
}

} // namespace synod
