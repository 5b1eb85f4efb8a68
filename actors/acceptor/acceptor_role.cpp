#include "synod/actors/acceptor/acceptor_role.hpp"

#include "synod/actors/acceptor/log.hpp"

#include <spdlog/spdlog.h>

namespace synod {

namespace {

/// The log, opened; what was cut from it is reported once.
class reporting_log : public file_log {
public:
  reporting_log(options opts, environment_ptr world) : file_log{std::move(opts)}, world_{std::move(world)} {}

  caf::error replay(const visitor& visit) override {
    auto failure = file_log::replay(visit);
    if (!cut().empty())
      world_->log().warn("acceptor: {}", cut());
    return failure;
  }

private:
  environment_ptr world_;
};

} // namespace

acceptor::options acceptor_options(const role_context& context) {
  acceptor::options options;
  options.node = context.self.node;
  options.cache_bytes = context.options.bytes("cache-size");
  options.piece_bytes = context.options.bytes("piece-size");
  options.fatal = [world = context.world](const std::string& why) { world->fatal(why); };
  return options;
}

std::unique_ptr<storage> acceptor_storage(const role_context& context) {
  file_log::options where{context.world->data_directory() / "acceptor", context.self.config->name, context.self.self().name,
                          context.options.bytes("segment-size"), context.world->files()};
  return std::make_unique<reporting_log>(std::move(where), context.world);
}

role_definition acceptor_role() {
  using kind = option_spec::kind;
  return {"acceptor",
          "accepts pvalues, durably",
          {{"segment-size", kind::bytes, "16MiB", "size of a file of the log", 64 << 10, 1 << 30},
           {"cache-size", kind::bytes, "64MiB", "accepted values kept in memory", 0},
           {"piece-size", kind::bytes, "1MiB", "largest answer to a scout or a replica", 4096, 16 << 20}},
          [](const role_context& context) -> caf::expected<caf::actor> {
            auto& system = context.world->system();
            auto stable = acceptor_storage(context);
            return caf::actor_cast<caf::actor>(
              context.world->one_thread() ? system.spawn<acceptor>(std::move(stable), acceptor_options(context))
                                          : system.spawn<acceptor, caf::detached>(std::move(stable), acceptor_options(context)));
          }};
}

} // namespace synod
