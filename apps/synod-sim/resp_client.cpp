#include "resp_client.hpp"

#include <charconv>

namespace synod::simulation {

namespace {

using std::chrono::milliseconds;

constexpr const char* reply_not_kept = "ERR the command was performed, its reply was not kept";
constexpr const char* result_gone = "ERR the command was performed, its result is no longer kept"; // behind a snapshot

std::string encode(const std::vector<std::string>& command) {
  auto text = fmt::format("*{}\r\n", command.size());
  for (auto& each : command)
    text += fmt::format("${}\r\n{}\r\n", each.size(), each);
  return text;
}

} // namespace

resp_client::resp_client(stage& on, uint32_t index, record_book& book, uint32_t participant_index, std::vector<uint32_t> gateways)
  : workload_client{on, index, book},
    name_{fmt::format("client-{}", index)},
    participant_index_{participant_index},
    gateways_{std::move(gateways)} {}

// -- what it asks for ---------------------------------------------------------

void resp_client::start() {
  stage_.time.after(random_.between(milliseconds{0}, milliseconds{500}), [this] {
    connect();
    next();
  });
  watch_silence(0);
}

void resp_client::next() {
  if (connected_ && !finishing_ && !parts_ && pending_.size() < stage_.drawn.pipeline) {
    ask();
    if (!looking_ && random_.below(50) == 0)
      part();
    flush();
  }
  if (!finishing_)
    stage_.time.after(random_.around(stage_.drawn.think), [this] { next(); });
}

/// One to three operations, sent in one go.
void resp_client::ask() {
  auto count = random_.below(4) == 0 ? random_.between(2, 3) : 1;
  for (; count > 0 && of_user(); --count)
    ask_for(0, draw_of_user());
  for (; count > 0 && !looking_; --count) {
    auto group = some_group();
    auto roll = random_.below(100);
    if (roll < 5)
      look_at(group);
    else
      ask_for(group, roll < stage_.drawn.reads_percent ? draw_read(group) : draw_write(group));
  }
}

void resp_client::ask_for(unsigned group, operation x) {
  auto commands = x.commands;
  auto transaction = x.what == operation::kind::transaction;
  auto wrong = transaction && last_.empty() && random_.below(8) == 0; // A wrong command among the others fails all.
  x.stream = connection_;
  auto asked = begin(group, std::move(x));
  if (!transaction)
    return send(commands.front(), asked);
  send({"MULTI"});
  for (auto& each : commands)
    send(each);
  if (wrong)
    send({"GET"});
  send({"EXEC"}, asked);
  pending_.back().fails = wrong;
}

/// The first half of a transaction that is performed only if the key is still what GET tells.
void resp_client::look_at(unsigned group) {
  watches_ = false;
  watched_ = draw_watched(group);
  auto watch = watched_;
  watch.insert(watch.begin(), "WATCH");
  send(watch, {}, true);
  operation x{index_, operation::kind::command, {{"GET", key('r', group)}}};
  x.stream = connection_;
  looking_ = begin(group, std::move(x));
  send({"GET", key('r', group)}, looking_);
}

void resp_client::send(const std::vector<std::string>& command, std::optional<place> asked, bool watch) {
  stage_.told.say(stage_.time.now(), "{} sends {}", name_, fmt::join(command, " "));
  out_ += encode(command);
  pending_.push_back({asked, watch});
}

/// Asks no more down this connection, and is answered all that it asked for.
void resp_client::part() {
  parts_ = true;
  if (random_.below(2) == 0)
    return send({"QUIT"});
  flush();
  stage_.connections->end_writing(connection_);
}

/// Sends what has been written, sometimes in two parts.
void resp_client::flush() {
  if (out_.size() > 1 && random_.below(8) == 0) {
    auto first = 1 + random_.below(out_.size() - 1);
    stage_.connections->write(connection_, out_.substr(0, first));
    out_.erase(0, first);
  }
  if (!out_.empty())
    stage_.connections->write(connection_, std::exchange(out_, {}));
}

void resp_client::ask_last() {
  connected_since_ = std::chrono::hours{1000}; // What it was connected with before may be dead.
  stage_.connections->slow_down(connection_, duration{0});
  last_.emplace_back(0, std::nullopt);
  for (auto& each : last_reads())
    last_.emplace_back(std::move(each));
  ask_next_of_last();
}

void resp_client::ask_next_of_last() {
  if (!connected_ || parts_ || last_.empty() || !pending_.empty())
    return;
  auto& read = last_.front().second;
  auto group = read ? last_.front().first : some_group();
  auto x = read ? read : last_write(group);
  if (!x) { // The user's workload never writes.
    last_.pop_front();
    return ask_next_of_last();
  }
  // Whatever a connection did before, it does all that is sent to it: a reply that is missing is seen by its silence.
  send({"PING"});
  if (!of_user() && !read) {
    send({"GET", name_}); // Of a key that nobody has.
    send({"UNWATCH"});
    send({"WATCH", name_}, {}, true);
    x->what = operation::kind::transaction;
  }
  ask_for(group, std::move(*x));
  send({"PING"});
  send({"PING"});
  if (random_.below(8) == 0)
    part();
  flush();
}

std::string resp_client::waits_for() const {
  for (auto& each : pending_)
    if (each.asked)
      return describe(at(*each.asked));
  return last_.empty() ? "" : fmt::format("{} has still to ask for {} operations", name_, last_.size());
}

// -- what it is told ----------------------------------------------------------

void resp_client::on_bytes(uint64_t connection, std::string_view bytes) {
  if (connection != connection_)
    return;
  in_ += bytes;
  size_t taken = 0;
  std::string reply;
  for (auto position = taken; take_reply(reply, position); reply.clear()) {
    taken = position;
    on_reply(reply);
    if (connection != connection_)
      return; // It was not what it should have been.
  }
  in_.erase(0, taken);
  if (connected_)
    flush();
}

/// Reads one reply, of protocol version 2, as text_of() writes it. False: it is not all there yet.
bool resp_client::take_reply(std::string& text, size_t& position) const {
  auto end = in_.find("\r\n", position);
  if (end == std::string::npos)
    return false;
  auto kind = in_[position];
  auto line = in_.substr(position + 1, end - position - 1);
  position = end + 2;
  int64_t number = 0;
  std::from_chars(line.data(), line.data() + line.size(), number);
  switch (kind) {
    case '$':
      if (number < 0) {
        text += "nil";
        return true;
      }
      if (in_.size() < position + static_cast<size_t>(number) + 2)
        return false;
      text += '"' + in_.substr(position, static_cast<size_t>(number)) + '"';
      position += static_cast<size_t>(number) + 2;
      return true;
    case '*':
      if (number < 0) {
        text += "none";
        return true;
      }
      text += '[';
      for (; number > 0; --number) {
        if (!take_reply(text, position))
          return false;
        text += number > 1 ? " " : "";
      }
      text += ']';
      return true;
    default: // A status, an error or an integer.
      text += line;
      return true;
  }
}

void resp_client::on_reply(const std::string& reply) {
  ++replies_;
  stage_.told.say(stage_.time.now(), "{} is told {}", name_, reply);
  if (pending_.empty()) {
    stage_.checks->fail("gateway", fmt::format("{} is told {} and has asked nothing", name_, reply));
    return lose();
  }
  auto [asked, watch, fails] = pending_.front();
  pending_.pop_front();
  if (watch)
    watches_ = reply == "OK";
  if (!asked)
    return ask_next_of_last();
  auto is_open = reply.starts_with("UNKNOWN") || reply.starts_with(reply_not_kept) || reply == result_gone;
  auto aborted = reply.starts_with("EXECABORT");
  if (aborted != fails && (aborted || reply.starts_with('[') || reply == "none"))
    return stage_.checks->fail(
      "gateway", fmt::format("{} has {}a wrong command in its transaction, and is told {}", name_, fails ? "" : "not ", reply));
  auto not_watched = reply == "none" && !at(*asked).expects && !watches_; // WATCH was refused, and so is EXEC.
  if (aborted || not_watched || reply.starts_with("TRYAGAIN") || reply.starts_with("DISKFULL")
      || (is_read(at(*asked)) && (reply.starts_with("TIMEOUT") || is_open)))
    withdraw(*asked);
  else if (!is_open)
    end(*asked, reply);
  if (!last_.empty()) {
    if (at(*asked).returned == operation::never)
      return lose(); // The next gateway is asked.
    last_.pop_front();
    return ask_next_of_last();
  }
  if (!looking_ || looking_->group != asked->group || looking_->index != asked->index)
    return;
  looking_.reset();
  if (!watches_ || at(*asked).returned == operation::never || finishing_)
    return send({"UNWATCH"});
  ask_for(asked->group, checked_transaction(*asked, watched_));
}

// -- the connection -----------------------------------------------------------

/// To any gateway; at the end to one after the other, until one answers.
void resp_client::connect() {
  if (connection_ != 0)
    return;
  if (last_.empty())
    gateway_ = random_.below(gateways_.size());
  asks_last_ = !last_.empty();
  stage_.told.say(stage_.time.now(), "{} connects with gateway {}", name_, gateway_);
  connection_ = stage_.connections->connect(participant_index_, gateways_[gateway_], *this);
}

void resp_client::on_connected(uint64_t connection) {
  if (connection != connection_)
    return;
  connected_ = true;
  if (asks_last_) // Otherwise it may have been with a process that is dead by now, and this is told late.
    connected_since_ = stage_.time.now();
  if (stage_.drawn.has(fault::slow_client) && last_.empty() && random_.below(3) == 0)
    stage_.connections->slow_down(connection, random_.between(milliseconds{1}, milliseconds{300}));
  ask_next_of_last();
}

void resp_client::on_closed(uint64_t connection) {
  if (connection != connection_)
    return;
  auto since_faults = !last_.empty() && stage_.time.now() >= connected_since_;
  if (parts_ && since_faults && !pending_.empty())
    stage_.checks->fail("gateway", fmt::format("{} has asked all, and is not told {} replies", name_, pending_.size()));
  lose();
}

/// What was under way has an unknown outcome; but for reads that are asked for again.
void resp_client::lose() {
  stage_.told.say(stage_.time.now(), "{} has no connection with its gateway any more", name_);
  stage_.connections->close(connection_);
  if (!connected_ || !pending_.empty())
    gateway_ = (gateway_ + 1) % gateways_.size(); // It may have no majority, or be gone.
  connection_ = 0;
  connected_ = parts_ = false;
  for (auto& each : std::exchange(pending_, {}))
    if (each.asked && !last_.empty() && is_read(at(*each.asked)))
      withdraw(*each.asked);
  looking_.reset();
  in_.clear();
  out_.clear();
  stage_.time.after(random_.around(milliseconds{100}), [this] { connect(); });
}

/// Where nothing comes for too long, not even an error, the connection is given up. One that was begun when the faults had ended
/// must not be silent.
void resp_client::watch_silence(uint64_t before) {
  auto patience = std::chrono::seconds{7} + stage_.drawn.client_timeout; // Longer than a gateway's request-timeout.
  stage_.time.after(patience, [this, before, patience] {
    auto silent = connection_ != 0 && replies_ == before && (!connected_ || !pending_.empty() || parts_);
    if (silent && connected_ && !last_.empty() && stage_.time.now() >= connected_since_ + patience)
      stage_.checks->fail("gateway", fmt::format("{} is told nothing, not even an error, and no fault is left", name_));
    if (silent)
      lose();
    watch_silence(replies_);
  });
}

} // namespace synod::simulation
