#include "synod/actors/replica/replica_role.hpp"

namespace synod {

replica::options replica_options(const role_context& context) {
  auto& own = context.options;
  return {{.window = static_cast<uint64_t>(own.number("window")),
           .batch_limit_bytes = own.bytes("batch-limit"),
           .batch_limit_requests = static_cast<size_t>(own.number("batch-count")),
           .waiting_limit_bytes = own.bytes("waiting-limit")},
          context.self.node,
          context.self.config->members(),
          own.bytes("peer-limit")};
}

replicated_state initial_state(const role_context& context) {
  return {context.environment->make_state_machine(), session_table{context.options.duration("session-lifetime").count()}};
}

role_definition replica_role() {
  using kind = option_spec::kind;
  return {"replica",
          "performs decided commands on the state machine",
          {{"window", kind::number, "256", "WINDOW: how far slot_in may run ahead of slot_out", 1, 1024},
           {"batch-limit", kind::bytes, "1MiB", "size of a slot's value, but for a single larger request", 1024, 16 << 20},
           {"batch-count", kind::number, "4096", "requests in a slot's value", 1, int64_t{most_requests}},
           {"waiting-limit", kind::bytes, "64MiB", "requests that wait, and reads that wait", 16 << 20},
           {"peer-limit", kind::bytes, "16MiB", "on the way to another replica or leader, or to a client", 64 << 10},
           {"session-lifetime", kind::duration, "1h", "a session that is not used so long ends", 1000}},
          [](const role_context& context) -> caf::expected<caf::actor> {
            return caf::actor_cast<caf::actor>(context.environment->system().spawn<replica>(
              context.environment, std::make_unique<execution>(initial_state(context)), replica_options(context)));
          }};
}

} // namespace synod
