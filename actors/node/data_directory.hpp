// A node's data directory: whose it is, who uses it, how often it was started.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace synod {

/// A directory that belongs to one node of one cluster and is used by one process at a time.
///
/// Files: `identity` (schema::Identity), `incarnation` (schema::Incarnation), each one
/// Cap'n Proto message behind its XXH3 checksum, written to a temporary name, synced and
/// renamed; `lock`, locked while a process uses the directory; a folder per role that stores.
class data_directory {
public:
  enum class fault { wrong_directory, unusable };

  struct failure {
    fault kind;
    std::string text;
  };

  data_directory() = default;
  ~data_directory();
  data_directory(const data_directory&) = delete;
  data_directory& operator=(const data_directory&) = delete;

  /// Opens or creates it and counts one more start; what is wrong, or nothing.
  std::optional<failure> open(const std::filesystem::path& path, const std::string& cluster, const std::string& node);

  const std::filesystem::path& path() const { return path_; }
  uint32_t incarnation() const { return incarnation_; }

private:
  std::optional<failure> lock();
  std::optional<failure> check_identity(const std::string& cluster, const std::string& node);
  std::optional<failure> count_start();

  std::filesystem::path path_;
  int lock_ = -1;
  uint32_t incarnation_ = 0;
};

} // namespace synod
