#include "synod/actors/replica/replica_role.hpp"

#include "synod/actors/role/error_text.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace synod {

replica::options replica_options(const role_context& context) {
  auto& own = context.options;
  auto& config = *context.self.config;
  std::map<node_id, std::string> names;
  for (auto& each : config.nodes)
    names[each.id] = each.name;
  return {{.window = static_cast<uint64_t>(own.number("window")),
           .batch_limit_bytes = own.bytes("batch-limit"),
           .batch_limit_requests = static_cast<size_t>(own.number("batch-count")),
           .waiting_limit_bytes = own.bytes("waiting-limit")},
          context.self.node,
          own.bytes("peer-limit"),
          {context.environment->data_directory() / "replica", {config.name, config.state_machine}, own.bytes("snapshot-after")},
          own.bytes("snapshot-rate"),
          own.bytes("snapshot-chunk"),
          // Weak: the replica, which has this, is the environment's.
          [here = std::weak_ptr{context.environment}, lifetime = own.duration("session-lifetime"), members = config.beginning(),
           window = static_cast<uint64_t>(own.number("window"))] {
            return replicated_state{here.lock()->make_state_machine(), session_table{lifetime.count()}, 0, 1, members, window};
          },
          std::move(names)};
}

caf::expected<restored_snapshots> restored_state(const role_context& context, const replica::options& options) {
  auto& here = *context.environment;
  auto restored = restore_latest(here.files(), options.snapshots.directory, options.snapshots.whose, options.fresh_state,
                                 told_in_log(here, "replica: restores its snapshot"));
  if (!restored)
    return restored;
  for (auto& each : restored->problems)
    here.log().error("replica: {}", each);
  auto& found = restored->found;
  auto is_alone = context.self.config->members().latest().replicas().size() == 1;
  if (!restored->problems.empty() && found.kept.empty() && is_alone)
    return caf::make_error(caf::sec::invalid_argument,
                           restored->problems.front()
                             + ": no snapshot can be used, and there is no other replica to fetch one from");
  if (!restored->problems.empty() && found.kept.empty())
    here.log().error("replica: no snapshot can be used; what acceptors do not have any more is fetched from other replicas");
  else if (!restored->problems.empty())
    here.log().warn("replica: goes on from the snapshot of slot {}", found.kept.back().slot_out);
  return restored;
}

namespace {

void verify_snapshots(const stored_context& stored) {
  auto directory = stored.data_directory / "replica";
  auto names = stored.files.list(directory);
  if (!names)
    return stored.tell({"replica", text_of(names.error()), true});
  std::sort(names->begin(), names->end());
  for (auto& name : *names) {
    if (!snapshot_slot(name))
      continue;
    auto found = check_snapshot(stored.files, directory / name, {stored.cluster, {}}, stored.reading("replica: " + name));
    stored.tell(found ? finding{"replica", name + " is whole: " + std::to_string(found->bytes) + " bytes, every slot below "
                                             + std::to_string(found->slot_out)}
                      : finding{"replica", text_of(found.error()), true});
  }
}

/// The backup's state, as a snapshot of the new cluster.
caf::error restore_backup(const restore_context& to) {
  auto directory = to.data_directory / "replica";
  if (auto failure = to.files.make_directory(directory))
    return failure;
  auto copied = copy_snapshot(to.files, to.backup, directory, {to.config.name, to.config.state_machine}, to.config.members(),
                              std::max<uint64_t>(1, to.random()), to.writing("replica: the snapshot"));
  return copied ? caf::error{} : copied.error();
}

} // namespace

role_definition replica_role() {
  using kind = option_spec::kind;
  return {
    "replica",
    "performs decided commands on the state machine",
    {{"window", kind::number, "256", "WINDOW: how far slot_in may run ahead of slot_out", 1, 1024},
     {"batch-limit", kind::bytes, "1MiB", "size of a slot's value, but for a single larger request", 1024, 16 << 20},
     {"batch-count", kind::number, "4096", "requests in a slot's value", 1, int64_t{most_requests}},
     {"waiting-limit", kind::bytes, "64MiB", "requests that wait, and reads that wait", 16 << 20},
     {"peer-limit", kind::bytes, "16MiB", "on the way to another replica or leader, or to a client", 64 << 10},
     {"session-lifetime", kind::duration, "1h", "a session that is not used so long ends", 1000},
     {"snapshot-after", kind::bytes, "64MiB", "decided values after which a snapshot is taken, or a quarter of the last one",
      4096},
     {"snapshot-rate", kind::bytes, "64MiB", "of a snapshot that is fetched from another replica, bytes a second", 64 << 10},
     {"snapshot-chunk", kind::bytes, "256KiB", "piece of a snapshot for another replica", 1024,
      snapshot_serving::most_chunk_bytes}},
    [](const role_context& context) -> caf::expected<caf::actor> {
      auto options = replica_options(context);
      auto before = restored_state(context, options);
      if (!before)
        return before.error();
      return caf::actor_cast<caf::actor>(context.environment->system().spawn<replica>(
        context.environment, replica::memory{std::make_unique<execution>(std::move(before->state)), std::move(before->found)},
        options));
    },
    [](const cluster& config) -> std::optional<std::string> {
      auto& own = config.options_of("replica");
      constexpr size_t most_seconds = 5; // Longer than a piece should be waited for.
      if (own.bytes("snapshot-chunk") <= most_seconds * own.bytes("snapshot-rate"))
        return std::nullopt;
      return "[replica] snapshot-chunk is more than snapshot-rate gives in 5 s: a piece would take too long";
    },
    verify_snapshots,
    true,
    restore_backup};
}

} // namespace synod
