// A host: its disk, its clock, and the process of a node on it, over and over.
#pragma once

#include "invariants.hpp"
#include "network.hpp"
#include "plan.hpp"
#include "platter.hpp"
#include "tcp.hpp"

#include "synod/actors/node/data_directory.hpp"
#include "synod/actors/node/greeting.hpp"
#include "synod/actors/node/known_nodes.hpp"
#include "synod/actors/node/membership.hpp"

#include <spdlog/logger.h>

#include <array>
#include <deque>
#include <optional>

namespace synod::simulation {

/// What all parts of a run share.
struct stage {
  timeline& time;
  trace& told;
  const plan& drawn;
  const registry& known;
  network* net = nullptr;
  tcp* connections = nullptr;
  invariants* checks = nullptr;
  uint64_t processes = 0; ///< begun so far, of hosts and clients
  /// What some member tells of configurations, to that host, which joins; none: nobody is there.
  std::function<std::optional<configurations>(uint32_t asker)> ask_member{};
};

/// One node of the cluster. Its process can be killed and started again; its disk and its clock stay.
class simulated_host : public participant {
public:
  simulated_host(stage& on, uint32_t index);
  ~simulated_host() override;

  const std::string& name() const override { return description_.name; }
  bool alive() const override { return alive_; }
  const std::vector<role>& roles() const override { return roles_; }
  void on_peer(uint32_t other, const std::string& name, const caf::strong_actor_ptr& handle) override;
  bool admits(participant& other) override;

  enum class end {
    kill,  ///< of the process: its host goes on, and keeps what was written
    power, ///< of the host: what was not synced may be lost
    quiet, ///< the run is over
  };

  /// Starts a process. With a number, the power goes after so many operations at the disk, if the start needs as many.
  void start(std::optional<uint64_t> operations = std::nullopt);
  void stop(end how);
  /// Lets the process do nothing at all, or go on.
  void pause(bool on);
  /// Lets every step of the process take so long.
  void slow_down(duration cost);

  /// While no process runs: all that was on the disk is gone, for good.
  void lose_disk();
  bool has_lost_its_disk() const { return lost_its_disk_; }
  /// It was removed, and has gone for good.
  bool has_left() const { return members_.has_left(); }
  const membership& members() const { return members_; }
  node_id id() const { return description_.id; }
  /// All its roles run.
  bool has_started() const { return greeting_.has_value() && !members_.empty(); }
  /// Has a configuration proposed.
  void propose(const configuration& next);
  /// It would notice if that one had another data directory.
  bool knows(const simulated_host& other) const { return known_->has({{other.description_.name, other.directory_.token()}}); }

  platter& disk() { return disk_; }
  /// Some works of the disk take about so long.
  duration stall{0};
  /// The wall clock goes wrong from now on.
  void set_clock(int64_t ahead_us, int64_t drift_per_million);
  int64_t wall_clock_us() const;
  /// The clock that leases rely on goes at this rate from now on; a million is right.
  void set_rate(int64_t per_million);
  duration boot_clock() const;
  /// What every wall clock that is right shows when the run begins, milliseconds since 1970.
  static int64_t beginning_ms();
  bool has(const std::string& role) const { return description_.has(role); }

  /// Called once, while the next durable write is under way.
  std::function<void()> when_writing;
  /// Called when the process has ended by itself, a disk error for instance.
  std::function<void()> on_end;
  uint32_t starts() const { return starts_; }
  /// So many of them found the log torn, and cut it.
  uint32_t cuts() const { return cuts_; }
  /// Of reads that a lease answered here, in all starts.
  uint64_t leased_rounds() const { return leased_rounds_ + leased_since_start(); }
  /// There is a process: alive, or about to end.
  bool runs() const { return main_.process != 0; }
  bool runs_on(const strand& x) const { return &x == &main_; }
  /// Its leader is active.
  bool leads() const;
  /// Of its replica, if it has one.
  std::optional<slot_number> slot_out() const;

private:
  class simulated_environment;
  class ears;

  template <class Role>
  const Role* find() const;
  uint64_t leased_since_start() const;
  /// What is asked of the disk and not done, of one lane.
  struct lane {
    struct job {
      std::function<caf::error()> work;
      caf::actor asker;
      uint64_t number;
    };
    std::deque<job> asked;
    duration free_at{0};
  };

  void start_roles();
  std::string find_members();
  void spawn_ears();
  void learn(const configurations& told);
  void on_durable(const message<schema::Durable>& told, const std::map<node_id, caf::strong_actor_ptr>& others);
  void leave();
  bool ends_by(const std::string& wrong);
  caf::expected<caf::actor> spawn(const std::string& role);
  void die(const std::string& why);
  void aside(disk::lane where, lane::job x);
  void finish_one(lane& from);
  void end_work();

  stage& stage_;
  uint32_t index_;
  const node_description& description_;
  platter disk_;
  environment_ptr environment_; // as the process sees it
  std::string spawning_;        // the role
  random_stream random_;
  std::shared_ptr<spdlog::logger> log_;
  data_directory directory_; // of the present process
  std::shared_ptr<known_nodes> known_;
  std::optional<greeting> greeting_;
  membership members_;
  std::shared_ptr<const cluster> config_; // as the process knows it
  bool lost_its_disk_ = false;
  bool has_started_ = false; // with this disk, once at least: from then on it needs no room
  uint32_t starts_ = 0;
  uint32_t cuts_ = 0;
  uint64_t leased_rounds_ = 0; // of the starts before
  random_stream disk_times_;
  std::array<lane, disk::lane_count> lanes_;
  bool alive_ = false;
  strand main_; // all its roles
  std::vector<role> roles_;
  // the wall clock
  int64_t ahead_us_ = 0;
  int64_t drift_per_million_ = 0;
  duration drift_since_{0};
  // the clock of leases
  int64_t rate_per_million_ = 1'000'000;
  duration boot_clock_{0}; // when it was set
  duration rate_since_{0};
};

} // namespace synod::simulation
