#include "synod/actors/leader/leader_role.hpp"

#include <spdlog/fmt/fmt.h>

namespace synod {

namespace {

constexpr std::chrono::milliseconds shortest_lease{90}; // of which a leader counts on so much: it asks at ticks

std::optional<std::string> contradiction(const cluster& config) {
  auto& own = config.options_of("leader");
  auto ping = own.duration("ping-interval"), smallest = own.duration("smallest-timeout"),
       largest = own.duration("largest-timeout");
  if (smallest < 2 * ping)
    return fmt::format("smallest-timeout is {} ms, and ping-interval {} ms: leaders would depose each other between two pings; "
                       "expected at least twice as long a timeout",
                       smallest.count(), ping.count());
  if (largest < smallest)
    return fmt::format("largest-timeout is {} ms, shorter than smallest-timeout, which is {} ms", largest.count(),
                       smallest.count());
  lease leased{{own.duration("lease"), own.number("lease-clock-drift")}};
  if (leased.on() && leased.held_for() < shortest_lease)
    return fmt::format(
      "lease is {} ms, on {} ms of which a leader can count with that lease-clock-drift; expected {} ms at least, or "
      "a lease of 0ms for none",
      own.duration("lease").count(), std::chrono::duration_cast<std::chrono::milliseconds>(leased.held_for()).count(),
      shortest_lease.count());
  return std::nullopt;
}

} // namespace

leader::options leader_options(const role_context& context) {
  auto& config = *context.self.config;
  auto& own = context.options;
  auto members = context.self.config->members();
  auto& leaders = members.latest().leaders();
  return {
    .node = context.self.node,
    .first = !leaders.empty() && *leaders.begin() == context.self.node,
    .incarnation = context.self.incarnation,
    .members = members,
    .window = static_cast<uint64_t>(config.options_of("replica").number("window")),
    .peer_limit_bytes = own.bytes("peer-limit"),
    .leading = {own.duration("ping-interval"), own.duration("smallest-timeout"), own.duration("largest-timeout")},
    .clock_limit = own.duration("clock-limit"),
    .leasing = {own.duration("lease"), own.number("lease-clock-drift")},
  };
}

role_definition leader_role() {
  using kind = option_spec::kind;
  return {
    "leader",
    "gets proposals decided",
    {{"ping-interval", kind::duration, "100ms", "how often leaders look after each other", 5, 10'000},
     {"smallest-timeout", kind::duration, "500ms", "silence of the active leader before another one takes over", 20, 60'000},
     {"largest-timeout", kind::duration, "5s", "up to which the timeout grows while leaders preempt each other", 100, 600'000},
     {"clock-limit", kind::duration, "10s", "how far a node's wall clock may be from the others' before that is reported", 100},
     {"lease", kind::duration, "0ms", "for so long acceptors promise no other leader anything: local reads; 0ms: no leases", 0,
      60'000},
     {"lease-clock-drift", kind::number, "10000", "millionths by which any node's clock may be too fast or too slow, for leases",
      0, 500'000},
     {"peer-limit", kind::bytes, "16MiB", "what may be on the way to one acceptor, replica or other leader", 64 << 10}},
    [](const role_context& context) -> caf::expected<caf::actor> {
      return caf::actor_cast<caf::actor>(
        context.environment->system().spawn<leader>(context.environment, leader_options(context)));
    },
    contradiction,
    {},
    true};
}

} // namespace synod
