#include "synod/actors/client/client_session.hpp"

#include "synod/messages/batch.hpp"

#include <algorithm>
#include <utility>

namespace synod {

namespace {

constexpr std::chrono::milliseconds most_patience{5000};
const backoff openings{std::chrono::milliseconds{100}, std::chrono::seconds{1}};
constexpr size_t most_bytes = request_limit_bytes - 1024; // Of operations: a request has its session beside them.
constexpr const char* too_large = "the request is larger than one may be";
constexpr const char* not_sound = "operations that cannot be read, or that are a session's own";
constexpr const char* too_much = "too much is under way";
constexpr const char* too_many_sessions = "there are as many sessions as there may be";
constexpr const char* session_over = "the session has ended: it was performed once, or never will be";
constexpr const char* client_over = "the client has ended";

} // namespace

// -- asked for ------------------------------------------------------------------

/// Otherwise whoever asked was told.
bool client_session::takes(uint64_t asked, const message<schema::Operations>& operations, time_point now) {
  auto count = operations->getCount();
  if (count == 0) {
    builder<schema::Replies> none;
    owner_.answer(asked, none.finish());
    return false;
  }
  auto bytes = operations.size_bytes();
  auto why = count > most_operations || bytes > std::min(most_bytes, options_.outstanding_limit_bytes) ? too_large
             : outstanding_bytes_ + bytes > options_.outstanding_limit_bytes                           ? too_much
             : !is_sound(*operations)                                                                  ? not_sound
                                                                                                       : nullptr;
  if (why) {
    owner_.fail(asked, client_fault::not_performed, why);
    return false;
  }
  if (waiting_.empty() && requests_.empty())
    of_requests_.since = now;
  if (queries_.empty())
    of_queries_.since = now;
  outstanding_bytes_ += bytes;
  return true;
}

/// Within a process nobody has looked at them. A session is this client's to end.
bool client_session::is_sound(schema::Operations::Reader operations) const {
  operation_reader reader{operations};
  uint32_t found = 0;
  for (; reader.next(); ++found)
    if (reader->what() == operation::kind::close || reader->what() == operation::kind::keep_alive)
      return false;
  return found == operations.getCount();
}

void client_session::perform(uint64_t asked, const message<schema::Operations>& operations, time_point now) {
  if (!takes(asked, operations, now))
    return;
  waiting_.push_back({asked, operations});
  used_ = now;
  session_ == 0 ? open(now) : send_waiting();
}

void client_session::query(uint64_t asked, const message<schema::Operations>& operations, time_point now) {
  if (!takes(asked, operations, now))
    return;
  builder<schema::Query> built{operations.size_bytes()};
  built->setNumber(next_query_);
  built->setOperations(*operations);
  auto& sent = queries_.emplace(next_query_++, sent_query{asked, operations.size_bytes(), built.finish(), {}}).first->second;
  owner_.ask(sent.query);
}

void client_session::send_waiting() {
  while (session_ != 0 && !of_requests_.refused && !waiting_.empty()) { // What was refused goes first.
    auto& next = waiting_.front();
    if (under_way_ > 0 && under_way_ + next.operations->getCount() > options_.most_under_way)
      return;
    send_request(next.asked, *next.operations, next.operations.size_bytes());
    waiting_.pop_front();
  }
}

void client_session::send_request(uint64_t asked, schema::Operations::Reader operations, size_t bytes) {
  builder<schema::Request> built{operations.totalSize().wordCount * sizeof(capnp::word)};
  auto commands = built->initCommands();
  commands.setSession(session_);
  commands.setFirstCid(next_cid_);
  commands.setOperations(operations);
  requests_.push_back({asked, next_cid_, operations.getCount(), bytes, built.finish(), {}});
  next_cid_ += operations.getCount();
  under_way_ += operations.getCount();
  owner_.ask(requests_.back().request);
}

// -- the session ------------------------------------------------------------------

/// Unless it was asked for a moment ago.
void client_session::open(time_point now) {
  if (!openings_.due(now))
    return;
  openings_.tried(now);
  if (opening_ == 0)
    opening_ = random_() | 1; // Never 0.
  builder<schema::Request> built;
  auto asked = built->initOpen();
  asked.setNumber(opening_);
  asked.setKeepResults(true);
  asked.setReplaces(replaces_);
  owner_.ask(built.finish());
}

void client_session::on_opened(const message<schema::Opened>& opened, time_point now) {
  if (opening_ == 0 || opened->getNumber() != opening_)
    return;
  of_requests_.note_answer(now);
  if (opened->isTooMany())
    return on_refused_opening(too_many_sessions);
  if (opened->isRefused()) // In need of room in its queue, it is asked again after a pause.
    return opened->getWhy().size() > 0 ? on_refused_opening(opened->getWhy().cStr()) : void();
  session_ = opened->getSession();
  opening_ = 0;
  openings_ = openings;
  next_cid_ = 1;
  used_ = now;
  send_waiting();
}

/// For a reason that will last.
void client_session::on_refused_opening(const std::string& why) {
  opening_ = 0;
  fail_waiting(client_fault::not_performed, why);
}

/// What was sent in it may have been performed. What waits goes into the next one, behind which nothing of this one is performed.
void client_session::lose_session(time_point now) {
  if (session_ != 0)
    replaces_ = std::exchange(session_, 0);
  under_way_ = 0;
  for (auto& each : std::exchange(requests_, {})) {
    outstanding_bytes_ -= each.bytes;
    if (each.asked != 0)
      owner_.fail(each.asked, client_fault::outcome_unknown, session_over);
  }
  if (!waiting_.empty())
    open(now);
}

void client_session::fail_waiting(client_fault what, const std::string& why) {
  for (auto& each : std::exchange(waiting_, {})) {
    outstanding_bytes_ -= each.operations.size_bytes();
    owner_.fail(each.asked, what, why);
  }
}

// -- answers ----------------------------------------------------------------------

void client_session::gathered::add(schema::Reply::Reader reply, uint32_t all) {
  if (!replies) {
    replies = std::make_unique<builder<schema::Replies>>();
    (*replies)->initReplies(all);
  }
  (*replies)->getReplies().setWithCaveats(count++, reply);
}

/// What was answered before comes again when it was asked for again.
void client_session::on_responses(const message<schema::Responses>& responses, time_point now) {
  if (session_ == 0 || responses->getSession() != session_)
    return;
  if (responses->getRefused())
    return of_requests_.note_refusal(now);
  of_requests_.note_answer(now);
  patience_ = options_.patience;
  if (responses->getSessionEnded())
    return lose_session(now);
  auto replies = responses->getReplies();
  for (unsigned i = 0; i < std::min(responses->getAnswered(), replies.size()) && !requests_.empty(); ++i) {
    auto& first = requests_.front();
    if (responses->getFirstCid() + i != first.first_cid + first.answer.count)
      continue;
    first.answer.add(replies[i], first.operations);
    if (first.answer.count < first.operations)
      continue;
    auto done = std::move(first);
    requests_.pop_front();
    under_way_ -= done.operations;
    outstanding_bytes_ -= done.bytes;
    if (done.asked != 0)
      owner_.answer(done.asked, done.answer.replies->finish());
  }
  send_waiting();
}

void client_session::on_answers(const message<schema::Answers>& answers, time_point now) {
  auto found = queries_.find(answers->getNumber());
  if (found == queries_.end())
    return;
  auto& asked = found->second;
  if (answers->getRefused()) {
    asked.refused = true;
    return of_queries_.note_refusal(now);
  }
  of_queries_.note_answer(now);
  patience_ = options_.patience;
  auto replies = answers->getReplies();
  auto all = asked.query->getOperations().getCount();
  for (unsigned i = 0; i < std::min(answers->getAnswered(), replies.size()) && asked.answer.count < all; ++i)
    if (answers->getFirst() + i == asked.answer.count)
      asked.answer.add(replies[i], all);
  if (asked.answer.count < all)
    return;
  auto done = std::move(asked);
  queries_.erase(found);
  outstanding_bytes_ -= done.bytes;
  owner_.answer(done.asked, done.answer.replies->finish());
}

// -- replicas, time ---------------------------------------------------------------

bool client_session::gives_up(time_point now) {
  auto waits = !waiting_.empty() || !requests_.empty();
  auto in_vain = (waits && now - of_requests_.since >= patience_) || (!queries_.empty() && now - of_queries_.since >= patience_);
  if (!in_vain)
    return false;
  patience_ = std::min(2 * patience_, std::max(most_patience, options_.patience));
  return true;
}

void client_session::on_replica(time_point now) {
  of_requests_ = {.since = now};
  of_queries_ = {.since = now};
  openings_ = openings;
  if (opening_ != 0 || (session_ == 0 && !waiting_.empty()))
    open(now);
  for (auto& each : requests_)
    owner_.ask(each.request);
  send_waiting();
  auto fresh = next_query_; // Those from here on were sent just now.
  for (auto i = queries_.begin(); i != queries_.end() && i->first < fresh;) {
    auto each = i++;
    each->second.refused = false;
    if (each->second.answer.count > 0)
      renumber(each);
    else
      owner_.ask(each->second.query);
  }
}

/// Its replies must be of one state: what another replica has told of it does not count, and will not.
void client_session::renumber(std::map<uint64_t, sent_query>::iterator which) {
  auto again = std::move(which->second);
  queries_.erase(which);
  builder<schema::Query> built{again.bytes};
  built->setNumber(next_query_);
  built->setOperations(again.query->getOperations());
  again.query = built.finish();
  again.answer = {};
  owner_.ask(queries_.emplace(next_query_++, std::move(again)).first->second.query);
}

/// What was refused is asked for again, all that came behind it too: it was refused with it.
void client_session::on_tick(time_point now) {
  if (opening_ != 0 || (session_ == 0 && !waiting_.empty()))
    open(now);
  if (of_requests_.is_over(now)) {
    of_requests_.refused = false;
    for (auto& each : requests_)
      owner_.ask(each.request);
    send_waiting();
  }
  if (of_queries_.is_over(now)) {
    of_queries_.refused = false;
    for (auto& [number, each] : queries_)
      if (std::exchange(each.refused, false))
        owner_.ask(each.query);
  }
  if (session_ == 0 || requests_.size() + waiting_.size() > 0 || now - used_ <= options_.lifetime / 4)
    return;
  used_ = of_requests_.since = now;
  send_own([](auto& x) { x.keep_alive(); });
}

/// An operation of the session itself: nobody waits for it.
template <class Pack>
void client_session::send_own(Pack pack) {
  operation_writer one;
  pack(one);
  builder<schema::Operations> built;
  one.write(*built);
  send_request(0, built->asReader(), 0);
}

void client_session::end() {
  fail_waiting(client_fault::not_performed, client_over);
  for (auto& each : std::exchange(requests_, {}))
    if (each.asked != 0)
      owner_.fail(each.asked, client_fault::outcome_unknown, client_over);
  for (auto& [number, each] : std::exchange(queries_, {}))
    owner_.fail(each.asked, client_fault::not_read, client_over);
  outstanding_bytes_ = 0;
  under_way_ = 0;
  if (session_ != 0) // Others may need its place. If that is lost, its lifetime ends it.
    send_own([](auto& x) { x.close(); });
  requests_.clear();
}

} // namespace synod
