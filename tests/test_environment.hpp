// The environment of a role under test.
#pragma once

#include "synod/actors/role/environment.hpp"

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <sstream>

namespace synod::test {

/// A clock that the test sets, a log that it reads. What a role under test does not need is not there.
class test_environment : public environment {
public:
  /// Without a disk none may be used.
  explicit test_environment(caf::actor_system& system, synod::disk* files = nullptr) : system_{system}, files_{files} {
    log_.set_pattern("%v");
  }

  caf::actor_system& system() override { return system_; }
  int64_t wall_clock_us() const override { return wall_clock_ms * 1000; }
  std::chrono::nanoseconds boot_clock() const override { return boot_time; }
  uint64_t random() override { return ++randoms_; }
  disk& files() override { return *files_; }
  const std::filesystem::path& data_directory() const override { return directory_; }
  caf::expected<std::shared_ptr<sockets>> listen(const endpoint&) override { return caf::sec::cannot_open_port; }
  std::unique_ptr<state_machine> make_state_machine() override { return nullptr; }
  spdlog::logger& log() override { return log_; }
  void fatal(const std::string& why) override { ended = why; }

  /// All that was logged, a line each.
  std::string logged() const { return text_.str(); }

  int64_t wall_clock_ms = 1'000'000;
  std::chrono::nanoseconds boot_time = std::chrono::hours{1};
  std::string ended; ///< why the process would have ended

private:
  caf::actor_system& system_;
  synod::disk* files_;
  uint64_t randoms_ = 0;
  std::filesystem::path directory_ = "/data";
  std::ostringstream text_;
  spdlog::logger log_{"test", std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)};
};

} // namespace synod::test
