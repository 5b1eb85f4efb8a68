#include "synod/actors/gateway/gateway.hpp"

#include "synod/actors/gateway/local_commands.hpp"
#include "synod/actors/role/robust.hpp"

#include <spdlog/spdlog.h>

namespace synod {

namespace {

constexpr std::chrono::milliseconds tick_interval{100};
constexpr const char* not_performed =
  "TRYAGAIN the command was not performed: no majority answers, and too many commands wait for one";

} // namespace

gateway::gateway(caf::actor_config& config, environment_ptr environment, std::shared_ptr<sockets> clients, options opts)
  : gateway_actor::base{config},
    environment_{std::move(environment)},
    sockets_{std::move(clients)},
    options_{std::move(opts)},
    commands_{local_commands(), options_.machine->commands()},
    replicas_{options_.outstanding_limit_bytes},
    session_{{options_.request_timeout, options_.session_lifetime, options_.outstanding_limit_bytes, environment_->random()}} {
  sockets_->events(this);
}

gateway::behavior_type gateway::make_behavior() {
  robust(*this, environment_);
  started_ = clock().now();
  delayed_send(this, tick_interval, tick_atom_v);
  return {
    [this](const peer& x) { on_peer(x); },
    [this](status_atom) { return status(); },
    [this](const message<schema::Opened>& opened) { on_opened(opened); },
    [this](const message<schema::Responses>& responses) { on_responses(responses); },
    [this](const message<schema::Answers>& answers) { on_answers(answers); },
    [this](tick_atom) { on_tick(); },
  };
}

/// Sends what its messages brought. What happens at the sockets comes between two of these, outside of any execution unit.
caf::resumable::resume_result gateway::resume(caf::execution_unit* unit, size_t most_messages) {
  auto result = gateway_actor::base::resume(unit, most_messages);
  on_turn_end();
  context(nullptr);
  return result;
}

void gateway::on_exit() {
  sockets_->stop();
  clients_.clear();
  replica_ = nullptr;
  replicas_.clear();
  marks_.take();
}

// -- sockets --------------------------------------------------------------------

bool gateway::on_connect(uint64_t id, std::string remote, std::string local, std::string& refusal) {
  if (clients_.size() >= options_.most_clients) {
    refusal = "-ERR max number of clients reached\r\n";
    ++rejected_;
    return false;
  }
  ++connections_;
  clients_.emplace(
    id, served{connection{id, {std::move(remote), std::move(local)}, {options_.command_limit_bytes}, clock().now(), *this}});
  return true;
}

void gateway::on_bytes(uint64_t id, std::string_view bytes) {
  auto found = clients_.find(id);
  if (found == clients_.end())
    return;
  count_unread(id, found->second);
  found->second.state.receive(bytes, clock().now());
  touch(found->second, id);
}

void gateway::on_end(uint64_t id) {
  auto found = clients_.find(id);
  if (found == clients_.end())
    return;
  found->second.state.end_input();
  touch(found->second, id);
}

void gateway::on_sent(uint64_t id) {
  auto found = clients_.find(id);
  if (found == clients_.end())
    return;
  note_reading(found->second, clock().now());
  touch(found->second, id);
}

void gateway::on_close(uint64_t id) {
  auto found = clients_.find(id);
  if (found == clients_.end())
    return;
  unread_bytes_ -= found->second.unread_bytes;
  if (favoured_ == id)
    favoured_ = 0;
  clients_.erase(found); // Replies to it find nobody.
}

void gateway::note_reading(served& x, time_point now) {
  x.state.note_used(now);
  x.stuck_since.reset();
}

void gateway::look_at_socket(uint64_t id, served& x, time_point now) {
  auto before = std::exchange(x.unsent_bytes, sockets_->unsent_bytes(id));
  if (x.unsent_bytes < before)
    note_reading(x, now);
}

/// Counts what it has not read, and tells it how much of that there may be.
void gateway::count_unread(uint64_t id, served& x) {
  auto before = std::exchange(x.unread_bytes, x.unsent_bytes + x.state.waiting_bytes());
  unread_bytes_ += x.unread_bytes - before;
  auto scarce = unread_bytes_ >= options_.unread_limit_bytes;
  if (scarce && favoured_ == 0 && x.state.waits_for_room_for_one())
    favoured_ = id;
  else if (favoured_ == id && !x.state.takes_any() && (!scarce || !x.state.out_of_room()))
    favoured_ = 0;
  x.state.set_room({options_.unread_limit_bytes / (scarce ? 8192 : 8), x.unsent_bytes, !scarce || favoured_ == id});
}

void gateway::touch(served& x, uint64_t id) {
  if (!std::exchange(x.dirty, true))
    dirty_.push_back(id);
}

void gateway::on_turn_end() {
  // Sending may make room for further commands, and those may bring further replies.
  for (size_t i = 0; i < dirty_.size(); ++i)
    settle(dirty_[i]);
  dirty_.clear();
  flush();
}

/// Sends what a connection has to say and lets it go on.
void gateway::settle(uint64_t id) {
  auto found = clients_.find(id);
  if (found == clients_.end())
    return;
  auto& x = found->second;
  if (x.ended)
    return sockets_->close(id);
  auto now = clock().now();
  x.dirty = false;
  do { // Each reply that the socket takes at once makes room for another.
    if (!send_output(id, x.state) || x.state.finished())
      return;
    look_at_socket(id, x, now);
    count_unread(id, x);
  } while (x.state.resume());
  if (x.state.finished()) // Going on found that there was nothing more.
    send_output(id, x.state);
  else
    sockets_->read(id, !x.state.closing() && !x.state.blocked());
}

/// Sends what the socket takes, and closes a connection that has said all. False: it is gone, `state` too.
bool gateway::send_output(uint64_t id, connection& state) {
  if (sockets_->unsent_bytes(id) == 0 && !state.output().empty())
    sockets_->send(id, state.output());
  if (!clients_.contains(id))
    return false; // Sending has closed it.
  if (!state.finished() || !state.output().empty() || sockets_->unsent_bytes(id) != 0)
    return true;
  sockets_->close(id);
  return false;
}

void gateway::warn(std::string_view what, const std::string& client) {
  if (auto line = told_[what].line(std::string{what} + ": " + client, clock().now()))
    environment_->log().warn("gateway: {}", *line);
}

// -- commands -------------------------------------------------------------------

bool gateway::submit(ticket whose, arguments command) {
  return flush_when_full(session_.submit(whose, command, clock().now()));
}

bool gateway::submit_transaction(ticket whose, const transaction& whole) {
  return flush_when_full(session_.submit(whose, whole, clock().now()));
}

bool gateway::submit_read(ticket whose, arguments command) {
  return flush_when_full(session_.read(whose, command, clock().now()));
}

bool gateway::submit_versions(ticket whose, arguments keys, bool decided) {
  auto now = clock().now();
  return flush_when_full(decided ? session_.submit_versions(whose, keys, now) : session_.read_versions(whose, keys, now));
}

bool gateway::flush_when_full(bool taken) {
  if (taken && session_.full())
    flush();
  return taken;
}

/// Sends all that waits to be sent to the replica.
void gateway::flush() {
  if (!replica_)
    return;
  auto now = clock().now();
  while (auto request = session_.next_request(now))
    send(replica_, *request);
  while (auto query = session_.next_query())
    send(replica_, *query);
}

// -- replies --------------------------------------------------------------------

/// Calls `give` with the connection that waits.
template <class Give>
void gateway::give(ticket whose, Give give) {
  auto found = clients_.find(whose.connection);
  if (found == clients_.end())
    return;
  auto& x = found->second;
  count_unread(whose.connection, x); // What others were given meanwhile may have made room scarce.
  give(x.state);
  count_unread(whose.connection, x);
  touch(x, whose.connection);
}

void gateway::deliver(ticket whose, schema::Reply::Reader reply) {
  give(whose, [&](auto& state) { state.deliver(whose.number, reply); });
}

void gateway::deliver_read(ticket whose, arguments asked, schema::Reply::Reader reply) {
  give(whose, [&](auto& state) { state.deliver_read(whose.number, asked, reply); });
}

void gateway::fail(ticket whose, std::string_view error) {
  give(whose, [&](auto& state) { state.deliver_error(whose.number, error); });
}

void gateway::on_opened(const message<schema::Opened>& opened) {
  answered_ = opened->isSession() ? clock().now() : answered_;
  if (opened->isRefused())
    session_.on_opening_refused(opened, *this);
  else
    session_.on_opened(opened, clock().now());
  flush();
}

void gateway::on_responses(const message<schema::Responses>& responses) {
  note_mark(responses->getMark());
  answered_ = responses->getAnswered() > 0 ? clock().now() : answered_;
  if (session_.on_responses(responses, *this))
    return;
  environment_->log().warn("gateway: the session has ended; opening another session");
  flush();
}

void gateway::on_answers(const message<schema::Answers>& answers) {
  note_mark(answers->getMark());
  answered_ = answers->getAnswered() > 0 ? clock().now() : answered_;
  session_.on_answers(answers, *this);
}

/// Flow control: the replica sends as much as was taken here.
void gateway::note_mark(uint64_t mark) {
  if (mark == 0)
    return;
  marks_.note(current_sender(), mark);
  if (marks_.urgent())
    return_marks(*this, marks_, options_.node);
}

// -- the replica ----------------------------------------------------------------

void gateway::on_peer(const peer& x) {
  if (x.role != "replica")
    return;
  replicas_.renew(x);
  if (x.node == options_.node)
    beside_from_ = time_point::min();
  if (replica_ && x.node == replica_node_)
    lose_replica("the replica is not reached any more");
  if (!replica_)
    choose_replica();
  flush();
}

void gateway::lose_replica(const char* why) {
  replica_ = nullptr;
  environment_->log().warn("gateway: {}; opening another session", why);
  session_.lose_replica(*this);
}

/// The one beside it, or else the next one, in the order of nodes.
void gateway::choose_replica() {
  if (replicas_.empty())
    return;
  auto now = clock().now();
  auto* beside = now >= beside_from_ ? replicas_.find(options_.node) : nullptr;
  auto next = std::find_if(replicas_.begin(), replicas_.end(), [&](auto& x) { return x.node > replica_node_; });
  auto& chosen = beside ? *beside : next != replicas_.end() ? *next : *replicas_.begin();
  replica_ = chosen.handle;
  replica_node_ = chosen.node;
  answered_ = now;
  session_.begin();
}

/// Whether another one is to be used: this one has no majority, or does not go on; or the one beside it has come.
void gateway::look_at_replica(time_point now, bool timed_out) {
  auto silent = timed_out && now - answered_ >= options_.request_timeout && replicas_.size() > 1;
  auto is_beside = replica_node_ == options_.node;
  auto to_beside = !is_beside && now >= beside_from_ && replicas_.find(options_.node) && session_.idle();
  if (!replica_ || (!silent && !to_beside))
    return;
  if (is_beside)
    beside_from_ = now + 10 * options_.request_timeout;
  lose_replica(silent ? "the replica answers nothing" : "the replica beside it is reached");
  choose_replica();
}

// -- time -----------------------------------------------------------------------

void gateway::on_tick() {
  delayed_send(this, tick_interval, tick_atom_v);
  auto now = clock().now();
  auto timed_out = session_.timed_out();
  session_.on_tick(now, *this);
  look_at_replica(now, session_.timed_out() > timed_out);
  give_up_waiting(now);
  close_silent(now);
  return_marks(*this, marks_, options_.node);
  flush();
}

void gateway::give_up_waiting(time_point now) {
  for (auto& [id, x] : clients_) {
    if (x.state.blocked() || x.state.waits_for_room())
      touch(x, id);
    if (!x.state.waits_for_room() || x.state.out_of_room()) // Or it waits for its own client.
      x.waits_since.reset();
    else if (!x.waits_since)
      x.waits_since = now;
    else if (now - *x.waits_since > options_.request_timeout)
      while (x.state.waits_for_room()) // Those behind it wait as long, and find as little room.
        x.state.give_up(not_performed);
  }
}

/// Those that say nothing, and those that read nothing.
void gateway::close_silent(time_point now) {
  std::vector<uint64_t> silent;
  for (auto& [id, x] : clients_) {
    look_at_socket(id, x, now);
    auto idle = options_.idle_timeout.count() > 0 && x.state.pending() == 0 && !x.state.waits_for_room()
                && now - x.state.used() > options_.idle_timeout;
    auto stuck = is_stuck(x, now);
    if (stuck)
      warn("a client that does not read its replies is disconnected", x.state.remote());
    if (idle || stuck)
      silent.push_back(id);
  }
  for (auto id : silent)
    sockets_->close(id);
}

/// It has as many unread replies as it may, and has not read one for too long.
bool gateway::is_stuck(served& x, time_point now) const {
  if (x.unsent_bytes == 0 || !x.state.out_of_room())
    x.stuck_since.reset();
  else if (!x.stuck_since)
    x.stuck_since = now;
  return x.stuck_since && now - *x.stuck_since >= options_.unread_timeout;
}

} // namespace synod
