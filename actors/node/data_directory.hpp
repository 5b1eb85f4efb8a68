// A node's data directory: whose it is, who uses it, how often it was started.
#pragma once

#include "synod/actors/role/disk.hpp"
#include "synod/messages/ballot.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace synod {

/// A directory that belongs to one node of one cluster.
///
/// Files: `identity` (schema::Identity), `incarnation` (schema::Incarnation), each one
/// Cap'n Proto message behind its XXH3 checksum (8 bytes, little-endian), written whole or not at all (`write_whole`); `lock`
/// (directory_lock); a folder per role that stores.
class data_directory {
public:
  enum class fault { wrong_directory, unusable };

  struct failure {
    fault kind;
    std::string text;
  };

  static constexpr uint32_t format_version = 2;

  /// Opens or creates it and counts one more start; what is wrong, or nothing. Blocks.
  std::optional<failure> open(disk& files, const std::filesystem::path& path, const std::string& cluster, const std::string& node,
                              node_id id);

  const std::filesystem::path& path() const { return path_; }
  uint32_t incarnation() const { return incarnation_; }

private:
  std::optional<failure> check_identity(disk& files, const std::vector<std::string>& names, const std::string& cluster,
                                        const std::string& node, node_id id);
  std::optional<failure> count_start(disk& files, const std::vector<std::string>& names);

  std::filesystem::path path_;
  uint32_t incarnation_ = 0;
};

/// Lets one process at a time use a data directory of this machine; released with the process at the latest.
class directory_lock {
public:
  static constexpr const char* file_name = "lock";

  directory_lock() = default;
  ~directory_lock();
  directory_lock(const directory_lock&) = delete;
  directory_lock& operator=(const directory_lock&) = delete;

  /// What is wrong, or nothing.
  std::optional<data_directory::failure> take(const std::filesystem::path& directory);

private:
  int file_ = -1;
};

} // namespace synod
