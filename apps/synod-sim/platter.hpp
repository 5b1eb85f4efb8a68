// A disk that behaves as badly as disks may.
#pragma once

#include "random.hpp"

#include "synod/actors/role/disk.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace synod::simulation {

/// What one host has on its disk, and what its kernel holds of it. Outlives the processes that use it.
///
/// Each file has two contents: what a process reads (the kernel's cache), and the platter's. A write changes the first
/// and marks its sectors dirty; a sync brings dirty sectors to the platter, and the file's size. Names have two states in the
/// same way: what is made, renamed and removed is on the platter when its directory was synced.
///
/// When a process is killed, nothing is lost. When the power is cut, each dirty sector gets there or does not: in the order in
/// which they were written or, when writes may be torn, in any combination; and so do the changes of names. After a sync that
/// failed, some sectors are on the platter, and none counts as dirty any more: only writing them again brings them there, as on
/// a real kernel. A directory whose sync failed is as it was: only its next sync counts. Directories themselves are durable when
/// they are made. On a disk that somebody fills no file grows beyond what is left; what is written in place needs no room.
class platter {
public:
  static constexpr size_t sector_bytes = 512;
  static constexpr uint64_t plenty_bytes = uint64_t{1} << 40; ///< of room

  struct faults {
    uint32_t error_per_million = 0; ///< of what changes the disk
    bool torn = false;
  };

  /// Gets what a process asks for aside; has it done, and its end told, when it likes.
  using aside_function = std::function<void(disk::lane, std::function<caf::error()> work, caf::actor asker, uint64_t number)>;

  explicit platter(uint64_t seed, uint64_t host) : random_{seed, "disk", host} {}

  /// The disk as a process sees it, until `unplug`: after that it takes no harm and does none. Without `on_aside` work aside is
  /// done at once.
  std::unique_ptr<disk> plug(aside_function on_aside = {});
  void unplug();
  /// So many further operations that change something, then it is unplugged, within one perhaps.
  void unplug_after(uint64_t operations);
  /// It is not unplugged so soon any more.
  void go_on() { plug_->operations_left.reset(); }
  bool plugged() const { return plug_ && plug_->on; }

  /// The power goes: what was not synced may be lost.
  void cut_power();
  /// All of it is lost.
  void erase();

  /// Somebody else fills the disk, so that so much more can be written there than what is there now; none: there is room for all.
  void fill(std::optional<uint64_t> left_bytes);
  bool is_filled() const { return size_bytes_.has_value(); }
  uint64_t free_bytes() const;

  faults& behaviour() { return faults_; }
  /// Called at each sync of a file, before its outcome is known.
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
  using content_ptr = std::shared_ptr<content>;
  using names = std::map<std::string, content_ptr>;

  /// A file got a name, or lost one, or both.
  struct name_change {
    std::string lost; // empty: none
    std::string got;  // empty: none
    content_ptr file;
  };

  struct plug_state {
    bool on = true;
    std::optional<uint64_t> operations_left;

    /// True if one more operation is done.
    bool take() {
      if (on && operations_left && (*operations_left)-- == 0)
        on = false;
      return on;
    }
  };

  void write(content& to, size_t offset, std::span<const std::byte> bytes);
  void store(content& of, size_t sector);
  void lose_sectors(content& of);
  void change(name_change x);
  static void apply(const name_change& x, names& to);
  uint64_t used_bytes() const;
  bool fails() { return random_.chance(faults_.error_per_million); }

  random_stream random_;
  faults faults_;
  names cached_names_;
  names stored_names_;
  std::optional<uint64_t> size_bytes_;  // none: of any size
  std::vector<name_change> not_synced_; // in their order
  std::shared_ptr<plug_state> plug_;
};

} // namespace synod::simulation
