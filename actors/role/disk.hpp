// What roles need of a disk.
#pragma once

#include <caf/actor.hpp>
#include <caf/error.hpp>
#include <caf/expected.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace synod {

/// A file system's primitives, and threads to use them in. The real one is `local_disk`; the simulator has one that loses,
/// tears, delays and fails.
///
/// The primitives block: they are for the start of a node, before its roles run, and for work that is handed to `aside`.
/// An error's text names the file and what could not be done with it. No failed write or sync is ever tried again:
/// what was to be written may be, elsewhere, if it failed for want of room.
class disk {
public:
  /// An open file. Closed when it is destroyed.
  class file {
  public:
    virtual ~file() = default;

    virtual size_t size() const = 0;
    /// Writes the parts one behind the other; the file grows where they go beyond its end. Durable after `sync` only; until
    /// then a crash leaves any part of it.
    virtual caf::error write(size_t offset, std::span<const std::span<const std::byte>> parts) = 0;
    /// Makes all that was written durable, by this process or by an earlier one, the size included.
    virtual caf::error sync() = 0;
    /// Fills `into`; an error where the file ends before.
    virtual caf::error read(size_t offset, std::span<std::byte> into) const = 0;
  };

  virtual ~disk() = default;

  /// The names in a directory, in no order.
  virtual caf::expected<std::vector<std::string>> list(const std::filesystem::path& directory) = 0;
  /// Makes a directory, and those above it, if they are not there: durably, or what is synced in it later would be lost with it.
  virtual caf::error make_directory(const std::filesystem::path& directory) = 0;
  virtual caf::expected<std::unique_ptr<file>> open(const std::filesystem::path& path) = 0;
  /// A new and empty file; one that was there by this name is emptied. Its name is durable after `sync_directory` only.
  virtual caf::expected<std::unique_ptr<file>> create(const std::filesystem::path& path) = 0;
  /// The file gets this name instead of its own, and takes the place of another one that had it. Durable after `sync_directory`.
  virtual caf::error rename(const std::filesystem::path& from, const std::filesystem::path& to) = 0;
  virtual caf::error remove(const std::filesystem::path& path) = 0;
  /// Makes durable which names the directory holds.
  virtual caf::error sync_directory(const std::filesystem::path& directory) = 0;
  /// So much may still be written where that directory is; 0 also where no further file can be made.
  virtual caf::expected<uint64_t> free_bytes(const std::filesystem::path& directory) = 0;

  /// Which thread does the work. Work of one lane is done in the order in which it was asked for.
  enum class lane : uint8_t {
    durable,    ///< records that others wait for: nothing else goes here
    background, ///< reads, new segments
    bulk,       ///< snapshots: what may take as long as they are large
  };
  static constexpr size_t lane_count = 3;

  /// Lets `work` be done in a thread of the disk's; its end is the message `done_aside{number, failure}` to `asker`, if there is
  /// one. `work` uses the primitives alone, and what it owns: whoever asked may have ended by then. What was asked for is done
  /// before the disk goes.
  virtual void aside(lane where, std::function<caf::error()> work, caf::actor asker, uint64_t number) = 0;
};

/// The error of a disk that has no room left, or on which its user may have no more. Nothing is wrong with the disk: what could
/// not be made may be tried again when there is room.
caf::error want_of_room(std::string text);
bool is_want_of_room(const caf::error& x);

/// Work that a role lets its disk do (disk::aside): told of by its number, which is the role's own.
struct disk_work {
  disk::lane lane;
  uint64_t number;
  std::function<caf::error()> run;
};

/// A durable file in the making: after a crash it is there whole, or as it was before. It is written under a temporary name (that
/// ends in `unfinished_suffix`) and gets its own when it is finished. It is made with its first bytes; one that was there by that
/// temporary name is begun anew. Whatever it does at the disk blocks.
class unfinished_file {
public:
  /// `files` outlives it. Another `kind` of the same file has another temporary name.
  unfinished_file(disk& files, const std::filesystem::path& path, const char* kind = "");

  /// Behind what there is. What has grown much is synced as it goes, so that the end does not take long.
  caf::error append(std::span<const std::span<const std::byte>> parts);
  /// All is there: synced, renamed, its directory synced.
  caf::error finish();
  /// It is not to be.
  void discard();

  const std::filesystem::path& temporary_path() const { return temporary_; }

private:
  caf::error begin();

  static constexpr size_t sync_bytes = 4u << 20;

  disk& files_;
  std::filesystem::path path_;
  std::filesystem::path temporary_;
  std::unique_ptr<disk::file> file_;
  bool begun_ = false; // and neither finished nor discarded
  size_t size_ = 0;
  size_t synced_ = 0;
};

/// Writes a durable file so that after a crash it is there whole, or as it was before (`unfinished_file`). `next` gives the
/// content, a piece at a time, and an empty one at its end. Identity, snapshots and segments are written so. Blocks.
caf::error write_whole(disk& files, const std::filesystem::path& path, const std::function<std::span<const std::byte>()>& next);
/// The same for one piece.
caf::error write_whole(disk& files, const std::filesystem::path& path, std::span<const std::byte> content);

/// What a crash left of such a file has a name that ends so; it holds nothing that anybody was told of.
inline constexpr const char* unfinished_suffix = ".new";

/// The name of a file that is known by its number: that, with zeros in front, and a suffix.
std::string numbered_name(uint64_t number, size_t digits, std::string_view suffix);
/// The number that such a name says; none: it is another one's.
std::optional<uint64_t> number_of_name(std::string_view name, std::string_view suffix);

} // namespace synod
