// The actor system as Synod sets it up.
#pragma once

#include "synod/actors/node/loop_scheduler.hpp"
#include "synod/messages/roles.hpp"

#include <caf/io/all.hpp>

namespace synod {

/// One thread for actors and links (loop_scheduler.hpp, README, how fast), in which none is resumed for more than
/// `messages_per_turn`; and the options without which a stopped peer is never noticed.
///
/// CAF counts a message that is under way as silence until it is whole, so its limit is what the largest one may take on the
/// slowest link: 64 MiB in `longest_silence`. A host that is gone and a link that is cut are found long before by the kernel
/// (tcp.hpp, `unacknowledged_limit`), as heartbeats are bytes that must be acknowledged.
class system_config : public caf::actor_system_config {
public:
  static constexpr std::chrono::milliseconds heartbeat_interval{500};
  static constexpr std::chrono::seconds longest_silence{60};
  static constexpr size_t messages_per_turn = 256;

  system_config() {
    load<loop_scheduler>();
    load<caf::io::middleman>();
    add_message_types<caf::id_block::synod>();
    add_message_type<std::vector<caf::strong_actor_ptr>>("std::vector<caf::strong_actor_ptr>");
    set("scheduler.max-throughput", messages_per_turn);
    set("middleman.workers", size_t{0});
    set("middleman.heartbeat-interval", caf::timespan{heartbeat_interval});
    set("middleman.connection-timeout", caf::timespan{longest_silence});
    set("logger.console", caf::atom("none"));
  }
};

} // namespace synod
