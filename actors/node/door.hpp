// Where other nodes connect.
#pragma once

#include "synod/actors/node/admission.hpp"
#include "synod/actors/node/turned_away.hpp"
#include "synod/actors/role/seldom_told.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace spdlog {
class logger;
}

namespace synod {

/// Lets connections prove that they come from this cluster (admission.hpp), in a thread of its own, and hands on those that do.
///
/// Bounds: `most_waiting` connections that have not proven it yet, of which each holds less than a hello; one more, and the
/// oldest goes of the host that has most of them. Whoever takes longer than `wait_limit` goes, too.
class door {
public:
  /// Connections that may wait where there may be so many open files for a node.
  static size_t room(uint64_t open_files) { return std::clamp<uint64_t>(open_files / 8, 8, 64); }

  struct options {
    cluster_key key;
    std::string name; ///< this node's
    std::shared_ptr<turned_away> refused;
    std::shared_ptr<spdlog::logger> log;
    std::function<void(int socket)> let_in; ///< takes the socket; called in the door's thread
    size_t most_waiting = room(UINT64_MAX);
    std::chrono::milliseconds wait_limit{3000};
  };

  explicit door(options opts) : options_{std::move(opts)} {}
  ~door();
  door(const door&) = delete;
  door& operator=(const door&) = delete;

  /// Listens, and lets in from then on. What is wrong, or nothing.
  std::string open(const endpoint& where);
  /// That it really listens at.
  uint16_t port() const { return port_; }
  /// Lets nobody in any more.
  void close();

private:
  using clock = std::chrono::steady_clock;

  struct waiting {
    int socket;
    std::string host;
    std::string from;
    clock::time_point until;
    admission greeting;
    std::string bytes{}; // of what it wants
  };
  using waiting_list = std::list<waiting>; // the oldest first

  void run();
  void accept_all();
  void do_without_descriptors();
  void make_room();
  bool go_on(waiting& x);
  bool send(waiting& x);
  void end(waiting& x, const std::string& why);
  void drop_late();
  int milliseconds_to_wait() const;

  options options_;
  int listener_ = -1;
  int wake_ = -1;
  uint16_t port_ = 0;
  std::thread thread_;
  waiting_list waiting_;
  bool accepts_ = true; // false: for a moment, as the process has no descriptors left
  seldom_told told_;    // of that
};

} // namespace synod
