// Who leads, as a leader that does not lead sees it.
#pragma once

#include "synod/messages/configuration.hpp"
#include "synod/messages/leadership.capnp.h"

#include <caf/actor_clock.hpp>

#include <chrono>
#include <optional>
#include <random>

namespace synod {

/// Watches the leader with the highest ballot, and says when this one should become a candidate (PMMC section 3).
///
/// - Silence counts, for a timeout with jitter since the last sign of life of an active leader. Timeouts grow by a factor when a
///   higher ballot preempts this leader, and shrink by a step with each decision, made here or told of by others.
/// - A broken connection is no silence: it may come back. Only when all other leaders that are reached say that they do not
///   hear the watched one any more, either, the jitter alone is waited for.
/// - A leader that has just started gives the watched one the time that it takes to connect; and one that it meets for the first
///   time, which may lead or know who does, a timeout to say so.
/// - Where the network is cut in part, the best connected one leads: one that hears the watched leader, when this one does not,
///   is asked to lead (it is the relay) before this one becomes a candidate.
class leadership {
public:
  using time_point = caf::actor_clock::time_point;
  using milliseconds = std::chrono::milliseconds;

  struct limits {
    milliseconds ping_interval;
    milliseconds smallest_timeout;
    milliseconds largest_timeout;
  };

  leadership(node_id self, limits x, uint64_t seed);

  /// The leader starts; the first one becomes a candidate at once, the others wait to hear of it.
  void begin(bool first, time_point now);

  /// The highest ballot that is known; none: of no leader.
  const std::optional<ballot>& watched() const { return watched_; }
  /// Its leader gave a sign of life not long ago, on a connection that stands.
  bool hears(time_point now) const;
  milliseconds timeout() const { return timeout_; }

  /// This leader itself was stopped, or had no processor, for so long before now: of that it cannot say that nobody was heard.
  void stood_still(milliseconds so_long, time_point now);

  bool ping_due(time_point now) const { return now - pinged_ >= limits_.ping_interval; }
  void pinged(time_point now) { pinged_ = now; }

  // What happened.
  void preempted(ballot by, time_point now);
  void on_higher_ballot(ballot told, time_point now);
  void on_pong(schema::Pong::Reader pong, const node_set& reached, time_point now);
  void on_decisions(uint64_t count);
  /// The connection with that node's leader broke; true: it is the watched one, so the others are to be asked about it.
  bool on_lost(node_id node);
  void on_found(node_id node, time_point now);

  /// It is time to do something about it: to ask the relay, if there is one, or to become a candidate.
  bool silent(time_point now) const;
  /// Takes the relay: asked once, then it is time to become a candidate. None: there is none among those reached.
  std::optional<node_id> take_relay(const node_set& reached);
  /// This leader becomes a candidate; gives the round of its ballot, above its own last one and every other that is known.
  uint64_t stand(uint64_t last_round);

private:
  void watch(ballot active, time_point now);
  void note_hearing(node_id node);
  void note_deaf(node_id node, const node_set& reached, time_point now);
  void connection_stands();
  milliseconds jitter();

  node_id self_;
  limits limits_;
  std::minstd_rand random_;

  time_point begun_{};
  bool first_ = false;        // its first ballot is below any other's: it deposes nobody
  node_set met_;              // leaders that were connected since then
  time_point answer_until_{}; // one that was met has to say what it knows
  std::optional<ballot> watched_;
  time_point heard_{};      // the last sign of life
  milliseconds patience_{}; // the timeout with this round's jitter
  milliseconds timeout_;
  time_point pinged_{};

  bool connection_lost_ = false;             // with the watched leader
  node_set deaf_;                            // that said since then that they do not hear it
  std::optional<time_point> all_deaf_until_; // all said so: that long it has to come back

  std::optional<node_id> relay_; // hears the watched leader
  bool relay_asked_ = false;
};

} // namespace synod
