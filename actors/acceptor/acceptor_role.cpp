#include "synod/actors/acceptor/acceptor_role.hpp"

#include "synod/actors/role/error_text.hpp"

#include <spdlog/spdlog.h>

namespace synod {

acceptor::options acceptor_options(const role_context& context) {
  return {.node = context.self.node,
          .piece_bytes = context.options.bytes("piece-size"),
          .peer_limit_bytes = context.options.bytes("peer-limit"),
          .members = context.self.config->members().latest(),
          .spare_limit_bytes = context.options.bytes("spare-limit"),
          .reserve_bytes = context.options.bytes("disk-reserve"),
          .lease = context.self.config->options_of("leader").duration("lease")};
}

namespace {

/// What an acceptor remembers of the records of its log, but for what it accepted.
struct remembered {
  ballot promised;
  slot_number first_kept = 1;

  /// The next record; hands on the pvalues.
  template <class Use>
  void take(record_kind kind, const block_ptr& content, Use use) {
    if (kind == record_kind::segment_start) {
      message<schema::SegmentStart> start{content};
      note(ballot_of(start->getPromised()), start->getFirstKept());
    } else if (kind == record_kind::promise) {
      message<schema::Promise> promise{content};
      note(ballot_of(promise->getBallot()), 1);
    } else if (kind == record_kind::collected) {
      message<schema::Collected> collected{content};
      note({}, collected->getFirstKept());
    } else if (kind == record_kind::pvalue) {
      message<schema::Pvalue> pvalue{content};
      note(ballot_of(pvalue->getBallot()), 1);
      use(pvalue);
    }
  }

private:
  void note(ballot told, slot_number kept) {
    promised = std::max(promised, told);
    first_kept = std::max(first_kept, kept);
  }
};

} // namespace

caf::expected<acceptor::memory> acceptor_memory(const role_context& context) {
  auto& here = *context.environment;
  acceptor::memory found{{}, accepted_pvalues{context.options.bytes("cache-size")}, nullptr};
  record_number number = 0; // Any that grows: all that is found is durable.
  remembered known;
  auto visit = [&](record_kind kind, const block_ptr& content, const record_position& where) {
    known.take(kind, content, [&](const message<schema::Pvalue>& pvalue) {
      if (pvalue->getSlot() < known.first_kept)
        return;
      found.accepted.accept(pvalue, ++number, where);
      found.accepted.durable(number);
    });
  };
  auto log = write_ahead_log::open(here.files(),
                                   {here.data_directory() / "acceptor", context.self.config->name, context.self.self().name,
                                    context.options.bytes("segment-size"), here.random(), context.has_stored},
                                   visit, told_in_log(here, "acceptor: replays its log"));
  if (!log)
    return log.error();
  found.log = std::move(*log);
  found.promised = known.promised;
  found.accepted.collect(known.first_kept);
  found.log->carry({known.promised, known.first_kept});
  if (!found.log->cut().empty())
    here.log().warn("acceptor: {}", found.log->cut());
  return found;
}

namespace {

void verify_log(const stored_context& stored) {
  log_segments segments{{stored.data_directory / "acceptor", stored.cluster, stored.node, log_segments::smallest_bytes, 0, true}};
  remembered known;
  slot_number highest = 0;
  auto visit = [&](record_kind kind, const block_ptr& content, const record_position&) {
    known.take(kind, content, [&](const message<schema::Pvalue>& pvalue) { highest = std::max(highest, pvalue->getSlot()); });
  };
  auto found = log_recovery{stored.files, segments, stored.reading("acceptor: the log")}.look(visit);
  if (!found)
    return stored.tell({"acceptor", text_of(found.error()), true});
  stored.tell({"acceptor", "segments " + std::to_string(found->first_segment) + " to " + std::to_string(found->last_segment)
                             + " are whole, up to record " + std::to_string(found->records) + "; promised "
                             + to_string(known.promised) + ", first kept slot " + std::to_string(known.first_kept)
                             + ", highest slot " + std::to_string(std::max(highest, known.first_kept - 1))});
  if (!found->cut.empty())
    stored.tell({"acceptor", found->cut + " (a start does it; nobody was told of what it held)"});
}

/// A log that knows every slot below the backup's to be decided, and collected: what they led to replicas have.
caf::error restore_backup(const restore_context& to) {
  auto log = write_ahead_log::open(to.files,
                                   {to.data_directory / "acceptor", to.config.name, to.node,
                                    to.config.options_of("acceptor").bytes("segment-size"), to.random(), false},
                                   [](record_kind, const block_ptr&, const record_position&) {});
  if (!log)
    return log.error();
  auto& begun = **log;
  begun.carry({{}, to.slot_out});
  builder<schema::Collected> collected;
  collected->setFirstKept(to.slot_out);
  begun.append(record_kind::collected, collected.finish().content());
  if (auto failure = begun.next_write()->run())
    return failure;
  return begun.close().run();
}

} // namespace

role_definition acceptor_role() {
  using kind = option_spec::kind;
  return {"acceptor",
          "accepts pvalues, durably",
          {{"segment-size", kind::bytes, "16MiB", "size of a file of the log", 64 << 10, 1 << 30},
           {"cache-size", kind::bytes, "16MiB", "accepted values kept in memory", 0},
           {"piece-size", kind::bytes, "1MiB", "largest answer to a scout or a replica", 4096, 16 << 20},
           {"peer-limit", kind::bytes, "16MiB", "learned slots on the way to one replica", 64 << 10},
           {"spare-limit", kind::bytes, "1GiB", "log that is kept for a replica while it fetches a snapshot", 0},
           {"disk-reserve", kind::bytes, "256MiB", "with less room on the disk nothing new is accepted", 0}},
          [](const role_context& context) -> caf::expected<caf::actor> {
            auto before = acceptor_memory(context);
            if (!before)
              return before.error();
            return caf::actor_cast<caf::actor>(
              context.environment->system().spawn<acceptor>(std::move(*before), acceptor_options(context), context.environment));
          },
          {},
          verify_log,
          true,
          restore_backup};
}

} // namespace synod
