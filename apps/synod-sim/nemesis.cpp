#include "nemesis.hpp"

#include "synod/actors/node/change.hpp"

#include <algorithm>

namespace synod::simulation {

using std::chrono::milliseconds;
using std::chrono::seconds;

nemesis::nemesis(stage& on, std::vector<simulated_host*> hosts, size_t participants)
  : stage_{on}, hosts_{std::move(hosts)}, participants_{participants} {
  for (size_t i = 0; i < fault_count; ++i)
    streams_.emplace_back(on.drawn.options.seed, fault_descriptions()[i].name);
  for (uint32_t i = 0; i < hosts_.size(); ++i)
    if (!on.drawn.spares(i))
      victims_.push_back(i);
  for (uint32_t i = 0; i < hosts_.size(); ++i)
    hosts_[i]->on_end = [this, i] {
      auto& random = stream(fault::disk_error);
      stage_.time.after(random.around(seconds{1}), [this, i] { up(i); }); // When the faults have ended, too.
    };
}

void nemesis::begin() {
  auto& drawn = stage_.drawn;
  for (uint32_t i = 0; i < participants_; ++i)
    for (uint32_t j = 0; j < participants_; ++j) {
      auto& way = stage_.net->between(i, j);
      way.latency = drawn.latency;
      way.jitter = drawn.jitter;
      way.bytes_per_second = i < hosts_.size() && j < hosts_.size() ? drawn.bytes_per_second : 0;
    }
  begin_messages();
  begin_links();
  begin_processes();
  begin_disks();
  begin_hosts();
  begin_members();
}

void nemesis::end() {
  over_ = true;
  stage_.told.say(stage_.time.now(), "THE FAULTS END");
  for (auto& [from, to] : std::exchange(cuts_, {}))
    stage_.net->mend(from, to);
  for (uint32_t i = 0; i < participants_; ++i)
    for (uint32_t j = 0; j < participants_; ++j) {
      auto& way = stage_.net->between(i, j);
      way.drop_per_million = way.duplicate_per_million = way.reorder_per_million = 0;
      way.latency = stage_.drawn.latency;
      way.extra = duration{0};
    }
  for (uint32_t i = 0; i < hosts_.size(); ++i) {
    auto& x = *hosts_[i];
    x.disk().behaviour().error_per_million = 0;
    x.disk().fill(std::nullopt);
    x.stall = duration{0};
    x.slow_down(duration{0});
    x.pause(false);
    x.set_clock(0, 0);
    x.set_rate(1'000'000);
    up(i);
  }
}

// -- when ---------------------------------------------------------------------

/// Again and again, with pauses of about that length.
void nemesis::every(fault kind, duration mean, action what) {
  if (has(kind) && !victims_.empty())
    again(kind, mean, std::make_shared<action>(std::move(what)));
}

void nemesis::again(fault kind, duration mean, const std::shared_ptr<action>& what) {
  stage_.time.after(stream(kind).around(mean), [this, kind, mean, what] {
    if (over_)
      return;
    ++faults_;
    (*what)(stream(kind));
    again(kind, mean, what);
  });
}

/// Unless everything works again by then.
void nemesis::later(duration pause, std::function<void()> what) {
  stage_.time.after(pause, [this, what = std::move(what)] {
    if (!over_)
      what();
  });
}

// -- messages and links -------------------------------------------------------

void nemesis::begin_messages() {
  auto nodes = static_cast<uint32_t>(hosts_.size());
  auto set = [&](fault kind, auto change) {
    if (!has(kind))
      return;
    auto& random = stream(kind);
    auto rate = static_cast<uint32_t>(random.of<int>({1'000, 10'000, 50'000, 150'000}));
    for (uint32_t i = 0; i < nodes; ++i)
      for (uint32_t j = 0; j < nodes; ++j)
        if (i != j && !(stage_.drawn.spares(i) && stage_.drawn.spares(j)))
          change(stage_.net->between(i, j), rate, random);
  };
  set(fault::drop, [](auto& way, uint32_t rate, auto&) { way.drop_per_million = rate; });
  set(fault::duplicate, [](auto& way, uint32_t rate, auto&) { way.duplicate_per_million = rate; });
  set(fault::reorder, [](auto& way, uint32_t rate, auto& random) {
    way.reorder_per_million = rate;
    way.reorder_by = random.template of<milliseconds>({milliseconds{5}, milliseconds{100}, milliseconds{2000}});
  });
  every(fault::delay, seconds{3}, [this](auto& random) {
    auto from = some_victim(random), to = some_node(random);
    if (random.below(2) == 0)
      std::swap(from, to);
    auto extra = random.around(random.template of<milliseconds>({milliseconds{5}, milliseconds{50}, milliseconds{400}}));
    stage_.told.say(stage_.time.now(), "{} -> {} IS SLOW by {} ms", hosts_[from]->name(), hosts_[to]->name(),
                    extra.count() / 1'000'000);
    stage_.net->between(from, to).extra = extra;
    later(random.around(seconds{2}), [this, from, to] { stage_.net->between(from, to).extra = duration{0}; });
  });
  if (has(fault::slow_client)) {
    auto& random = stream(fault::slow_client);
    for (auto i = nodes; i < participants_; ++i)
      if (random.below(3) == 0)
        for (uint32_t j = 0; j < nodes; ++j)
          for (auto* way : {&stage_.net->between(i, j), &stage_.net->between(j, i)})
            way->latency = random.between(milliseconds{10}, milliseconds{1500});
  }
}

void nemesis::begin_links() {
  every(fault::cut, seconds{5}, [this](auto& random) {
    auto a = some_victim(random);
    auto b = static_cast<uint32_t>(random.below(participants_)); // Clients too.
    if (a == b)
      return;
    if (random.below(4) == 0) {
      stage_.told.say(stage_.time.now(), "the connection of {} IS RESET", hosts_[a]->name());
      return stage_.net->reset(a, b);
    }
    std::vector<std::pair<uint32_t, uint32_t>> ways{{a, b}};
    if (random.below(2) == 0)
      ways.emplace_back(b, a);
    auto length = random.around(random.template of<milliseconds>({milliseconds{300}, milliseconds{2000}, milliseconds{8000}}));
    cut(ways, length, random.below(2) == 0, "cut");
  });
  every(fault::partition, seconds{10}, [this](auto& random) { partition(random); });
  every(fault::flap, seconds{8}, [this](auto& random) { flap(random); });
}

void nemesis::cut(const std::vector<std::pair<uint32_t, uint32_t>>& ways, duration length, bool holds, const char* why) {
  for (auto [from, to] : ways) {
    if (stage_.told.on())
      stage_.told.say(stage_.time.now(), "{} -> {} IS CUT ({})", from < hosts_.size() ? hosts_[from]->name() : "a client",
                      to < hosts_.size() ? hosts_[to]->name() : "a client", why);
    stage_.net->cut(from, to, holds);
    cuts_.emplace_back(from, to);
  }
  later(length, [this, ways] {
    for (auto way : ways) {
      auto found = std::find(cuts_.begin(), cuts_.end(), way);
      if (found == cuts_.end())
        continue;
      cuts_.erase(found);
      stage_.net->mend(way.first, way.second);
      if (stage_.told.on())
        stage_.told.say(stage_.time.now(), "{} -> {} works again",
                        way.first < hosts_.size() ? hosts_[way.first]->name() : "a client",
                        way.second < hosts_.size() ? hosts_[way.second]->name() : "a client");
    }
  });
}

/// Two groups, or two that hear each other only by way of one node.
void nemesis::partition(random_stream& random) {
  auto bridged = random.below(2) == 0;
  auto bridge = some_node(random);
  std::vector<bool> side;
  for (size_t i = 0; i < hosts_.size(); ++i)
    side.push_back(random.below(2) == 0 || stage_.drawn.spares(static_cast<uint32_t>(i)));
  std::vector<std::pair<uint32_t, uint32_t>> ways;
  for (uint32_t i = 0; i < hosts_.size(); ++i)
    for (uint32_t j = 0; j < hosts_.size(); ++j)
      if (side[i] != side[j] && !(bridged && (i == bridge || j == bridge)))
        ways.emplace_back(i, j);
  auto length = random.around(seconds{4});
  cut(ways, length, random.below(2) == 0, bridged ? "partition with a bridge" : "partition");
}

void nemesis::flap(random_stream& random) {
  auto a = some_victim(random), b = some_node(random);
  if (a == b)
    return;
  duration when{0};
  for (auto times = random.between(5, 30); times > 0; --times) {
    auto length = random.around(milliseconds{100});
    later(when, [this, a, b, length] { cut({{a, b}, {b, a}}, length, true, "flapping"); });
    when += length + random.around(milliseconds{200});
  }
}

// -- processes and hosts ------------------------------------------------------

void nemesis::begin_processes() {
  every(fault::kill, stream(fault::kill).of<seconds>({seconds{3}, seconds{10}, seconds{10}}), [this](auto& random) {
    auto node = worst_victim(random);
    down(node, simulated_host::end::kill, time_down(random));
  });
  every(fault::power, stream(fault::power).of<seconds>({seconds{4}, seconds{15}, seconds{15}}), [this](auto& random) {
    if (random.below(3) > 0)
      return power_cut(random, worst_victim(random));
    auto together = random.below(2) == 0; // The power is back for all at once.
    auto time = time_down(random);
    for (auto each : victims_)
      down(each, simulated_host::end::power, together ? time : time_down(random));
  });
  every(fault::pause, seconds{8}, [this](auto& random) {
    auto node = some_victim(random);
    if (!hosts_[node]->alive())
      return;
    stage_.told.say(stage_.time.now(), "{} IS STOPPED", hosts_[node]->name());
    hosts_[node]->pause(true);
    later(random.around(random.template of<milliseconds>({milliseconds{300}, milliseconds{2000}, milliseconds{5000}})),
          [this, node] {
            stage_.told.say(stage_.time.now(), "{} goes on", hosts_[node]->name());
            hosts_[node]->pause(false);
          });
  });
}

/// Any of them, or the active leader's, where it hurts most.
uint32_t nemesis::worst_victim(random_stream& random) const {
  auto node = some_victim(random);
  if (random.below(2) == 0)
    return node;
  for (auto each : victims_)
    if (hosts_[each]->leads())
      node = each;
  return node;
}

duration nemesis::time_down(random_stream& random) {
  return random.around(random.of<milliseconds>({milliseconds{50}, milliseconds{500}, milliseconds{3000}}));
}

/// Often the network behind a host has lost its power a moment before.
void nemesis::power_cut(random_stream& random, uint32_t node) {
  auto length = time_down(random);
  if (random.below(2) == 0)
    return down(node, simulated_host::end::power, length);
  std::vector<std::pair<uint32_t, uint32_t>> ways;
  for (uint32_t i = 0; i < hosts_.size(); ++i)
    if (i != node)
      ways.emplace_back(node, i);
  auto before = random.around(milliseconds{50});
  cut(ways, before + duration{1}, false, "power");
  later(before, [this, node, length] { down(node, simulated_host::end::power, length); });
}

/// At once, or while the node writes.
void nemesis::down(uint32_t node, simulated_host::end how, duration length) {
  auto& x = *hosts_[node];
  if (!x.runs())
    return;
  auto now = [this, node, how, length] {
    if (over_ || !hosts_[node]->runs())
      return;
    hosts_[node]->stop(how);
    later(length, [this, node] { up(node); });
  };
  if (stream(how == simulated_host::end::power ? fault::power : fault::kill).below(2) == 0)
    return now();
  x.when_writing = now;
  later(seconds{1}, [&x, now] {
    if (std::exchange(x.when_writing, nullptr))
      now(); // It does not write.
  });
}

/// The power may be gone again before the process has started.
void nemesis::up(uint32_t node) {
  if (hosts_[node]->runs() || hosts_[node]->has_left())
    return;
  auto& random = stream(fault::power);
  if (!over_ && has(fault::power) && random.below(4) == 0)
    hosts_[node]->start(random.below(40));
  else
    hosts_[node]->start();
}

void nemesis::begin_disks() {
  for (auto each : victims_) {
    hosts_[each]->disk().behaviour().torn = has(fault::torn);
    if (has(fault::disk_error))
      hosts_[each]->disk().behaviour().error_per_million =
        static_cast<uint32_t>(stream(fault::disk_error).of<int>({20, 100, 500}));
  }
  every(fault::lost_disk, seconds{30}, [this](auto& random) {
    auto node = some_victim(random);
    if (!goes_on_without(node))
      return;
    hosts_[node]->stop(simulated_host::end::kill);
    hosts_[node]->lose_disk();
    later(time_down(random), [this, node] { up(node); });
  });
  every(fault::full, seconds{12}, [this](auto& random) { fill_disks(random); });
  every(fault::stall, seconds{4}, [this](auto& random) {
    auto node = some_victim(random);
    auto stall = random.around(
      random.template of<milliseconds>({milliseconds{20}, milliseconds{200}, milliseconds{1500}, milliseconds{5000}}));
    stage_.told.say(stage_.time.now(), "{}'s DISK IS SLOW: {} ms", hosts_[node]->name(), stall.count() / 1'000'000);
    hosts_[node]->stall = stall;
    later(random.around(seconds{2}), [this, node] { hosts_[node]->stall = duration{0}; });
  });
}

/// Of one host, or of all that something may happen to; to the brim, or so that a little is left.
void nemesis::fill_disks(random_stream& random) {
  auto these = random.below(3) == 0 ? victims_ : std::vector<uint32_t>{some_victim(random)};
  auto length = random.around(random.of<milliseconds>({milliseconds{500}, milliseconds{4000}, milliseconds{15'000}}));
  for (auto node : these) {
    if (hosts_[node]->disk().is_filled())
      continue;
    auto left_bytes = random.of<uint64_t>({0, 0, 1000, 20'000, 100'000, 300'000});
    stage_.told.say(stage_.time.now(), "{}'s DISK IS FULL: {} bytes are left", hosts_[node]->name(), left_bytes);
    hosts_[node]->disk().fill(left_bytes);
    later(length, [this, node] {
      stage_.told.say(stage_.time.now(), "{}'s disk has room again", hosts_[node]->name());
      hosts_[node]->disk().fill(std::nullopt);
    });
  }
}

/// The time of day is what this node's clock shows.
bool nemesis::is_every_acceptor(uint32_t node) const {
  auto acceptors = stage_.drawn.begun->nodes_with("acceptor");
  return acceptors.size() == 1 && acceptors.contains(stage_.drawn.config->nodes[node].id);
}

/// The others can do without that node, and would notice if it came back as another.
bool nemesis::goes_on_without(uint32_t node) const {
  auto rest_has = [&](const char* role) {
    auto all = stage_.drawn.config->nodes_with(role);
    return all.size() > (all.contains(stage_.drawn.config->nodes[node].id) ? 1 : 0);
  };
  auto acceptors = stage_.drawn.config->nodes_with("acceptor").size();
  return acceptors >= 3 && rest_has("leader") && rest_has("replica") && (!hosts_[node]->has("gateway") || rest_has("gateway"))
         && std::all_of(hosts_.begin(), hosts_.end(),
                        [&](auto* x) { return !x->has_lost_its_disk() && (x == hosts_[node] || x->knows(*hosts_[node])); });
}

void nemesis::begin_hosts() {
  every(fault::clock, seconds{30}, [this](auto& random) {
    for (auto* each : hosts_)
      each->set_clock(0, 0);
    auto turn = ++clock_turns_; // Nothing that was to go wrong by now does.
    auto node = some_victim(random);
    if (is_every_acceptor(node))
      return;
    auto jump = random.template of<int64_t>({0, 50, 3'000, 9'000, 3'600'000});
    auto by = random.between(-jump, jump) * 1000;
    auto drift = random.between(-20'000, 20'000);
    // One wrong clock at a time, also in what others have heard of them.
    later(seconds{turn == 1 ? 0 : 16}, [this, node, jump, by, drift, turn] {
      if (turn != clock_turns_)
        return;
      stage_.told.say(stage_.time.now(), "{}'s CLOCK goes wrong by about {} ms", hosts_[node]->name(), jump);
      hosts_[node]->set_clock(by, drift);
    });
  });
  if (has(fault::drift))
    for (uint32_t i = 0; i < hosts_.size(); ++i)
      drift(i, stream(fault::drift));
  every(fault::drift, seconds{5}, [this](auto& random) { drift(some_node(random), random); });
  every(fault::slow_node, seconds{6}, [this](auto& random) {
    auto node = some_victim(random);
    auto cost = random.template of<std::chrono::microseconds>(
      {std::chrono::microseconds{100}, std::chrono::microseconds{1000}, std::chrono::microseconds{5000}});
    stage_.told.say(stage_.time.now(), "{} IS SLOW", hosts_[node]->name());
    hosts_[node]->slow_down(cost);
    later(random.around(seconds{3}), [this, node] { hosts_[node]->slow_down(duration{0}); });
  });
}

/// Mostly as much as there may be. No harm is done by it, so no node is spared. Beyond that, as it harms most: who leads takes
/// its lease for longer than it is.
void nemesis::drift(uint32_t node, random_stream& random) {
  constexpr int64_t right = 1'000'000;
  auto most = stage_.drawn.config->options_of("leader").number("lease-clock-drift");
  auto rate = random.of<int64_t>({right + most, right - most, right, random.between(right - most, right + most)});
  stage_.told.say(stage_.time.now(), "{}'s CLOCK OF LEASES goes at {} millionths", hosts_[node]->name(), rate);
  hosts_[node]->set_rate(rate);
  for (auto* each : hosts_)
    if (auto beyond = int64_t{stage_.drawn.options.drift_beyond}; beyond > 0)
      each->set_rate(each->leads() ? right / beyond : right * beyond);
}

void nemesis::begin_members() {
  every(fault::members, stream(fault::members).of<seconds>({seconds{3}, seconds{8}}),
        [this](auto& random) { change_members(random); });
}

/// As an operator does it: not without a majority, and new ones have the state when they begin to count. Sometimes two change
/// something at once.
void nemesis::change_members(random_stream& random) {
  auto* by = hosts_[random.below(hosts_.size())];
  auto out = by->slot_out();
  if (!by->alive() || !by->has_started() || !out)
    return;
  auto& now = by->members().all().latest();
  node_set reached;
  for (auto* each : hosts_)
    if (each->alive() && each->has_started())
      reached.insert(each->id());
  std::vector<member> joined;
  for (uint32_t i = 0; i < hosts_.size(); ++i) {
    auto& x = *hosts_[i];
    if (stage_.drawn.joins(i) && reached.contains(x.id()) && !by->members().all().knows(x.id()) && !now.find(x.id())
        && x.slot_out().value_or(0) + 256 > *out && random.below(4) > 0)
      joined.push_back({x.id(), x.name(), "127.0.0.1", 1, stage_.drawn.config->nodes[i].roles, now.number() + 1});
  }
  auto next = now.nodes();
  auto kind = random.below(3);
  auto removed = now.removed();
  if (kind != 0 && !next.empty()) {
    auto which = next.begin() + static_cast<long>(random.below(next.size()));
    removed.insert(which->id);
    next.erase(which);
  }
  if (kind != 1 && !joined.empty())
    next.push_back(joined[random.below(joined.size())]);
  configuration made{now.number() + 1, std::move(next), std::move(removed)};
  auto serves = [](auto& x) { return x.has("gateway"); }; // Clients have to reach somebody.
  if (std::any_of(now.nodes().begin(), now.nodes().end(), serves)
      && std::none_of(made.nodes().begin(), made.nodes().end(), serves))
    return;
  if (has(fault::clock) && made.acceptors().size() < 3)
    return; // Two in three clocks are right.
  if (made.nodes() == now.nodes() || !refusal_of(made, now).empty() || !too_few(made, reached).empty())
    return;
  stage_.told.say(stage_.time.now(), "{} PROPOSES configuration {}", by->name(), made.number());
  by->propose(made);
}

} // namespace synod::simulation
