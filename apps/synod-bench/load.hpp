// Connections that send commands and measure how long these take.
#pragma once

#include "command_source.hpp"
#include "connection.hpp"
#include "options.hpp"
#include "results.hpp"

#include <uv.h>

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace synod::bench {

/// Sends a workload through connections, from one thread, and measures.
///
/// Closed loop: each connection sends as many commands as its pipeline has, and the next ones when all are answered. With a rate
/// commands are due at even distances, whoever is free sends those that are, and each is measured from when it was due: a server
/// that stops for a second is not spared the commands that it would have got then (no coordinated omission).
///
/// A connection that is lost is made again until the end. What was under way on it counts as an error, and so does what is not
/// answered at the end; and with the time that it was waited for. When nothing is answered for half a minute the rest is given
/// up. Keys that are filled in are all written, or nothing is measured.
class load : private connection::owner {
public:
  using clock = std::chrono::steady_clock;
  /// Told some times a second: what share is done, from 0 to 1, and how many commands were answered in the last second.
  using progress = std::function<void(const char* phase, double share, double rate)>;

  using maker = std::function<std::unique_ptr<connection>(connection::owner& of, uv_loop_t& loop, uint32_t number)>;
  struct transport {
    maker make{};                                     ///< none: connections to the targets
    std::function<void(bool)> measures = [](bool) {}; ///< that it is measured from now on, or not any more
    std::function<void()> ends = [] {};               ///< what is on the loop beside connections ends
  };

  load(const options& x, progress tell);
  load(const options& x, progress tell, transport through);
  ~load();

  /// Does all of it. What is wrong when it ended early; otherwise nothing. There may be results in either case.
  std::string run();
  const results& found() const { return results_; }

private:
  using sent = connection::sent;

  enum class phase { connecting, filling, warming_up, measuring, ending };

  std::string resolve();
  void begin(phase next);
  void look();
  void send_due();
  bool append_next(connection& on, clock::time_point due);
  // connection::owner
  void on_connected(connection& x) override;
  void on_answered(bool read, clock::time_point due, const std::optional<std::string>& error) override;
  void on_free(connection& x) override;
  void on_lost(const std::string& why, const std::deque<sent>& unanswered) override;
  void on_unreachable(const std::string& why) override;
  void fail(const std::string& why) override;

  maker to_targets();
  bool is_measured(clock::time_point due) const;
  void note_lost(bool read, clock::time_point due, const char* how);
  clock::time_point due_at(uint64_t number) const;
  void wait_for_due();
  void stop();
  double share_done() const;
  /// What comes when the keys are there.
  phase filled() const { return options_.warm_up.count() > 0 ? phase::warming_up : phase::measuring; }
  bool measures() const { return phase_ == phase::measuring; }
  bool has_rate() const { return options_.rate > 0 && (phase_ == phase::warming_up || phase_ == phase::measuring); }
  void end_if_done();
  void end_measurement();

  const options& options_;
  progress tell_;
  transport transport_;
  command_source commands_;
  std::vector<char> buffer_; // that is read into
  results results_;
  uv_loop_t loop_{};
  uv_timer_t timer_{};
  uv_poll_t due_poll_{};
  uv_signal_t signals_[2]{};
  int due_timer_ = -1; // a descriptor
  std::vector<sockaddr_storage> addresses_;
  std::vector<std::unique_ptr<connection>> connections_;
  phase phase_ = phase::connecting;
  clock::time_point phase_began_;
  clock::time_point progress_; // one more connection, or answer
  std::optional<clock::time_point> measured_from_;
  uint64_t filled_ = 0;    // keys that were sent
  uint64_t under_way_ = 0; // on all connections
  uint64_t sent_ = 0;      // in this phase
  uint64_t answered_ = 0;  // in all
  uint64_t answered_at_last_look_ = 0;
  clock::time_point last_look_;
  size_t next_free_ = 0; // with a rate: the connection to be asked first
  std::string problem_;
};

} // namespace synod::bench
