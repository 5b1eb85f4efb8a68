// The actor system as Synod sets it up.
#pragma once

#include "synod/messages/roles.hpp"

#include <caf/io/all.hpp>

namespace synod {

/// Defaults that were measured (README, how fast): one worker that shares its queue, so that a message to an actor
/// of the same process costs no wake-up; and the options without which a stopped peer is never noticed.
class system_config : public caf::actor_system_config {
public:
  system_config() {
    load<caf::io::middleman>();
    add_message_types<caf::id_block::synod>();
    add_message_type<std::vector<caf::strong_actor_ptr>>("std::vector<caf::strong_actor_ptr>");
    set("scheduler.policy", caf::atom("sharing"));
    set("scheduler.max-threads", size_t{1});
    set("middleman.workers", size_t{0});
    set("middleman.heartbeat-interval", caf::timespan{std::chrono::milliseconds{500}});
    set("middleman.connection-timeout", caf::timespan{std::chrono::seconds{3}});
    set("logger.console", caf::atom("none"));
  }
};

} // namespace synod
