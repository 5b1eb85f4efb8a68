#include "synod/actors/replica/outstanding.hpp"

#include "synod/actors/role/upheld.hpp"

#include <algorithm>

namespace synod {

namespace {

constexpr std::chrono::milliseconds first_pause{300};
constexpr std::chrono::milliseconds last_pause{5000};
constexpr size_t most_sessions = 2 * session_table::limit;

} // namespace

outstanding::outcome outstanding::add(const request& x, const client& from, bool may_take) {
  may_take &= bytes_ + x.size_bytes() <= limit_bytes_;
  return x->isOpen() ? add_opening(x, from, may_take) : add_commands(x, from, may_take);
}

outstanding::outcome outstanding::add_opening(const request& x, const client& from, bool may_take) {
  auto number = x->getOpen().getNumber();
  if (auto known = openings_.find(number); known != openings_.end()) {
    known->second.from = from;
    return outcome::repeated;
  }
  if (!may_take)
    return outcome::refused;
  openings_.emplace(number, opening{from, {x}, backoff{first_pause, last_pause}});
  bytes_ += x.size_bytes();
  return outcome::taken;
}

outstanding::outcome outstanding::add_commands(const request& x, const client& from, bool may_take) {
  auto first = first_cid(x);
  auto mine = sessions_.find(x->getCommands().getSession());
  if (mine == sessions_.end()) {
    if (sessions_.size() >= most_sessions)
      return outcome::refused;
    mine = sessions_.emplace(x->getCommands().getSession(), session{from, {}, 0, backoff{first_pause, last_pause}}).first;
  }
  auto& [id, whose] = *mine;
  whose.from = from;
  auto place = std::lower_bound(whose.entries.begin(), whose.entries.end(), first,
                                [](auto& each, auto cid) { return first_cid(each.asked) < cid; });
  if (place != whose.entries.end() && first_cid(place->asked) == first)
    return outcome::repeated;
  if (!may_take || (whose.refused != 0 && first > whose.refused)) {
    whose.refused = whose.refused == 0 ? first : std::min(whose.refused, first);
    return outcome::refused;
  }
  whose.refused = 0;
  whose.entries.insert(place, {x});
  bytes_ += x.size_bytes();
  return outcome::taken;
}

/// It was answered, or there is nobody to answer it any more.
void outstanding::left(const request& x) {
  upheld(bytes_ >= x.size_bytes(), "bytes outstanding", "{} are counted, and a request of {} leaves", bytes_, x.size_bytes());
  bytes_ -= x.size_bytes();
}

outstanding::client outstanding::on_opened(uint64_t number) {
  auto found = openings_.find(number);
  if (found == openings_.end())
    return {};
  auto from = std::move(found->second.from);
  left(found->second.one.asked);
  openings_.erase(found);
  return from;
}

outstanding::client outstanding::on_performed(uint64_t id, const session_table& sessions, time_point now) {
  auto mine = sessions_.find(id);
  if (mine == sessions_.end())
    return {};
  if (!sessions.known(id)) { // It was closed.
    auto waits_for_more = mine->second.entries.size() > 1;
    auto from = on_ended(id);
    return waits_for_more ? from : nullptr;
  }
  auto& [from, entries, refused, again] = mine->second;
  auto next = sessions.next_cid(id);
  while (!entries.empty()
         && first_cid(entries.front().asked) + entries.front().asked->getCommands().getOperations().getCount() <= next) {
    left(entries.front().asked);
    entries.pop_front();
  }
  if (next > refused) // It was performed by way of another replica.
    refused = 0;
  again = backoff{first_pause, last_pause};
  if (!entries.empty() && entries.front().sent) // Otherwise its turn may have come: it is due now.
    again.tried(now);
  return {};
}

outstanding::client outstanding::on_ended(uint64_t id) {
  auto mine = sessions_.find(id);
  if (mine == sessions_.end())
    return {};
  for (auto& each : mine->second.entries)
    left(each.asked);
  auto from = std::move(mine->second.from);
  sessions_.erase(mine);
  return from;
}

std::vector<std::pair<outstanding::request, outstanding::client>> outstanding::take_performed(const execution& performed) {
  std::vector<std::pair<request, client>> taken;
  std::erase_if(openings_, [&](auto& each) {
    auto& x = each.second;
    if (!performed.is_performed(*x.one.asked))
      return false;
    taken.emplace_back(x.one.asked, x.from);
    left(x.one.asked);
    return true;
  });
  for (auto& [id, x] : sessions_) {
    // One that was opened in a later slot is not known yet.
    auto ended = !performed.sessions().known(id) && id / most_requests < performed.slot_out();
    for (; !x.entries.empty() && (ended || performed.is_performed(*x.entries.front().asked)); x.entries.pop_front()) {
      taken.emplace_back(x.entries.front().asked, x.from);
      left(x.entries.front().asked);
    }
    if (performed.sessions().next_cid(id) > x.refused)
      x.refused = 0;
  }
  return taken;
}

void outstanding::send_new(const request& x, time_point now, const sender& send) {
  if (x->isOpen()) {
    auto& mine = openings_.at(x->getOpen().getNumber());
    mine.one.sent = send(x);
    mine.again.tried(now);
    return;
  }
  auto& [from, entries, refused, again] = sessions_.at(x->getCommands().getSession());
  auto place = entries.end();
  do
    --place;
  while (place->asked.content() != x.content());
  // It may be what others waited for.
  if (place == entries.begin() || std::prev(place)->sent)
    while (place != entries.end() && (place->sent = place->sent || send(place->asked)))
      ++place;
  if (entries.size() == 1) { // Otherwise the clock is that of those before it.
    again.reset();
    again.tried(now);
  }
}

/// Of a session whose first request is not its next one nothing is sent, as nothing would be performed: it waits for what its
/// client has not sent here, or until this replica has caught up.
void outstanding::send_session(session& x, bool also_sent, const session_table& sessions, const sender& send) {
  if (x.entries.empty())
    return;
  auto first = x.entries.front().asked->getCommands();
  auto may = sessions.turn_of(first.getSession(), first.getFirstCid()) != session_table::turn::too_early;
  for (auto& each : x.entries) {
    if (may && each.sent && !also_sent)
      continue;
    may = may && send(each.asked);
    each.sent = may;
  }
}

void outstanding::send(what which, const session_table& sessions, bool keeps, time_point now, const sender& send) {
  if (empty())
    return;
  for (auto& [number, x] : openings_) {
    auto again = which == what::all || (which == what::due && x.again.due(now) && !keeps);
    if (which == what::all)
      x.again.reset();
    if (!again && (x.one.sent || (which == what::due && !x.again.due(now))))
      continue;
    x.one.sent = send(x.one.asked);
    x.again.tried(now);
  }
  for (auto& [id, x] : sessions_) {
    if (x.entries.empty() || (which == what::due && !x.again.due(now)))
      continue;
    if (which == what::all)
      x.again.reset();
    auto waits = !x.entries.back().sent;
    if (which == what::unsent && !waits)
      continue;
    send_session(x, which == what::all || (which == what::due && !keeps), sessions, send);
    if (keeps) // Looking again costs no message.
      x.again.reset();
    x.again.tried(now);
  }
}

const outstanding::client* outstanding::client_of(uint64_t id) const {
  auto mine = sessions_.find(id);
  return mine == sessions_.end() ? nullptr : &mine->second.from;
}

bool outstanding::has(schema::Request::Reader x) const {
  if (x.isConfiguration())
    return false; // Its node's, which asks again.
  return x.isOpen() ? openings_.contains(x.getOpen().getNumber()) : sessions_.contains(x.getCommands().getSession());
}

void outstanding::forget_unknown(const session_table& sessions) {
  if (sessions_.size() > sessions.size())
    std::erase_if(sessions_, [&](auto& x) { return x.second.entries.empty() && !sessions.known(x.first); });
}

void outstanding::clear() {
  sessions_.clear();
  openings_.clear();
  bytes_ = 0;
}

} // namespace synod
