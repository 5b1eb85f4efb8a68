// Where the time of a write went.
#pragma once

#include "latencies.hpp"

#include "synod/messages/ballot.hpp"
#include "synod/messages/client.capnp.h"
#include "synod/messages/message.hpp"

#include <caf/all.hpp>

#include <chrono>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace synod::bench {

/// Follows writes through the roles of one process by the messages that they get: a stage is from one of these to the next. Times
/// are taken when a message comes into a mailbox; of a message from another node its way is part of the stage.
///
/// May be told things by any thread. Bound: `most_slots` slots, and requests as many; of further ones nothing is known.
class stages {
public:
  using clock = std::chrono::steady_clock;

  /// In the order of a command's way, in microseconds: of each command, or of each slot.
  struct stage {
    std::string name;
    latencies times{};
  };

  /// `asks`: "client" or "gateway". `accepts`: so many p2b's decide a slot. `here`: the node that is asked.
  stages(const std::string& asks, std::vector<node_id> nodes, size_t accepts, node_id here);

  /// From now on it counts.
  void begin();
  void end();

  // What a role has got. Actors are named by their ids.
  void to_client(caf::actor_id client, const caf::message& what);
  void to_replica(node_id node, const caf::message& what, caf::actor_id from);
  void to_leader(const caf::message& what);
  void to_acceptor(node_id node, const caf::message& what);
  /// That client has answered so many commands that were decided.
  void answered(caf::actor_id client, size_t count);

  // A gateway is one client for many, and what it sends is not looked into: a write counts from the first bytes of its turn.
  void to_gateway(const caf::message& what);
  void to_gateways_sockets();
  void gateways_turn_ends();
  void gateway_answers();

  /// Those that have happened.
  std::vector<stage> found() const;

private:
  static constexpr size_t most_slots = 100'000;

  struct request {
    clock::time_point at_replica;
    uint64_t next_cid; // that is not answered
    uint64_t end_cid;
    slot_number slot = 0; // 0: not proposed yet
  };
  struct slot {
    clock::time_point at_leader;
    std::map<node_id, clock::time_point> at_acceptor;
    std::set<node_id> votes{};
    clock::time_point chosen;
    clock::time_point at_replica;
  };

  enum : size_t { way_in, batch_wait, propose, durable };
  size_t decide() const { return durable + nodes_.size(); }
  size_t apply() const { return decide() + 1; }
  size_t reply() const { return decide() + 2; }

  void note_answers(const message<schema::Responses>& told, clock::time_point now);
  void note(size_t which, clock::time_point from, clock::time_point to, uint64_t times = 1);

  std::vector<node_id> nodes_;
  size_t accepts_;
  node_id here_;
  mutable std::mutex mutex_;
  bool counts_ = false;
  std::vector<stage> stages_;
  std::map<std::pair<uint64_t, uint64_t>, request> requests_; // by session and first cid
  std::map<slot_number, slot> slots_;
  std::map<caf::actor_id, std::deque<clock::time_point>> asked_; // when a client was, and has not asked a replica yet
  std::map<caf::actor_id, clock::time_point> responses_;         // when a client got the last ones
  clock::time_point turn_{};                                     // of the gateway: when it had something from its sockets
  clock::time_point gateways_responses_{};                       // if nothing else came since
};

/// A role that tells what it gets: `Tell` is called with the stages, the message, and the ids of the role and the sender.
template <class Role, class Tell>
class told_of : public Role {
public:
  template <class... Ts>
  told_of(caf::actor_config& config, stages& of, Tell tell, Ts&&... xs)
    : Role{config, std::forward<Ts>(xs)...}, of_{of}, tell_{std::move(tell)} {}

  using Role::enqueue;
  void enqueue(caf::mailbox_element_ptr what, caf::execution_unit* on) override {
    auto content = what->move_content_to_message();
    tell_(of_, content, this->id(), what->sender ? what->sender->id() : 0);
    Role::enqueue(caf::make_mailbox_element(what->sender, what->mid, std::move(what->stages), std::move(content)), on);
  }

private:
  stages& of_;
  Tell tell_;
};

} // namespace synod::bench
