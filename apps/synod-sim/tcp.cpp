#include "tcp.hpp"

#include <algorithm>
#include <deque>
#include <vector>

namespace synod::simulation {

/// A gateway's end of all its connections.
class tcp::listener : public sockets {
public:
  listener(tcp& of, uint32_t node, strand& on) : of_{of}, node_{node}, strand_{on} {}

  uint16_t port() const override { return 6379; }
  void start() override {}
  void events(socket_events* events) override { events_ = events; }

  void stop() override {
    events_ = nullptr;
    std::vector<uint64_t> mine;
    for (auto& [number, x] : of_.connections_)
      if (x.server.get() == this)
        mine.push_back(number);
    for (auto number : mine)
      close(number);
  }

  void send(uint64_t number, std::string& bytes) override {
    auto found = of_.connections_.find(number);
    if (found == of_.connections_.end() || bytes.empty() || dead_)
      return bytes.clear();
    found->second.unread_bytes += bytes.size();
    of_.network_.carry_bytes(node_, found->second.from,
                             [&of = of_, number, sent = std::exchange(bytes, {})] { of.deliver(number, sent); });
  }

  size_t unsent_bytes(uint64_t number) const override {
    auto found = of_.connections_.find(number);
    if (found == of_.connections_.end())
      return 0;
    return found->second.unread_bytes - std::min(found->second.unread_bytes, of_.socket_buffer_bytes_);
  }

  void read(uint64_t number, bool on) override {
    auto found = of_.connections_.find(number);
    if (found == of_.connections_.end() || std::exchange(found->second.wanted, on) == on || !on)
      return;
    if (!found->second.held.empty())
      of_.arrive(number, std::exchange(found->second.held, {}));
    if (found->second.ended)
      of_.arrive_end(number);
  }

  void close(uint64_t number) override {
    auto found = of_.connections_.find(number);
    if (found == of_.connections_.end() || found->second.server.get() != this)
      return;
    found->second.server = nullptr;
    if (!dead_)
      of_.network_.carry_bytes(node_, found->second.from, [&of = of_, number] { of.close_client(number); });
    if (events_)
      events_->on_close(number);
  }

  /// Calls something of the gateway's on its strand, as its loop would: one after the other.
  void push(std::function<void(socket_events&)> call) {
    calls_.push_back(std::move(call));
    of_.timeline_.push(strand_, [keep = of_.listeners_[node_]] {
      auto next = std::move(keep->calls_.front());
      keep->calls_.pop_front();
      if (keep->events_ && !keep->dead_)
        next(*keep->events_);
      if (keep->events_ && !keep->dead_)
        keep->events_->on_turn_end();
    });
  }

  void die() { dead_ = true; }

private:
  tcp& of_;
  uint32_t node_;
  strand& strand_;
  socket_events* events_ = nullptr;
  std::deque<std::function<void(socket_events&)>> calls_;
  bool dead_ = false;
};

std::shared_ptr<sockets> tcp::listen(uint32_t node, strand& on) {
  return listeners_[node] = std::make_shared<listener>(*this, node, on);
}

void tcp::end(uint32_t node, bool silently) {
  auto found = listeners_.find(node);
  if (found == listeners_.end())
    return;
  auto ended = found->second;
  ended->die();
  listeners_.erase(found);
  for (auto& [number, x] : connections_) {
    if (x.server != ended)
      continue;
    x.server = nullptr;
    if (!silently)
      network_.carry_bytes(node, x.from, [this, ended_connection = number] { close_client(ended_connection); });
  }
}

// -- the client's side --------------------------------------------------------

uint64_t tcp::connect(uint32_t from, uint32_t node, client_end& who) {
  auto number = next_++;
  auto& x = connections_[number];
  x.from = from;
  x.node = node;
  x.who = &who;
  network_.carry_bytes(from, node, [this, number] { accept(number); });
  return number;
}

void tcp::accept(uint64_t number) {
  auto found = connections_.find(number);
  if (found == connections_.end() || !found->second.who)
    return forget(number);
  auto& x = found->second;
  auto listening = listeners_.find(x.node);
  if (listening == listeners_.end()) // The host refuses, if there is one.
    return network_.carry_bytes(x.node, x.from, [this, number] { close_client(number); });
  auto server = listening->second;
  x.server = server;
  server->push([this, number](socket_events& events) {
    auto still = connections_.find(number);
    if (still == connections_.end())
      return;
    auto& accepted = still->second;
    std::string refusal;
    auto taken = events.on_connect(number, "10.0.0." + std::to_string(accepted.from) + ":40000", "10.0.0.1:6379", refusal);
    network_.carry_bytes(accepted.node, accepted.from, [this, number, taken] {
      auto told = connections_.find(number);
      if (told == connections_.end() || !told->second.who)
        return;
      if (taken)
        return told->second.who->on_connected(number);
      close_client(number);
    });
    if (!taken)
      accepted.server = nullptr;
  });
}

void tcp::write(uint64_t number, std::string bytes) {
  auto found = connections_.find(number);
  if (found == connections_.end())
    return;
  network_.carry_bytes(found->second.from, found->second.node, [this, number, sent = std::move(bytes)] { arrive(number, sent); });
}

/// Bytes have come to the gateway's host.
void tcp::arrive(uint64_t number, std::string bytes) {
  auto found = connections_.find(number);
  if (found == connections_.end() || !found->second.server)
    return;
  if (!found->second.wanted) {
    found->second.held += bytes;
    return;
  }
  found->second.server->push([number, came = std::move(bytes)](socket_events& events) { events.on_bytes(number, came); });
}

void tcp::close(uint64_t number) {
  auto found = connections_.find(number);
  if (found == connections_.end())
    return;
  found->second.who = nullptr;
  network_.carry_bytes(found->second.from, found->second.node, [this, number] {
    auto closed = connections_.find(number);
    if (closed != connections_.end() && closed->second.server)
      closed->second.server->push([number](socket_events& events) { events.on_close(number); });
    forget(number);
  });
}

void tcp::end_writing(uint64_t number) {
  auto found = connections_.find(number);
  if (found == connections_.end())
    return;
  network_.carry_bytes(found->second.from, found->second.node, [this, number] { arrive_end(number); });
}

/// The gateway sees the end behind all that it has read.
void tcp::arrive_end(uint64_t number) {
  auto found = connections_.find(number);
  if (found == connections_.end() || !found->second.server)
    return;
  found->second.ended = !found->second.wanted;
  if (found->second.wanted)
    found->second.server->push([number](socket_events& events) { events.on_end(number); });
}

void tcp::slow_down(uint64_t number, duration reading) {
  if (auto found = connections_.find(number); found != connections_.end())
    found->second.reading = reading;
}

/// Bytes have come to the client's host; the client reads them in its own time.
void tcp::deliver(uint64_t number, std::string bytes) {
  auto found = connections_.find(number);
  if (found == connections_.end())
    return;
  auto& x = found->second;
  x.read_until = std::max(x.read_until, timeline_.now()) + x.reading;
  timeline_.at(x.read_until, [this, number, read = std::move(bytes)] { read_by_client(number, read); });
}

void tcp::read_by_client(uint64_t number, const std::string& bytes) {
  auto found = connections_.find(number);
  if (found == connections_.end())
    return;
  auto& x = found->second;
  network_.carry_bytes(x.from, x.node, [this, number, size = bytes.size()] {
    auto sender = connections_.find(number);
    if (sender == connections_.end())
      return;
    auto was_full = sender->second.unread_bytes > socket_buffer_bytes_;
    sender->second.unread_bytes -= size;
    if (was_full && sender->second.unread_bytes <= socket_buffer_bytes_ && sender->second.server)
      sender->second.server->push([number](socket_events& events) { events.on_sent(number); });
  });
  if (x.who)
    x.who->on_bytes(number, bytes);
}

/// The client reads what was sent before, and then the end.
void tcp::close_client(uint64_t number) {
  auto found = connections_.find(number);
  if (found == connections_.end())
    return;
  timeline_.at(std::max(found->second.read_until, timeline_.now()), [this, number] { end_client(number); });
}

void tcp::end_client(uint64_t number) {
  auto found = connections_.find(number);
  if (found == connections_.end())
    return;
  auto* who = found->second.who;
  forget(number);
  if (who)
    who->on_closed(number);
}

void tcp::forget(uint64_t number) {
  connections_.erase(number);
}

} // namespace synod::simulation
