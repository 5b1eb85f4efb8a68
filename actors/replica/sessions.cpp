#include "synod/actors/replica/sessions.hpp"

namespace synod {

std::optional<uint64_t> session_table::open(uint64_t number, uint64_t id, bool keep_results, int64_t now) {
  if (auto known = opened_by(number))
    return known;
  if (sessions_.size() >= limit)
    return std::nullopt;
  auto& x = sessions_[id];
  x.number = number;
  x.keep_results = keep_results;
  x.used = now;
  by_number_[number] = id;
  return id;
}

std::optional<uint64_t> session_table::opened_by(uint64_t number) const {
  auto found = by_number_.find(number);
  return found == by_number_.end() ? std::nullopt : std::optional{found->second};
}

void session_table::close(uint64_t id) {
  auto found = sessions_.find(id);
  if (found == sessions_.end())
    return;
  before_change(id, found->second);
  forget(found->second);
  sessions_.erase(found);
}

void session_table::forget(const session& x) {
  by_number_.erase(x.number);
  all_results_bytes_ -= x.results_bytes;
}

void session_table::forget_first_result(session& x) {
  auto bytes = x.results.front().second.size_bytes();
  x.results_bytes -= bytes;
  all_results_bytes_ -= bytes;
  x.results.pop_front();
}

session_table::turn session_table::turn_of(uint64_t id, uint64_t cid) const {
  auto found = sessions_.find(id);
  if (found == sessions_.end())
    return turn::unknown;
  auto next = found->second.next_cid;
  return cid == next ? turn::now : cid < next ? turn::performed : turn::too_early;
}

bool session_table::advance(uint64_t id, int64_t now) {
  auto found = sessions_.find(id);
  if (found == sessions_.end())
    return false;
  before_change(id, found->second);
  ++found->second.next_cid;
  found->second.used = now;
  return true;
}

bool session_table::keeps_results(uint64_t id) const {
  auto found = sessions_.find(id);
  return found != sessions_.end() && found->second.keep_results;
}

void session_table::keep(uint64_t id, uint64_t cid, message<schema::Reply> result) {
  auto found = sessions_.find(id);
  if (found == sessions_.end())
    return;
  auto& x = found->second;
  before_change(id, x);
  x.results_bytes += result.size_bytes();
  all_results_bytes_ += result.size_bytes();
  x.results.emplace_back(cid, std::move(result));
  while (x.results.size() > results_limit || (x.results_bytes > results_limit_bytes && x.results.size() > 1)
         || (all_results_bytes_ > all_results_limit_ && !x.results.empty()))
    forget_first_result(x);
}

message<schema::Reply> session_table::result(uint64_t id, uint64_t cid) const {
  auto found = sessions_.find(id);
  if (found != sessions_.end())
    for (auto& [kept, result] : found->second.results)
      if (kept == cid)
        return result;
  return {};
}

uint64_t session_table::next_cid(uint64_t id) const {
  auto found = sessions_.find(id);
  return found == sessions_.end() ? 0 : found->second.next_cid;
}

void session_table::expire(int64_t now) {
  // Looking once per hundredth of a lifetime is soon enough, and the same at every replica: log time alone decides.
  if (now - expired_at_ < lifetime_ms_ / 100)
    return;
  expired_at_ = now;
  std::erase_if(sessions_, [&](auto& x) {
    auto ends = now - x.second.used > lifetime_ms_;
    if (ends) {
      before_change(x.first, x.second);
      forget(x.second);
    }
    return ends;
  });
}

// -- snapshots ----------------------------------------------------------------

session_table::moment::moment(session_table& of) : table_{of}, end_{of.sessions_.empty() ? 0 : of.sessions_.rbegin()->first + 1} {
  of.moment_ = this;
}

/// Ids grow, so a later session has a higher one than all of then.
void session_table::moment::before_change(uint64_t id, const session& x) {
  if (id > told_ && id < end_ && changed_ids_.insert(id).second)
    changed_.emplace_back(id, x);
}

std::optional<std::pair<uint64_t, session_table::session>> session_table::moment::next() {
  auto& all = table_.sessions_;
  for (auto found = all.upper_bound(told_); found != all.end() && found->first < end_; ++found) {
    told_ = found->first;
    if (!changed_ids_.contains(told_))
      return *found;
  }
  told_ = end_;
  if (changed_.empty())
    return std::nullopt;
  auto kept = std::move(changed_.back());
  changed_.pop_back();
  return kept;
}

bool session_table::restore(uint64_t id, session x) {
  if (sessions_.size() >= limit || by_number_.contains(x.number) || sessions_.contains(id))
    return false;
  x.results_bytes = 0;
  for (auto& [cid, result] : x.results)
    x.results_bytes += result.size_bytes();
  all_results_bytes_ += x.results_bytes;
  by_number_[x.number] = id;
  sessions_.emplace(id, std::move(x));
  return true;
}

} // namespace synod
