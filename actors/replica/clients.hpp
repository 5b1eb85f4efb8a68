// What a replica owes its clients.
#pragma once

#include "synod/actors/role/flow_control.hpp"

#include <caf/all.hpp>

#include <algorithm>
#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

namespace synod {

/// Flow control towards clients: counts the bytes of replies that each was sent and has not returned the mark of.
///
/// Bounds: a client that is owed `limit_bytes` is not sent answers to its reads until it returns marks, but for a message a
/// second, so that one whose marks were lost is found to be well. While one that is owed as much returns marks, no further slot
/// is performed, for `most_pause` at most: its replies would have no room, and it is about to have. One that is owed eight times
/// as much is refused what it asks for newly, and told of performed commands only that they were performed; one that is owed ten
/// times as much is told nothing more. `most` clients at a time; of further ones nothing is taken.
class clients {
public:
  using client = caf::strong_actor_ptr; ///< only kept
  using time_point = caf::actor_clock::time_point;

  static constexpr size_t most = 4096;

  explicit clients(uint64_t limit_bytes) : limit_bytes_{limit_bytes} {}

  bool has_room_for_answers(const client& whom, time_point now) const {
    if (is_owed_below(whom, limit_bytes_))
      return true;
    auto known = all_.find(whom);
    return known != all_.end() && now - known->second.last >= probe_interval;
  }
  /// The same for a message of so many bytes to one that wants no more than `window_bytes` on its way; these may be half of what
  /// a client may be owed, and so hold up nothing.
  bool has_room_for(const client& whom, uint64_t bytes, uint64_t window_bytes, time_point now) const {
    auto known = all_.find(whom);
    if (known == all_.end())
      return all_.size() < most;
    auto owed = known->second.owed();
    return owed == 0 || owed + bytes <= std::min(window_bytes, limit_bytes_ / 2) || now - known->second.last >= probe_interval;
  }
  bool has_room_for_responses(const client& whom) const { return is_owed_below(whom, 8 * limit_bytes_); }
  bool has_room_for_refusals(const client& whom) const { return is_owed_below(whom, 10 * limit_bytes_); }

  /// One that is owed much takes it in right now, and has not been waited for too long.
  bool catches_up(time_point now) const {
    return std::any_of(all_.begin(), all_.end(), [&](auto& x) {
      return x.second.owed() >= limit_bytes_ && now - x.second.taking < taking_interval && now - x.second.much_since < most_pause;
    });
  }
  static constexpr std::chrono::seconds most_pause{2};

  struct sending {
    uint64_t mark;
    bool fresh; ///< the client is new here: `forget` is to be called when it ends
  };
  /// Bytes are sent to it, with that mark.
  sending sent(const client& whom, uint64_t bytes, time_point now) {
    auto known = all_.find(whom);
    auto fresh = known == all_.end() && all_.size() < most;
    if (fresh)
      known = all_.emplace(whom, entry{}).first;
    if (known == all_.end())
      return {0, false}; // A refusal to one more than there may be.
    known->second.used = true;
    known->second.last = now;
    if (known->second.owed() == 0)
      known->second.taking = now;
    if (known->second.owed() < limit_bytes_)
      known->second.much_since = now;
    return {known->second.sent += bytes, fresh};
  }

  /// It has everything up to `mark`.
  void received(const client& whom, uint64_t mark, time_point now) {
    auto known = all_.find(whom);
    if (known == all_.end() || mark > known->second.sent || mark <= known->second.received)
      return;
    known->second.received = mark;
    known->second.taking = now;
  }

  void forget(const caf::actor_addr& ended) {
    std::erase_if(all_, [&](auto& each) { return each.first->address() == ended; });
  }

  /// Gives those that are owed nothing and were sent nothing since the last call, and forgets them.
  std::vector<client> forget_idle() {
    std::vector<client> idle;
    for (auto each = all_.begin(); each != all_.end();) {
      auto keep = std::exchange(each->second.used, false) || each->second.owed() > 0;
      if (!keep)
        idle.push_back(each->first);
      each = keep ? std::next(each) : all_.erase(each);
    }
    return idle;
  }

  bool knows(const client& whom) const { return all_.contains(whom); }
  size_t size() const { return all_.size(); }
  uint64_t most_owed_bytes() const {
    uint64_t found = 0;
    for (auto& [whom, x] : all_)
      found = std::max(found, x.owed());
    return found;
  }
  void clear() { all_.clear(); }

private:
  static constexpr std::chrono::seconds probe_interval{1};
  static constexpr std::chrono::milliseconds taking_interval{250}; // a few ticks, with which marks come at the latest

  bool is_owed_below(const client& whom, uint64_t bytes) const {
    auto known = all_.find(whom);
    return known == all_.end() ? all_.size() < most : known->second.owed() < bytes;
  }

  struct entry {
    uint64_t sent = 0;
    uint64_t received = 0;
    time_point last{};       // when something was sent
    time_point taking{};     // when it returned a mark, or began to owe
    time_point much_since{}; // when what it is owed last grew from below the limit
    bool used = false;       // since idle ones were looked for
    uint64_t owed() const { return sent - received; }
  };
  uint64_t limit_bytes_;
  std::unordered_map<client, entry> all_;
};

} // namespace synod
