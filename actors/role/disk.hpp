// What roles need of a disk.
#pragma once

#include <caf/error.hpp>
#include <caf/expected.hpp>

#include <cstddef>
#include <filesystem>
#include <future>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace synod {

/// What the log needs of a file system: files of fixed size that are written in place and synced. The real one is
/// `local_disk`; the simulator has one that loses, tears, delays and fails.
///
/// An error's text names the file and what could not be done with it.
class disk {
public:
  /// A file's content, readable while `keep` lives.
  struct view {
    std::span<const std::byte> bytes;
    std::shared_ptr<const void> keep;
  };

  /// An open file.
  class file {
  public:
    virtual ~file() = default;

    virtual size_t size() const = 0;
    /// Writes the parts one behind the other. Durable after `sync` only; until then a crash leaves any part of it.
    virtual caf::error write(size_t offset, std::span<const std::span<const std::byte>> parts) = 0;
    /// Makes all that was written durable, by this process or by an earlier one.
    virtual caf::error sync() = 0;
    /// Overwrites [from, to) with zeros, durably; makes the file longer where it ends before `to`.
    virtual caf::error write_zeros(size_t from, size_t to) = 0;
    virtual caf::error read(size_t offset, std::span<std::byte> into) const = 0;
    virtual caf::expected<view> map() const = 0;
  };

  virtual ~disk() = default;

  /// The names in a directory, which is made if it is not there.
  virtual caf::expected<std::vector<std::string>> list(const std::filesystem::path& directory) = 0;
  virtual caf::expected<std::unique_ptr<file>> open(const std::filesystem::path& path) = 0;
  /// Makes a file of `size` zeros; it is there whole and durable, or not at all.
  virtual caf::error make(const std::filesystem::path& path, size_t size) = 0;
  /// The same, aside: the result is ready when it is done.
  virtual std::future<caf::error> make_aside(const std::filesystem::path& path, size_t size) = 0;
  virtual caf::error remove(const std::filesystem::path& path) = 0;
};

} // namespace synod
