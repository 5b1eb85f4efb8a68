#include "synod/actors/gateway/gateway.hpp"

#include "synod/actors/role/redis_text.hpp"

#include <caf/detail/sync_request_bouncer.hpp>

#include <algorithm>

namespace synod {

namespace {

constexpr std::chrono::milliseconds tick_interval{100};
constexpr size_t unread_limit_bytes = 128u << 20; // of replies to a client that does not read them; one reply has 64 MiB at most
constexpr const char* outcome_unknown =
  "UNKNOWN no majority answered within the time limit: the command may or may not have been performed";
constexpr const char* read_failed = "TIMEOUT no majority answered within the time limit: nothing was read";
constexpr const char* not_performed =
  "TRYAGAIN the command was not performed: no majority answers, and too many commands wait for one";
constexpr const char* session_lost =
  "UNKNOWN the connection to the replica was lost: the command may or may not have been performed";

} // namespace

gateway::gateway(caf::actor_config& config, std::shared_ptr<sockets> clients, options opts)
  : gateway_actor::base{config}, sockets_{std::move(clients)}, options_{std::move(opts)}, random_{options_.seed} {
  for (auto& each : local_commands::specs())
    by_name_.emplace(each.name, &each);
  for (auto& each : options_.machine_commands)
    by_name_.emplace(each.name, &each);
  for (auto& [name, spec] : by_name_)
    all_commands_.push_back(*spec);
  std::sort(all_commands_.begin(), all_commands_.end(), [](auto& a, auto& b) { return std::string_view{a.name} < b.name; });
  sockets_->events(this);
}

gateway::behavior_type gateway::make_behavior() {
  set_default_handler(caf::drop); // Whoever sends what no role understands is not answered.
  started_ms_ = now_ms();
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

// -- an actor in the thread of its sockets --------------------------------------

void gateway::enqueue(caf::mailbox_element_ptr element, caf::execution_unit*) {
  auto mid = element->mid;
  auto sender = element->sender;
  switch (mailbox().push_back(std::move(element))) {
    case caf::intrusive::inbox_result::unblocked_reader:
      caf::intrusive_ptr_add_ref(ctrl());
      sockets_->schedule(this);
      break;
    case caf::intrusive::inbox_result::queue_closed:
      if (mid.is_request()) {
        caf::detail::sync_request_bouncer bounce{caf::make_error(caf::exit_reason::user_shutdown)};
        bounce(sender, mid);
      }
      break;
    case caf::intrusive::inbox_result::success:
      break;
  }
}

void gateway::launch(caf::execution_unit*, bool, bool hide) {
  if (!hide)
    register_at_system();
  caf::intrusive_ptr_add_ref(ctrl());
  sockets_->schedule(this);
}

void gateway::on_exit() {
  sockets_->stop();
  clients_.clear();
  replica_ = nullptr;
  replicas_.clear();
}

// -- sockets --------------------------------------------------------------------

int64_t gateway::now_ms() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(clock().now().time_since_epoch()).count();
}

bool gateway::on_connect(uint64_t id, std::string remote, std::string local, std::string& refusal) {
  if (clients_.size() >= options_.most_clients) {
    refusal = "-ERR max number of clients reached\r\n";
    ++rejected_;
    return false;
  }
  ++connections_;
  clients_.emplace(
    id, client{connection{id, {std::move(remote), std::move(local)}, {options_.command_limit_bytes}, now_ms(), *this}});
  return true;
}

void gateway::on_bytes(uint64_t id, std::string_view bytes) {
  auto found = clients_.find(id);
  if (found == clients_.end())
    return;
  found->second.state.receive(bytes, now_ms());
  touch(found->second, id);
}

void gateway::on_sent(uint64_t id) {
  if (auto found = clients_.find(id); found != clients_.end())
    touch(found->second, id);
}

void gateway::on_close(uint64_t id) {
  clients_.erase(id); // Replies to it find nobody.
}

void gateway::touch(client& x, uint64_t id) {
  if (!std::exchange(x.dirty, true))
    dirty_.push_back(id);
}

void gateway::on_turn_end() {
  // Sending may make room for further commands, and those may bring further replies.
  for (size_t i = 0; i < dirty_.size(); ++i)
    settle(dirty_[i]);
  dirty_.clear();
  flush_decided();
  flush_reads();
}

/// Sends what a connection has to say and lets it go on.
void gateway::settle(uint64_t id) {
  auto found = clients_.find(id);
  if (found == clients_.end())
    return;
  found->second.dirty = false;
  auto& state = found->second.state;
  if (state.output().size() > unread_limit_bytes) {
    options_.warn("gateway: a client that does not read its replies is disconnected");
    return sockets_->close(id);
  }
  if (sockets_->unsent_bytes(id) == 0)
    sockets_->send(id, state.output());
  found = clients_.find(id); // Sending may have closed it.
  if (found == clients_.end())
    return;
  if (state.finished()) {
    if (sockets_->unsent_bytes(id) == 0 && state.output().empty())
      sockets_->close(id);
    return;
  }
  if (!state.closing() && state.output().size() <= connection::output_limit_bytes) {
    state.resume();
    if (sockets_->unsent_bytes(id) == 0 && !state.output().empty())
      sockets_->send(id, state.output());
    found = clients_.find(id);
    if (found == clients_.end())
      return;
    if (state.finished() && state.output().empty() && sockets_->unsent_bytes(id) == 0)
      return sockets_->close(id);
  }
  sockets_->read(id, !state.closing() && !state.blocked());
}

// -- commands -------------------------------------------------------------------

const command_spec* gateway::find(std::string_view name) const {
  if (name.size() > 64)
    return nullptr;
  auto found = by_name_.find(redis::lower_case(name));
  return found == by_name_.end() ? nullptr : found->second;
}

void gateway::wait_for_decision(ticket whose) {
  ++commands_;
  decisions_.push_back({whose, now_ms() + options_.request_timeout.count()});
  if (decided_.full())
    flush_decided();
}

bool gateway::submit(ticket whose, arguments command) {
  if (!room())
    return false;
  decided_.add(command);
  wait_for_decision(whose);
  return true;
}

bool gateway::submit_transaction(ticket whose, const std::vector<std::vector<std::string>>& commands,
                                 const std::vector<std::pair<std::string, uint64_t>>& watched) {
  if (!room())
    return false;
  decided_.add_transaction(commands, watched);
  wait_for_decision(whose);
  return true;
}

bool gateway::submit_versions(ticket whose, arguments keys, bool decided) {
  if (!room())
    return false;
  if (decided) {
    decided_.add_versions(keys);
    wait_for_decision(whose);
  } else {
    reading_.add_versions(keys);
    wait_for_read(whose);
  }
  return true;
}

bool gateway::submit_read(ticket whose, arguments command) {
  if (reads_.size() >= 4096)
    return false;
  reading_.add(command);
  wait_for_read(whose);
  return true;
}

void gateway::wait_for_read(ticket whose) {
  ++commands_;
  reading_waiting_.push_back({whose, now_ms() + options_.request_timeout.count()});
  if (reading_.full())
    flush_reads();
}

void gateway::flush_decided() {
  if (decided_.empty() || session_ == 0 || !replica_)
    return;
  auto count = decided_.size();
  auto request = decided_.take_request(session_, next_cid_);
  next_cid_ += count;
  sent_.emplace_back(next_cid_, request.size_bytes());
  outstanding_bytes_ += request.size_bytes();
  used_ms_ = now_ms();
  send(replica_, request);
}

void gateway::flush_reads() {
  if (reading_.empty() || !replica_)
    return;
  auto number = next_read_++;
  reads_.emplace(number, std::exchange(reading_waiting_, {}));
  send(replica_, reading_.take_query(number));
}

// -- replies --------------------------------------------------------------------

void gateway::on_opened(const message<schema::Opened>& opened) {
  if (opened->getNumber() != opening_ || opening_ == 0)
    return;
  opening_ = 0;
  if (!opened->isSession())
    return; // The next tick asks again.
  session_ = opened->getSession();
  next_cid_ = 1;
  used_ms_ = now_ms();
  flush_decided();
}

/// Replies to commands in the order of their cids; what lies before the first one was answered already.
void gateway::on_responses(const message<schema::Responses>& responses) {
  if (responses->getSession() != session_ || session_ == 0)
    return;
  if (responses->getSessionEnded() || responses->getRefused())
    return lose_session("the session has ended");
  auto first_waiting = next_cid_ - (decisions_.size() - decided_.size());
  auto replies = responses->getReplies();
  auto cid = responses->getFirstCid();
  for (unsigned i = 0; i < responses->getAnswered() && i < replies.size(); ++i) {
    if (cid++ < first_waiting || decisions_.empty())
      continue;
    deliver(decisions_.front(), replies[i]);
    decisions_.pop_front();
  }
  while (!sent_.empty() && sent_.front().first <= cid) {
    outstanding_bytes_ -= sent_.front().second;
    sent_.pop_front();
  }
}

/// Replies to a query come in the order of its operations, a message's worth at a time.
void gateway::on_answers(const message<schema::Answers>& answers) {
  auto found = reads_.find(answers->getNumber());
  if (found == reads_.end())
    return;
  auto& waiting_for = found->second;
  if (answers->getRefused()) {
    for (auto& each : waiting_for)
      deliver_error(each, read_failed);
    reads_.erase(found);
    return;
  }
  auto replies = answers->getReplies();
  size_t index = answers->getFirst();
  for (unsigned i = 0; i < answers->getAnswered() && i < replies.size() && index < waiting_for.size(); ++i, ++index)
    deliver(waiting_for[index], replies[i]);
  if (index == waiting_for.size())
    reads_.erase(found);
}

void gateway::deliver(const waiting& x, schema::Reply::Reader reply) {
  auto found = clients_.find(x.whose.connection);
  if (found == clients_.end())
    return;
  found->second.state.deliver(x.whose.number, reply);
  touch(found->second, x.whose.connection);
}

void gateway::deliver_error(const waiting& x, std::string_view text) {
  auto found = clients_.find(x.whose.connection);
  if (found == clients_.end())
    return;
  found->second.state.deliver_error(x.whose.number, text);
  touch(found->second, x.whose.connection);
}

// -- the session ----------------------------------------------------------------

void gateway::open_session() {
  if (!replica_)
    return;
  opening_ = random_() | 1; // Never 0.
  opened_at_ms_ = now_ms();
  builder<schema::Request> open;
  open->initOpen().setNumber(opening_);
  send(replica_, open.finish());
}

/// What was sent under it has an unknown outcome; what was not sent yet goes under the next one.
void gateway::lose_session(const char* why) {
  options_.warn(std::string{"gateway: "} + why + "; opening another session");
  auto unsent = decided_.size();
  while (decisions_.size() > unsent) {
    deliver_error(decisions_.front(), session_lost);
    decisions_.pop_front();
  }
  sent_.clear();
  outstanding_bytes_ = 0;
  session_ = 0;
  next_cid_ = 1;
  open_session();
}

void gateway::on_peer(const peer& x) {
  if (x.role != "replica")
    return;
  replicas_.erase(x.node);
  if (x.handle)
    replicas_.emplace(x.node, caf::actor_cast<replica_actor>(x.handle));
  auto lost = replica_ && x.node == replica_node_;
  if (lost) {
    replica_ = nullptr;
    for (auto& [number, waiting] : std::exchange(reads_, {}))
      for (auto& each : waiting)
        deliver_error(each, read_failed);
  }
  if (!replica_ && !replicas_.empty()) {
    // The one beside it, or else any.
    auto chosen = replicas_.find(options_.node);
    if (chosen == replicas_.end())
      chosen = replicas_.begin();
    replica_ = chosen->second;
    replica_node_ = chosen->first;
  }
  if (lost)
    lose_session("the replica is not reached any more"); // It alone knows which commands are outstanding.
  else if (session_ == 0 && opening_ == 0)
    open_session();
}

// -- time -----------------------------------------------------------------------

void gateway::on_tick() {
  delayed_send(this, tick_interval, tick_atom_v);
  auto now = now_ms();
  // Deadlines come in the order of submission; an answered one leaves its place to the late reply.
  for (auto& each : decisions_) {
    if (each.deadline_ms > now)
      break;
    if (each.whose.connection == 0)
      continue;
    ++timeouts_;
    deliver_error(each, outcome_unknown);
    each.whose.connection = 0;
  }
  std::erase_if(reads_, [&](auto& read) {
    if (read.second.empty() || read.second.back().deadline_ms > now)
      return false;
    for (auto& each : read.second)
      deliver_error(each, read_failed);
    return true;
  });
  if (!reading_waiting_.empty() && reading_waiting_.front().deadline_ms <= now) {
    // There was no replica to ask.
    for (auto& each : std::exchange(reading_waiting_, {}))
      deliver_error(each, read_failed);
    reading_ = {};
  }
  for (auto& [id, x] : clients_) {
    if (x.state.waits_for_room() && now - x.state.waits_since_ms() > options_.request_timeout.count())
      x.state.give_up(not_performed);
    if (x.state.blocked() || x.state.waits_for_room())
      touch(x, id);
  }
  if (options_.idle_timeout.count() > 0) {
    std::vector<uint64_t> idle;
    for (auto& [id, x] : clients_)
      if (x.state.pending() == 0 && now - x.state.used_ms() > options_.idle_timeout.count())
        idle.push_back(id);
    for (auto id : idle)
      sockets_->close(id);
  }
  if (session_ == 0 && (opening_ == 0 || now - opened_at_ms_ > options_.request_timeout.count()))
    open_session();
  if (session_ != 0 && now - used_ms_ > options_.session_lifetime.count() / 4) {
    decided_.add_keep_alive();
    wait_for_decision({});
  }
}

std::string gateway::info(std::string_view section) const {
  std::string text;
  auto wanted = [&](std::string_view name) {
    return section.empty() || section == name || section == "all" || section == "everything" || section == "default";
  };
  auto line = [&](std::string_view name, const std::string& value) {
    text += name;
    text += ':';
    text += value;
    text += "\r\n";
  };
  if (wanted("server")) {
    text += "# Server\r\n";
    line("redis_version", "7.0.15");
    line("synod_version", SYNOD_VERSION);
    line("redis_mode", "standalone");
    line("synod_node", options_.node_name);
    line("tcp_port", std::to_string(sockets_->port()));
    line("uptime_in_seconds", std::to_string((now_ms() - started_ms_) / 1000));
  }
  if (wanted("clients")) {
    text += (text.empty() ? "# Clients\r\n" : "\r\n# Clients\r\n");
    line("connected_clients", std::to_string(clients_.size()));
    line("maxclients", std::to_string(options_.most_clients));
  }
  if (wanted("stats")) {
    text += (text.empty() ? "# Stats\r\n" : "\r\n# Stats\r\n");
    line("total_connections_received", std::to_string(connections_));
    line("rejected_connections", std::to_string(rejected_));
    line("total_commands_processed", std::to_string(commands_));
    line("commands_timed_out", std::to_string(timeouts_));
  }
  if (wanted("replication")) {
    text += (text.empty() ? "# Replication\r\n" : "\r\n# Replication\r\n");
    line("role", "master");
    line("connected_slaves", "0");
  }
  return text;
}

message<schema::RoleStatus> gateway::status() const {
  auto number = [](uint64_t x) { return static_cast<int64_t>(x); };
  return role_status("gateway", {{"port", number(sockets_->port())},
                                 {"clients", number(clients_.size())},
                                 {"commands", number(commands_)},
                                 {"commands timed out", number(timeouts_)},
                                 {"commands waiting", number(decisions_.size())},
                                 {"bytes at the replica", number(outstanding_bytes_)},
                                 {"session", number(session_)}});
}

} // namespace synod
