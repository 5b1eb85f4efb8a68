#include "synod/actors/gateway/replica_session.hpp"

#include "synod/actors/role/upheld.hpp"

#include <algorithm>

namespace synod {

namespace {

constexpr const char* outcome_unknown =
  "UNKNOWN no majority answered within the time limit: the command may or may not have been performed";
constexpr const char* not_sent = "TRYAGAIN no majority answered within the time limit: the command was not performed";
constexpr const char* read_failed = "TIMEOUT no majority answered within the time limit: nothing was read";
constexpr const char* read_refused = "TRYAGAIN too many reads wait at the replica: nothing was read";
constexpr const char* refused = "TRYAGAIN the replica has no room: the command was not performed";
constexpr const char* session_lost =
  "UNKNOWN the connection to the replica was lost: the command may or may not have been performed";

/// An error of its own kind: it is not the client's to try again soon.
std::string not_taken(const std::string& why) {
  return "DISKFULL the command was not performed: " + why;
}

} // namespace

// -- commands to be decided -------------------------------------------------------

void replica_session::wait(ticket whose, time_point now) {
  ++taken_;
  under_way_.push_back({whose, now + options_.request_timeout});
}

bool replica_session::submit(ticket whose, arguments command, time_point now) {
  if (!has_room())
    return false;
  commands_.add(command);
  wait(whose, now);
  return true;
}

bool replica_session::submit(ticket whose, const transaction& whole, time_point now) {
  if (!has_room())
    return false;
  commands_.add_transaction(whole);
  wait(whose, now);
  return true;
}

bool replica_session::submit_versions(ticket whose, arguments keys, time_point now) {
  if (!has_room())
    return false;
  commands_.add_versions(keys);
  wait(whose, now);
  return true;
}

std::optional<message<schema::Request>> replica_session::next_request(time_point now) {
  if (!reached_)
    return std::nullopt;
  if (session_ == 0)
    return pauses_.due(now) ? std::optional{opening(now)} : std::nullopt;
  if (commands_.empty())
    return std::nullopt;
  auto before = commands_.size();
  auto request = commands_.take_request(session_, next_cid_);
  next_cid_ += before - commands_.size();
  sent_.push_back({next_cid_, request.size_bytes()});
  sent_bytes_ += request.size_bytes();
  used_ = now;
  return request;
}

message<schema::Request> replica_session::opening(time_point now) {
  if (opening_ == 0)
    opening_ = random_() | 1; // Never 0.
  pauses_.tried(now);
  builder<schema::Request> open;
  auto asked = open->initOpen();
  asked.setNumber(opening_);
  asked.setReplaces(replaces_);
  return open.finish();
}

void replica_session::on_opened(const message<schema::Opened>& opened, time_point now) {
  if (opening_ == 0 || opened->getNumber() != opening_ || !opened->isSession() || opened->getSession() == 0)
    return; // One that was refused is asked for again after a pause.
  upheld(session_ == 0, "one session", "session {} is opened while {} is in use", opened->getSession(), session_);
  session_ = opened->getSession();
  opening_ = 0;
  next_cid_ = 1;
  used_ = now;
}

void replica_session::on_opening_refused(const message<schema::Opened>& opened, recipient& to) {
  if (session_ != 0 || opened->getNumber() != opening_ || opened->getWhy().size() == 0)
    return;
  auto why = not_taken(opened->getWhy().cStr());
  for (auto& each : std::exchange(under_way_, {})) // None was sent.
    if (each.whose.connection != 0)
      to.fail(each.whose, why);
  commands_.clear();
}

/// Replies in the order of cids; what lies before the first that waits was answered already. A replica that leaves out some, or
/// answers what was not sent, is not to be believed: its session is lost.
bool replica_session::on_responses(const message<schema::Responses>& responses, recipient& to) {
  if (session_ == 0 || responses->getSession() != session_)
    return true;
  auto replies = responses->getReplies();
  auto first = responses->getFirstCid();
  auto cid = first_waiting_cid();
  auto answered = std::min<uint64_t>(responses->getAnswered(), replies.size());
  auto in_order = first <= cid && answered <= next_cid_ - std::min(first, next_cid_);
  if (responses->getSessionEnded() || responses->getRefused() || !in_order) {
    lose_session(to, responses->getRefused() && first >= cid ? first : UINT64_MAX, responses->getWhy().cStr());
    return false;
  }
  auto end = first + answered;
  for (; cid < end; ++cid) {
    auto whose = under_way_.front().whose;
    under_way_.pop_front();
    expired_ -= expired_ > 0;
    to.deliver(whose, replies[static_cast<unsigned>(cid - first)]);
  }
  forget_sent(cid);
  return true;
}

void replica_session::forget_sent(uint64_t below_cid) {
  while (!sent_.empty() && sent_.front().end_cid <= below_cid) {
    upheld(sent_bytes_ >= sent_.front().bytes, "sent bytes", "a request of {} is answered, {} are outstanding",
           sent_.front().bytes, sent_bytes_);
    sent_bytes_ -= sent_.front().bytes;
    sent_.pop_front();
  }
}

// -- reads ------------------------------------------------------------------------

void replica_session::wait_for_read(ticket whose, time_point now) {
  ++taken_;
  reading_.push_back({whose, now + options_.request_timeout});
}

bool replica_session::read(ticket whose, arguments command, time_point now) {
  if (!has_room_for_reads())
    return false;
  reads_.add(command);
  wait_for_read(whose, now);
  return true;
}

bool replica_session::read_versions(ticket whose, arguments keys, time_point now) {
  if (!has_room_for_reads())
    return false;
  reads_.add_versions(keys);
  wait_for_read(whose, now);
  return true;
}

std::optional<message<schema::Query>> replica_session::next_query() {
  if (!reached_ || reads_.empty())
    return std::nullopt;
  auto before = reads_.size();
  auto asked = reads_.take_query(next_query_);
  auto count = static_cast<ptrdiff_t>(before - reads_.size());
  std::vector<waiting_command> waiting;
  if (reads_.empty()) {
    waiting.swap(reading_);
  } else {
    waiting.assign(reading_.begin(), reading_.begin() + count);
    reading_.erase(reading_.begin(), reading_.begin() + count);
  }
  asked_bytes_ += asked.size_bytes();
  queries_.emplace_hint(queries_.end(), next_query_++, query{std::move(waiting), asked});
  return asked;
}

/// Replies to a query come in the order of its operations, a message's worth at a time; what lies before them is lost.
void replica_session::on_answers(const message<schema::Answers>& answers, recipient& to) {
  auto found = queries_.find(answers->getNumber());
  if (found == queries_.end())
    return;
  auto& [waiting, asked, answered] = found->second;
  auto replies = answers->getReplies();
  size_t first = answers->getFirst();
  auto end = std::min<size_t>(first + std::min(answers->getAnswered(), replies.size()), waiting.size());
  if (answers->getRefused()) {
    fail_rest(found->second, waiting.size(), read_refused, to);
  } else {
    fail_rest(found->second, std::min(first, end), read_failed, to);
    reading_back_.begin(asked->getOperations());
    for (size_t i = 0; i < answered; ++i)
      reading_back_.next();
    for (; answered < end && reading_back_.next(); ++answered)
      to.deliver_read(waiting[answered].whose, reading_back_->texts(), replies[static_cast<unsigned>(answered - first)]);
  }
  if (answered == waiting.size())
    end_query(found);
}

/// Of those that were not answered, up to `end`.
void replica_session::fail_rest(query& x, size_t end, std::string_view why, recipient& to) {
  for (; x.answered < end; ++x.answered)
    to.fail(x.waiting[x.answered].whose, why);
}

void replica_session::end_query(std::map<uint64_t, query>::iterator which) {
  auto bytes = which->second.asked.size_bytes();
  upheld(asked_bytes_ >= bytes, "read bytes", "a query of {} has ended, {} are under way", bytes, asked_bytes_);
  asked_bytes_ -= bytes;
  queries_.erase(which);
}

// -- losses -----------------------------------------------------------------------

void replica_session::lose_replica(recipient& to) {
  reached_ = false;
  while (!queries_.empty()) {
    auto& lost = queries_.begin()->second;
    fail_rest(lost, lost.waiting.size(), read_failed, to);
    end_query(queries_.begin());
  }
  lose_session(to);
}

/// What was sent under it has an unknown outcome, but for what was refused, with all that came behind it; what was not sent yet
/// goes under the next one.
void replica_session::lose_session(recipient& to, uint64_t refused_from_cid, const std::string& why_refused) {
  auto not_performed = why_refused.empty() ? std::string{refused} : not_taken(why_refused);
  for (auto cid = first_waiting_cid(); under_way_.size() > commands_.size(); ++cid) {
    to.fail(under_way_.front().whose, cid < refused_from_cid ? session_lost : std::string_view{not_performed});
    under_way_.pop_front();
    expired_ -= expired_ > 0;
  }
  sent_.clear();
  sent_bytes_ = 0;
  if (session_ != 0)
    replaces_ = std::exchange(session_, 0); // While one is being opened, it is still the one before.
  next_cid_ = 1;
  pauses_ = {std::chrono::milliseconds{100}, std::chrono::seconds{1}}; // The next one is asked for at once.
}

// -- time -------------------------------------------------------------------------

void replica_session::on_tick(time_point now, recipient& to) {
  expire_commands(now, to);
  expire_reads(now, to);
  if (session_ != 0 && now - used_ > options_.lifetime / 4) {
    commands_.add_keep_alive();
    under_way_.push_back({{}, now + options_.request_timeout});
    used_ = now;
  }
}

/// Deadlines come in the order of submission. What was sent keeps its cid, and may yet be performed; what was not is gone.
void replica_session::expire_commands(time_point now, recipient& to) {
  while (expired_ < under_way_.size() && under_way_[expired_].deadline <= now) {
    auto whose = std::exchange(under_way_[expired_].whose, {});
    auto sent = expired_ < under_way_.size() - commands_.size();
    if (sent) {
      ++expired_;
    } else {
      under_way_.erase(under_way_.begin() + static_cast<ptrdiff_t>(expired_));
      commands_.drop();
    }
    if (whose.connection == 0)
      continue; // To keep the session alive; or it was answered already.
    ++timed_out_;
    to.fail(whose, sent ? outcome_unknown : not_sent);
  }
}

/// A query's reads are given up together when the last one's time is over; those that no replica could be asked for, when the
/// first one's is.
void replica_session::expire_reads(time_point now, recipient& to) {
  for (auto i = queries_.begin(); i != queries_.end();) {
    auto each = i++;
    if (each->second.waiting.back().deadline > now)
      continue;
    auto& late = each->second;
    timed_out_ += late.waiting.size() - late.answered;
    fail_rest(late, late.waiting.size(), read_failed, to);
    end_query(each);
  }
  if (reading_.empty() || reading_.front().deadline > now)
    return;
  timed_out_ += reading_.size();
  for (auto& read : std::exchange(reading_, {}))
    to.fail(read.whose, read_failed);
  reads_.clear();
}

} // namespace synod
