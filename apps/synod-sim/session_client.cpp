#include "session_client.hpp"

#include "synod/messages/operations.hpp"

#include <algorithm>

namespace synod::simulation {

namespace {

using std::chrono::milliseconds;

constexpr const char* result_gone = "ERR the command was performed, its result is no longer kept";

using watched_keys = std::vector<std::pair<std::string, uint64_t>>;

void put(const operation& x, const watched_keys& watched, operation_writer& into) {
  if (x.what == operation::kind::command)
    into.command(x.commands.front());
  else
    into.transaction(watched, x.commands);
}

message<schema::Request> build(uint64_t session, uint64_t first_cid, const operation_writer& operations) {
  builder<schema::Request> built;
  auto commands = built->initCommands();
  commands.setSession(session);
  commands.setFirstCid(first_cid);
  operations.write(commands.initOperations());
  return built.finish();
}

message<schema::Query> build(uint64_t number, const operation_writer& operations) {
  builder<schema::Query> built;
  built->setNumber(number);
  operations.write(built->initOperations());
  return built.finish();
}

} // namespace

session_client::session_client(stage& on, uint32_t index, record_book& book)
  : workload_client{on, index, book}, name_{fmt::format("client-{}", index)} {
  strand_.process = ++on.processes;
  roles_.push_back({"client", make_client_endpoint(on.time, [this](const caf::message& content) { take(content); }), &strand_});
}

void session_client::take(const caf::message& content) {
  if (content.match_elements<message<schema::Opened>>())
    on_opened(content.get_as<message<schema::Opened>>(0));
  else if (content.match_elements<message<schema::Responses>>())
    on_responses(content.get_as<message<schema::Responses>>(0));
  else if (content.match_elements<message<schema::Answers>>())
    on_answers(content.get_as<message<schema::Answers>>(0));
}

// -- what it asks for ---------------------------------------------------------

void session_client::start() {
  stage_.time.after(random_.between(milliseconds{0}, milliseconds{500}), [this] { next(); });
  watch_progress(0, stage_.drawn.client_timeout);
}

void session_client::next() {
  if (finishing_)
    return;
  if (session_ == 0 && opening_ == 0)
    open_session();
  if (session_ != 0 && writes_.size() + reads_.size() < stage_.drawn.pipeline)
    ask();
  stage_.time.after(random_.around(stage_.drawn.think), [this] { next(); });
}

void session_client::ask() {
  if (of_user())
    return ask_of_user();
  auto group = some_group();
  auto roll = random_.below(100);
  if (roll < stage_.drawn.reads_percent)
    ask_read(group, draw_read(group));
  else if (roll < stage_.drawn.reads_percent + 5)
    look_at(group);
  else
    ask_write();
}

void session_client::ask_read(unsigned group, operation x) {
  auto number = next_read_++;
  operation_writer asked;
  put(x, {}, asked);
  auto query = build(number, asked);
  reads_.emplace(number, read{begin(group, std::move(x)), query, {}, false});
  send(query);
}

/// The first half of a transaction that is performed only if the register is still what it is now: what it is, and versions.
void session_client::look_at(unsigned group) {
  operation x{index_, operation::kind::command, {{"GET", key('r', group)}}};
  auto watched = draw_watched(group);
  auto number = next_read_++;
  operation_writer both;
  put(x, {}, both);
  both.versions(watched);
  auto query = build(number, both);
  reads_.emplace(number, read{begin(group, std::move(x)), query, std::move(watched), false});
  send(query);
}

/// One to three operations in one request.
void session_client::ask_write() {
  std::vector<std::pair<unsigned, operation>> drawn;
  for (auto left = random_.below(4) == 0 ? random_.between(2, 3) : 1; left > 0; --left) {
    auto group = some_group();
    drawn.emplace_back(group, draw_write(group));
  }
  ask_writes(std::move(drawn));
}

void session_client::ask_of_user() {
  std::vector<std::pair<unsigned, operation>> writes;
  for (auto left = random_.below(4) == 0 ? random_.between(2, 3) : 1; left > 0; --left)
    if (auto x = draw_of_user(); is_read(x))
      ask_read(0, std::move(x));
    else
      writes.emplace_back(0, std::move(x));
  if (!writes.empty())
    ask_writes(std::move(writes));
}

void session_client::ask_writes(std::vector<std::pair<unsigned, operation>>&& drawn) {
  operation_writer operations;
  std::vector<place> places;
  for (auto& [group, x] : drawn) {
    x.stream = session_;
    put(x, {}, operations);
    places.push_back(begin(group, std::move(x)));
  }
  send_write(std::move(places), build(session_, next_cid_, operations));
}

void session_client::send_write(std::vector<place> operations, message<schema::Request> request) {
  writes_.push_back({next_cid_, std::move(operations), 0, std::move(request)});
  next_cid_ += writes_.back().operations.size();
  send(writes_.back().request);
}

/// The second half.
void session_client::ask_checked(const read& looked, schema::Reply::Reader versions) {
  auto told = versions.isArray() ? versions.getArray().size() : 0;
  if (session_ == 0 || told != looked.watched.size())
    return;
  auto x = checked_transaction(looked.asked, looked.watched);
  x.stream = session_;
  watched_keys watched;
  for (unsigned i = 0; i < told; ++i)
    watched.emplace_back(looked.watched[i], static_cast<uint64_t>(versions.getArray()[i].getInteger()));
  operation_writer alone;
  put(x, watched, alone);
  send_write({begin(looked.asked.group, std::move(x))}, build(session_, next_cid_, alone));
}

void session_client::ask_last() {
  last_write_ = true;
  ask_last_write();
  for (auto& [group, x] : last_reads())
    ask_read(group, std::move(x));
}

void session_client::ask_last_write() {
  if (session_ == 0)
    return open_session();
  auto group = some_group();
  auto x = last_write(group);
  if (!x) { // The user's workload never writes.
    last_write_ = false;
    return;
  }
  x->stream = session_;
  operation_writer alone;
  put(*x, {}, alone);
  send_write({begin(group, *x)}, build(session_, next_cid_, alone));
}

std::string session_client::waits_for() const {
  if (!writes_.empty())
    return describe(at(writes_.front().operations[writes_.front().answered]));
  if (!reads_.empty())
    return describe(at(reads_.begin()->second.asked));
  return last_write_ ? name_ + " has no session" : "";
}

// -- what it is told ----------------------------------------------------------

void session_client::on_opened(const message<schema::Opened>& opened) {
  if (opening_ == 0 || opened->getNumber() != opening_ || opened->isRefused())
    return;
  ++progress_;
  opening_ = 0;
  if (!opened->isSession())
    return;
  session_ = opened->getSession();
  next_cid_ = 1;
  if (last_write_)
    ask_last_write();
}

void session_client::on_responses(const message<schema::Responses>& responses) {
  if (responses->getRefused())
    return ask_again_soon();
  ++progress_;
  if (responses->getSession() != session_)
    return;
  if (responses->getSessionEnded())
    return lose_session();
  auto replies = responses->getReplies();
  for (unsigned i = 0; i < responses->getAnswered() && !writes_.empty(); ++i) {
    auto cid = responses->getFirstCid() + i;
    auto& first = writes_.front();
    if (cid != first.first_cid + first.answered)
      continue; // Answered before.
    auto reply = text_of(replies[i]);
    end(first.operations[first.answered++], reply == result_gone ? std::nullopt : std::optional{reply});
    if (first.answered == first.operations.size())
      writes_.pop_front();
  }
  if (writes_.empty())
    last_write_ = false;
}

void session_client::on_answers(const message<schema::Answers>& answers) {
  auto found = reads_.find(answers->getNumber());
  if (answers->getRefused()) {
    if (found != reads_.end())
      found->second.refused = true;
    return ask_again_soon();
  }
  ++progress_;
  if (found == reads_.end() || answers->getReplies().size() == 0)
    return;
  auto done = found->second;
  reads_.erase(found);
  auto replies = answers->getReplies();
  end(done.asked, text_of(replies[0]));
  if (!done.watched.empty() && !finishing_ && replies.size() == 2)
    ask_checked(done, replies[1]);
}

// -- replicas and the session -------------------------------------------------

void session_client::on_peer(uint32_t other, const std::string& role_name, const caf::strong_actor_ptr& handle) {
  if (role_name != "replica")
    return;
  if (handle)
    replicas_[other] = handle;
  else
    replicas_.erase(other);
  if (present_ && *present_ != other)
    return;
  present_.reset();
  stage_.time.after(random_.between(milliseconds{0}, milliseconds{100}), [this] {
    if (present_)
      return;
    turn();
    send_all();
  });
}

/// Turns to another replica, if there is one.
void session_client::turn() {
  if (replicas_.empty())
    return present_.reset();
  auto chosen = std::next(replicas_.begin(), static_cast<long>(random_.below(replicas_.size())));
  if (present_ && replicas_.size() > 1 && chosen->first == *present_ && ++chosen == replicas_.end())
    chosen = replicas_.begin();
  present_ = chosen->first;
}

/// Where nothing comes for too long, another replica is asked; each time in vain, the client waits longer.
void session_client::watch_progress(uint64_t before, duration patience) {
  stage_.time.after(patience, [this, before, patience] {
    auto in_vain = progress_ == before && (!idle() || opening_ != 0);
    if (in_vain) {
      turn();
      send_all();
    }
    watch_progress(progress_, in_vain ? std::min<duration>(2 * patience, std::chrono::seconds{5}) : stage_.drawn.client_timeout);
  });
}

void session_client::send_all() {
  if (opening_ != 0)
    open_session();
  for (auto& x : writes_)
    send(x.request);
  for (auto& [number, x] : reads_)
    send(x.query);
}

/// Too much waits at that replica. What it has taken is not sent again: that would fill the room that is missing.
void session_client::ask_again_soon() {
  if (std::exchange(asks_again_, true))
    return;
  stage_.time.after(random_.around(milliseconds{100}), [this] {
    asks_again_ = false;
    for (auto& x : writes_) // All that is behind a refused one was refused with it.
      send(x.request);
    for (auto& [number, x] : reads_)
      if (std::exchange(x.refused, false))
        send(x.query);
  });
}

template <class... Ts>
void session_client::send(const Ts&... xs) {
  // Otherwise it is sent when there is one.
  if (auto to = present_ ? replicas_.find(*present_) : replicas_.end(); to != replicas_.end())
    send_as_client(roles_.front().handle, to->second, xs...);
}

void session_client::open_session() {
  if (opening_ == 0)
    opening_ = random_.next() | 1; // Never 0.
  builder<schema::Request> built;
  auto open = built->initOpen();
  open.setNumber(opening_);
  open.setKeepResults(true);
  send(built.finish());
}

/// What was under way under it has an unknown outcome.
void session_client::lose_session() {
  session_ = 0;
  writes_.clear();
  if (last_write_)
    ask_last_write();
}

} // namespace synod::simulation
