#include "synod/actors/acceptor/role.hpp"

#include "synod/actors/acceptor/log.hpp"
#include "synod/actors/node/cluster.hpp"

#include <spdlog/spdlog.h>

namespace synod {

namespace {

/// The log, opened; what was cut from it is reported once.
class reporting_log : public file_log {
public:
  reporting_log(options opts, std::shared_ptr<spdlog::logger> log) : file_log{std::move(opts)}, log_{std::move(log)} {}

  caf::error replay(const visitor& visit) override {
    auto failure = file_log::replay(visit);
    if (!cut().empty())
      log_->warn("acceptor: {}", cut());
    return failure;
  }

private:
  std::shared_ptr<spdlog::logger> log_;
};

} // namespace

acceptor::options acceptor_options(const role_context& context) {
  acceptor::options options;
  options.node = context.node;
  options.cache_bytes = context.options.bytes("cache-size");
  options.piece_bytes = context.options.bytes("piece-size");
  options.fatal = context.fatal;
  return options;
}

std::unique_ptr<storage> acceptor_storage(const role_context& context) {
  file_log::options where{context.data_directory / "acceptor", context.config.name, context.self.name,
                          context.options.bytes("segment-size"), context.files};
  return std::make_unique<reporting_log>(std::move(where), context.log);
}

role_definition acceptor_role() {
  using kind = option_spec::kind;
  return {"acceptor",
          "accepts pvalues, durably",
          {{"segment-size", kind::bytes, "16MiB", "size of a file of the log", 64 << 10, 1 << 30},
           {"cache-size", kind::bytes, "64MiB", "accepted values kept in memory", 0},
           {"piece-size", kind::bytes, "1MiB", "largest answer to a scout or a replica", 4096, 16 << 20}},
          [](const role_context& context) -> caf::expected<caf::actor> {
            return caf::actor_cast<caf::actor>(
              context.spawn_blocking<acceptor>(acceptor_storage(context), acceptor_options(context)));
          }};
}

} // namespace synod
