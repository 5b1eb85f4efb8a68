// A disk that behaves as badly as disks may.
#pragma once

#include "random.hpp"

#include "synod/actors/role/disk.hpp"

#include <functional>
#include <map>
#include <memory>
#include <vector>

namespace synod::simulation {

/// What one host has on its disk, and what its kernel holds of it. Outlives the processes that use it.
///
/// Each file has two contents: what a process reads (the kernel's cache), and the platter's. A write changes the first
/// and marks its sectors dirty; a sync brings dirty sectors to the platter. When a process is killed, nothing is lost.
/// When the power is cut, each dirty sector gets there or does not: in the order in which they were written or, when
/// writes may be torn, in any combination. After a sync that failed, some sectors are on the platter, and none counts
/// as dirty any more: only writing them again brings them there, as on a real kernel.
class platter {
public:
  static constexpr size_t sector_bytes = 512;

  struct faults {
    uint32_t error_per_million = 0; ///< of the writes, syncs and new files that fail
    bool torn = false;
  };

  explicit platter(uint64_t seed, uint64_t host) : random_{seed, "disk", host} {}

  /// The disk as a process sees it, until `unplug`: after that it takes no harm and does none.
  std::shared_ptr<disk> plug();
  void unplug();

  /// The power goes: what was not synced may be lost.
  void cut_power();

  faults& behaviour() { return faults_; }
  /// Called at each sync, before its outcome is known: how long it takes.
  std::function<void()> on_sync;

private:
  friend class plugged_disk;
  friend class plugged_file;

  struct content {
    std::vector<std::byte> cached;
    std::vector<std::byte> stored;
    std::vector<size_t> dirty; // sectors, in the order in which they were written first
    std::vector<bool> is_dirty;
  };

  void write(content& to, size_t offset, std::span<const std::byte> bytes);
  void store(content& of, size_t sector);
  bool fails() { return random_.chance(faults_.error_per_million); }

  random_stream random_;
  faults faults_;
  std::map<std::string, std::shared_ptr<content>> files_;
  std::shared_ptr<bool> plugged_;
};

} // namespace synod::simulation
