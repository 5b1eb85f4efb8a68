// A node's data directory: whose it is, which one it is, who uses it, how often it was started.
#pragma once

#include "synod/actors/role/disk.hpp"
#include "synod/messages/ballot.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace synod {

/// A directory that belongs to one node of one cluster, and holds what that node promised and accepted.
///
/// Files: `identity` (schema::Identity), `incarnation` (schema::Incarnation), `nodes` (known_nodes), `configurations`
/// (membership), each a durable message that is written in place: a start needs no room; a folder for each role that stores, by
/// the role's name. A file `lock` is one of an earlier version, and means nothing.
///
/// `identity` bears a random token: an emptied directory that is begun anew is another one, and other nodes notice. It also says
/// what the directory held when its node had started last, so that one in which something is missing is refused, not begun
/// anew in part: a node that forgets its votes, its ballots or its incarnation would give them a second time.
class data_directory {
public:
  enum class fault {
    wrong_directory, ///< another one's, damaged, or not whole: it stays so however often it is tried
    unusable,        ///< it could not be read, or written, or is in use
  };

  struct failure {
    fault kind;
    std::string text;
  };

  struct owner {
    std::string cluster;
    std::string node;
    node_id id;
    std::string agreement; ///< of its cluster file, as it must stay (agreement.hpp)
    bool decided = false;  ///< members were decided since the directory was begun
  };

  static constexpr uint32_t format_version = 5;
  static constexpr const char* identity_file = "identity";
  static constexpr const char* incarnation_file = "incarnation";

  static failure failure_of(const caf::error& problem);

  /// What can be seen to be wrong with it before anything is written there, its lock included; or nothing. Blocks.
  std::optional<failure> look(disk& files, const std::filesystem::path& path, const owner& whose);
  /// Opens it, or creates it with `fresh_token`, and counts one more start; what is wrong, or nothing. Blocks.
  std::optional<failure> open(disk& files, const std::filesystem::path& path, const owner& whose, uint64_t fresh_token);
  /// Makes one that was never started, in which these roles have stored something already: what others did before this makes it
  /// a data directory is there whole, or it is none. What is wrong, or nothing. Blocks.
  std::optional<failure> make(disk& files, const std::filesystem::path& path, const owner& whose, uint64_t fresh_token,
                              const std::vector<std::string>& roles);
  /// What the cluster of that directory was restored from (agreement.hpp); empty: nothing, or nobody knows yet. Blocks.
  static std::string origin_of(disk& files, const std::filesystem::path& path);
  /// The roles have started, and nobody has been told anything yet: from now on what they store must be there. Blocks.
  std::optional<failure> seal(disk& files, const std::vector<std::string>& roles);

  /// The role has stored something, at an earlier start.
  bool has_stored(const std::string& role) const { return holds_.contains(role); }

  const std::filesystem::path& path() const { return path_; }
  uint64_t token() const { return token_; }
  uint32_t incarnation() const { return incarnation_; }

private:
  std::optional<failure> check_identity(disk& files, const std::vector<std::string>& names);
  std::optional<failure> check_whole(disk& files, const std::vector<std::string>& names) const;
  std::optional<failure> count_start(disk& files, const std::vector<std::string>& names);
  std::optional<failure> write_identity(disk& files) const;
  failure wrong_directory(const std::string& what) const;

  std::filesystem::path path_;
  owner owner_;
  uint64_t token_ = 0;
  std::set<std::string> holds_;
  bool is_written_ = true; // `identity`, as it is to be
  uint32_t incarnation_ = 0;
};

/// Lets one process at a time use a data directory of this machine; released with the process at the latest. It is the directory
/// itself that is locked: no file in it, which might be deleted or replaced while the process runs.
class directory_lock {
public:
  directory_lock() = default;
  ~directory_lock();
  directory_lock(const directory_lock&) = delete;
  directory_lock& operator=(const directory_lock&) = delete;

  /// What is wrong, or nothing.
  std::optional<data_directory::failure> take(const std::filesystem::path& directory);

private:
  int directory_ = -1;
};

} // namespace synod
