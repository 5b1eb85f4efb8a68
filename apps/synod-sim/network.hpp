// The network between processes: every role sees the roles of other hosts through links.
#pragma once

#include "timeline.hpp"
#include "trace.hpp"

#include <memory>
#include <string>
#include <vector>

namespace synod::simulation {

/// A process at the network: a node of the cluster, or a client.
class participant {
public:
  struct role {
    std::string name;
    caf::actor handle;
    strand* on;
  };

  virtual ~participant() = default;
  virtual const std::string& name() const = 0;
  /// The process runs.
  virtual bool alive() const = 0;
  virtual const std::vector<role>& roles() const = 0;
  /// Role `name` of `other` is now reached at `handle`; null: not any more.
  virtual void on_peer(uint32_t other, const std::string& name, const caf::strong_actor_ptr& handle) = 0;
  /// Whether it takes up a connection with that one.
  virtual bool admits(participant&) { return true; }
};

/// Connections between participants, as node actors keep them: they break when a process ends or a link is silent for
/// too long, both ends are told, each in its time, and they come up again with fresh handles. On a connection two
/// kinds of messages travel:
/// - those between the roles of the paper, which expect no more than fair links: they may be lost, delayed, doubled
///   and overtake each other;
/// - those of clients (requests, queries, responses), which come in order and without a loss as long as the connection
///   stands.
/// The roles of one process see each other through a link as well; there nothing is lost and nothing waits.
class network {
public:
  /// How one direction between two participants behaves.
  struct link {
    duration latency{0};
    duration jitter{0};
    uint32_t drop_per_million = 0;
    uint32_t duplicate_per_million = 0;
    uint32_t reorder_per_million = 0;
    duration reorder_by{0};
    duration extra{0};
    uint64_t bytes_per_second = 0; // 0: any number
    // the rest is the network's own
    unsigned cuts = 0;
    bool holds = false; // what is sent while it is cut comes later, if the connection lasts so long
    uint64_t cut_number = 0;
    duration last_arrival{0};
    duration busy_until{0}; // with bytes that are on their way
    std::vector<std::function<void()>> held;
  };

  network(timeline& in, trace& told, uint64_t seed, std::vector<participant*> all, size_t nodes);
  ~network();

  link& between(uint32_t from, uint32_t to) { return links_[from * all_.size() + to]; }

  /// A participant's process began.
  void begin(uint32_t index);
  /// It ended. `silently`: its host with it, so that nobody is told.
  void end(uint32_t index, bool silently);
  /// Nothing passes in this direction; counts, `mend` as often.
  void cut(uint32_t from, uint32_t to, bool holds);
  void mend(uint32_t from, uint32_t to);
  /// The connection breaks; it comes up again.
  void reset(uint32_t a, uint32_t b);

  uint64_t messages() const { return messages_; }
  uint64_t lost() const { return lost_; }

  /// Brings bytes of a connection of its own to the other end, in order; what is sent while the link is cut comes when it is
  /// mended.
  void carry_bytes(uint32_t from, uint32_t to, std::function<void()> arrive);

  /// Called with every message of a role when it is sent, and when it has arrived.
  std::function<void(uint32_t from, const caf::message&)> on_send;
  std::function<void(uint32_t to, const caf::message&)> on_arrival;

private:
  friend class stand_in;

  struct connection {
    uint32_t ends[2] = {0, 0};
    uint64_t number = 0; // of the present or last one
    bool up[2] = {false, false};
    bool trying = false;
    std::vector<caf::strong_actor_ptr> seen[2]; // by each end: the other's roles, in their order
    std::vector<std::string> told[2];           // to each end, of the other's roles that they are reached
  };

  connection& of(uint32_t a, uint32_t b);
  void try_later(connection& x, duration pause);
  void establish(connection& x);
  void show_roles(connection& x, int side);
  void lose(connection& x, int side, duration after);
  void lose_now(connection& x, int side);
  void pass(connection& x, size_t role, size_t sender, const caf::message& what);
  void carry(connection& x, uint64_t number, int from, size_t role, caf::mailbox_element_ptr what);
  void send(connection& x, uint64_t number, int from, size_t role, size_t sender, const caf::message& content);
  void arrive(connection& x, uint64_t number, int to, size_t role, size_t sender, const caf::message& what);

  timeline& timeline_;
  trace& trace_;
  random_stream random_;
  std::vector<participant*> all_;
  size_t nodes_;
  std::vector<link> links_;
  std::vector<connection> connections_; // of each pair, i < j
  std::vector<connection> own_;         // of each participant with itself: nothing happens to what is sent there
  uint64_t messages_ = 0;
  uint64_t lost_ = 0;
};

} // namespace synod::simulation
