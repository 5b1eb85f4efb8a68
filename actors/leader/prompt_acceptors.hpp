// Which acceptors are asked at once, and which a little later.
#pragma once

#include "synod/messages/configuration.hpp"

#include <caf/actor_clock.hpp>

#include <algorithm>
#include <chrono>
#include <map>
#include <vector>

namespace synod {

/// As few acceptors as make a quorum decide a slot; what the others do meanwhile only takes processors and disks from them, where
/// these are shared, and room on the network. So those whose p2b's are the first get p2a's at once, the others get them up to
/// `later_by` later, many at a time, and sync once for all of them.
///
/// Who is quick is counted for a while with everybody asked at once, and again every `trusted_for`. When one of the quick ones
/// lets a slot wait for `late`, or for those that were asked later, everybody is asked at once again, and counted for twice as
/// long as before, a minute at most.
class prompt_acceptors {
public:
  using time_point = caf::actor_clock::time_point;

  static constexpr std::chrono::milliseconds later_by{20};
  static constexpr size_t later_bytes = 256u << 10; // that wait; more is sent before
  static constexpr std::chrono::milliseconds late{100};
  static constexpr std::chrono::milliseconds first_count{1000};
  static constexpr std::chrono::milliseconds last_count{60'000};
  static constexpr std::chrono::seconds trusted_for{30};
  static constexpr uint64_t least_votes = 64;   // that say who is quick
  static constexpr uint64_t most_overtaken = 4; // votes of those that were asked later

  /// Its p2b came before the slot was decided.
  void voted(node_id acceptor) {
    ++early_[acceptor];
    ++votes_;
    overtaken_ += later_.contains(acceptor);
  }

  /// Those that may be asked later. `waits`: how long the oldest slot has waited for its decision.
  const node_set& look(const node_set& acceptors, const node_set& reached, const quorum& accept, time_point::duration waits,
                       time_point now) {
    auto all_are_reached = std::all_of(acceptors.begin(), acceptors.end(), [&](auto x) { return reached.contains(x); });
    if (waits > late || overtaken_ > most_overtaken || !all_are_reached) {
      if (!later_.empty())
        count_for_ = std::min(2 * count_for_, last_count);
      count(now);
    } else if (later_.empty()) {
      if (now - since_ >= count_for_ && votes_ >= least_votes)
        choose(acceptors, accept, now);
    } else if (now - since_ >= trusted_for) {
      count_for_ = first_count;
      count(now);
    }
    return later_;
  }

  /// Another configuration, other hosts: nothing is known.
  void forget(time_point now) { count(now); }

private:
  void count(time_point now) {
    later_.clear();
    early_.clear();
    votes_ = 0;
    overtaken_ = 0;
    since_ = now;
  }

  void choose(const node_set& acceptors, const quorum& accept, time_point now) {
    std::vector<node_id> order{acceptors.begin(), acceptors.end()};
    std::stable_sort(order.begin(), order.end(), [this](auto a, auto b) { return early_[a] > early_[b]; });
    node_set prompt;
    for (auto each : order)
      (accept.satisfied_by(prompt) ? later_ : prompt).insert(each);
    overtaken_ = 0;
    since_ = now;
  }

  node_set later_;
  std::map<node_id, uint64_t> early_;
  uint64_t votes_ = 0;
  uint64_t overtaken_ = 0;
  time_point since_{}; // it counts, or those that are chosen were
  std::chrono::milliseconds count_for_ = first_count;
};

} // namespace synod
