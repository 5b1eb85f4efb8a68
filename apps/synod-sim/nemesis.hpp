// What goes wrong in a run, and when.
#pragma once

#include "simulated_host.hpp"

namespace synod::simulation {

/// Brings about the faults of a plan, each kind by its own stream of random numbers, until it is told to stop.
class nemesis {
public:
  nemesis(stage& on, std::vector<simulated_host*> hosts, size_t participants);

  void begin();
  /// Everything works from now on: what was cut is mended, whoever is down starts.
  void end();

  uint64_t faults() const { return faults_; }

private:
  using action = std::function<void(random_stream&)>;

  random_stream& stream(fault kind) { return streams_[static_cast<size_t>(kind)]; }
  bool has(fault kind) const { return stage_.drawn.has(kind); }
  void every(fault kind, duration mean, action what);
  void again(fault kind, duration mean, const std::shared_ptr<action>& what);
  void later(duration pause, std::function<void()> what);
  uint32_t some_node(random_stream& random) const { return static_cast<uint32_t>(random.below(hosts_.size())); }
  /// That something may happen to.
  uint32_t some_victim(random_stream& random) const { return victims_[random.below(victims_.size())]; }

  void begin_messages();
  void begin_links();
  void begin_processes();
  void begin_disks();
  void fill_disks(random_stream& random);
  bool is_every_acceptor(uint32_t node) const;
  bool goes_on_without(uint32_t node) const;
  void begin_hosts();
  void begin_members();
  void drift(uint32_t node, random_stream& random);
  void change_members(random_stream& random);

  void cut(const std::vector<std::pair<uint32_t, uint32_t>>& ways, duration length, bool holds, const char* why);
  void partition(random_stream& random);
  void flap(random_stream& random);
  uint32_t worst_victim(random_stream& random) const;
  static duration time_down(random_stream& random);
  void power_cut(random_stream& random, uint32_t node);
  void down(uint32_t node, simulated_host::end how, duration length);
  void up(uint32_t node);

  stage& stage_;
  std::vector<simulated_host*> hosts_;
  std::vector<uint32_t> victims_; // all nodes but those that are spared
  size_t participants_;
  std::vector<random_stream> streams_;
  bool over_ = false;
  uint64_t faults_ = 0;
  uint64_t clock_turns_ = 0;
  std::vector<std::pair<uint32_t, uint32_t>> cuts_;
};

} // namespace synod::simulation
