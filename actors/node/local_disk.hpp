// The files of this machine.
#pragma once

#include "synod/actors/role/disk.hpp"

#include <array>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace synod {

/// A real disk: one thread for each lane, from its start to its end. A thread that has work is not woken for more.
class local_disk : public disk {
public:
  /// Throws `std::system_error` where a thread cannot be made: while a node starts, which says so, rather than while it serves.
  local_disk();
  ~local_disk() override;
  local_disk(const local_disk&) = delete;
  local_disk& operator=(const local_disk&) = delete;

  caf::expected<std::vector<std::string>> list(const std::filesystem::path& directory) override;
  caf::error make_directory(const std::filesystem::path& directory) override;
  caf::expected<std::unique_ptr<file>> open(const std::filesystem::path& path) override;
  caf::expected<std::unique_ptr<file>> create(const std::filesystem::path& path) override;
  caf::error rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
  caf::error remove(const std::filesystem::path& path) override;
  caf::error sync_directory(const std::filesystem::path& directory) override;
  caf::expected<uint64_t> free_bytes(const std::filesystem::path& directory) override;
  void aside(lane where, std::function<caf::error()> work, caf::actor asker, uint64_t number) override;

  /// Waits until all that was asked for is done; nothing more may be asked for. Called by one thread, when all roles have ended.
  void finish();

private:
  struct job {
    std::function<caf::error()> work;
    caf::actor asker;
    uint64_t number;
  };

  /// A thread and what waits for it.
  struct worker {
    std::mutex mutex;
    std::condition_variable wake;
    std::deque<job> jobs;
    bool sleeps = false;
    bool ends = false;
    std::thread thread;

    void run();
  };

  std::array<worker, lane_count> workers_;
};

} // namespace synod
