// An acceptor's side of a lease.
#pragma once

#include "synod/messages/ballot.hpp"

#include <algorithm>
#include <chrono>

namespace synod {

/// While it has granted the active leader a lease an acceptor promises no other node's leader a higher ballot: so none is
/// adopted, and nothing is decided but by the one that has the lease (actors/leader/lease.hpp). It lasts from when it was asked
/// for, by this node's own clock.
///
/// What was granted is not on disk: who starts again takes it that the leader of the ballot which it has promised was granted a
/// lease at the last moment. A leader's own later ballots are no others': it does not lead under two of them, in one process or
/// the next.
class granted_lease {
public:
  using time = std::chrono::nanoseconds; ///< of environment::boot_clock

  /// `length` 0: there are no leases. `promised`: before the acceptor was started.
  granted_lease(std::chrono::milliseconds length, ballot promised, time now) : length_{length} {
    if (promised != ballot{})
      grant(promised, now);
  }

  bool on() const { return length_.count() > 0; }

  /// To the leader of the acceptor's ballot, which is durable.
  void grant(ballot to, time now) {
    to_ = to;
    until_ = now + length_;
  }

  /// The leader of that ballot leads under none up to it any more.
  void give_up(ballot by) {
    if (by.leader == to_.leader && by >= to_)
      until_ = time::min();
  }

  /// That ballot may not be promised yet.
  bool forbids(ballot asked, time now) const { return now < until_ && asked.leader != to_.leader; }
  time left(time now) const { return std::max(time{0}, std::max(until_, now) - now); }
  ballot holder() const { return to_; }

private:
  std::chrono::milliseconds length_;
  ballot to_;
  time until_ = time::min();
};

} // namespace synod
