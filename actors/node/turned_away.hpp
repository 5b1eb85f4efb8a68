// Whom a node did not let in.
#pragma once

#include "synod/actors/role/cluster.hpp"
#include "synod/actors/role/seldom_told.hpp"

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace synod {

/// What is told of connections that were refused: in the log, a line every `seldom_told::interval` at most for each node that
/// they say to be, and for all others together; and to whoever asks for a node, for as long as it goes on. Used by several
/// threads.
///
/// Bound: one entry for each node of the cluster file, and one. A name is what a stranger claims: it is told, not believed.
class turned_away {
public:
  using time_point = std::chrono::steady_clock::time_point;

  static constexpr std::chrono::seconds remembered_for{10};

  explicit turned_away(std::shared_ptr<const cluster> config) : config_{std::move(config)} {}

  /// `from` was refused, which calls itself `name`, or nothing. Gives the line for the log, if there is to be one now.
  std::optional<std::string> refused(const std::string& from, const std::string& name, const std::string& why, time_point now);
  /// A node was let in.
  void let_in(const std::string& name);
  /// Why that node was refused lately; empty: it was not.
  std::string why(const std::string& name, time_point now) const;

private:
  struct refusal {
    std::string text;
    time_point when;
  };

  std::shared_ptr<const cluster> config_;
  mutable std::mutex mutex_;
  std::map<std::string, refusal> nodes_;
  std::map<std::string, seldom_told> told_; // by name; empty: all who are no nodes
};

} // namespace synod
