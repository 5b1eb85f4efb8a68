// The actor system as Synod sets it up.
#pragma once

#include "synod/actors/node/loop_scheduler.hpp"
#include "synod/messages/roles.hpp"

#include <caf/all.hpp>

#include <vector>

namespace synod {

/// One thread for actors, links and clients (loop_scheduler.hpp, README, how fast), in which none is resumed for more than
/// `messages_per_turn`.
class system_config : public caf::actor_system_config {
public:
  static constexpr size_t messages_per_turn = 256;

  system_config() {
    load<loop_scheduler>();
    add_message_types<caf::id_block::synod>();
    add_message_type<std::vector<caf::strong_actor_ptr>>("std::vector<caf::strong_actor_ptr>");
    set("scheduler.max-throughput", messages_per_turn);
    set("logger.console", caf::atom("none"));
  }
};

} // namespace synod
