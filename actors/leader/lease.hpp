// The active leader's lease: reads without a question to acceptors.
#pragma once

#include "synod/messages/configuration.hpp"

#include <chrono>
#include <map>
#include <optional>

namespace synod {

/// The active leader asks acceptors for it again and again, under its ballot (PMMC section 4.5). While each quorum of promises
/// has one that has granted it no other leader's ballot is adopted, so nothing is decided that this leader has not proposed or
/// adopted: it alone can say which slots may be decided.
///
/// An acceptor counts the time by its own clock from when it gets the question, the leader by its own from when it sent it, which
/// is earlier. `drift`: by so much the rate of either may be wrong. What the acceptor takes for `length` is at least
/// length / (1 + drift) long, and what the leader takes for `held_for` at most held_for / (1 - drift).
class lease {
public:
  using time = std::chrono::nanoseconds; ///< of environment::boot_clock

  struct terms {
    std::chrono::milliseconds length{0}; ///< that an acceptor grants it for; 0: there are no leases
    int64_t drift_per_million = 0;
  };

  explicit lease(terms x)
    : length_{x.length}, held_for_{length_ * (million - x.drift_per_million) / (million + x.drift_per_million)} {}

  bool on() const { return length_.count() > 0; }

  /// It is time to ask all acceptors: four times while the leader counts on a grant.
  bool due(time now) const { return on() && (!asked_ || now - *asked_ >= held_for_ / 4); }
  void asked(time now) { asked_ = now; }

  /// In answer to what was asked then.
  void granted(node_id acceptor, time asked, time now) {
    if (asked > now)
      return; // Not of this leader.
    auto& known = granted_.try_emplace(acceptor, asked).first->second;
    known = std::max(known, asked);
  }

  /// So long the leader counts on a grant.
  time held_for() const { return held_for_; }

  /// The acceptors whose grants have not run out, whatever is wrong with their clocks and this one.
  node_set granting(time now) const {
    node_set found;
    for (auto& [acceptor, asked] : granted_)
      if (now - asked < held_for_)
        found.insert(acceptor);
    return found;
  }

  /// Up to then, if no more grants come, those that last are `enough`; 0: they never were.
  template <class Enough>
  time held_until(const Enough& enough) const {
    time latest{0};
    for (auto& [acceptor, asked] : granted_)
      if (auto end = asked + held_for_; end > latest && enough(granting(end - time{1})))
        latest = end;
    return latest;
  }

private:
  static constexpr int64_t million = 1'000'000;

  time length_;
  time held_for_;
  std::optional<time> asked_;
  std::map<node_id, time> granted_; // when that was asked for
};

} // namespace synod
