// A replica among probes: three acceptors, the leader and the replica of other nodes, a client.
#pragma once

#include "fresh_state.hpp"
#include "harness.hpp"
#include "test_environment.hpp"
#include "waiting_disk.hpp"

#include "synod/actors/replica/key_value/machine.hpp"
#include "synod/actors/replica/replica.hpp"

#include <doctest/doctest.h>

namespace synod::test {

inline constexpr ballot first_ballot{1, 0, 1}, second_ballot{2, 1, 1};
/// Of the session that a slot's batch opens first.
constexpr uint64_t session_of(slot_number slot) {
  return slot * most_requests;
}
inline constexpr uint64_t session = session_of(1);

struct replica_fixture : actor_world {
  void start() {
    subject = spawn<replica>(outside, replica::memory{std::make_unique<execution>(limits.fresh_state()), {}}, limits);
    run();
    for (uint32_t i = 0; i < 3; ++i)
      caf::anon_send(subject, peer{i, "acceptor", acceptors[i].ptr()});
    caf::anon_send(subject, peer{0, "leader", leader.ptr()});
    caf::anon_send(subject, peer{1, "replica", other.ptr()});
    run();
  }

  void leads(ballot active, slot_number decided_below = 1, slot_number free_slot = 1) {
    builder<schema::Leading> leading;
    write(active, leading->initBallot());
    leading->setDecidedBelow(decided_below);
    leading->setFreeSlot(free_slot);
    leading->initClusterTime().setAtLeast(wall_clock);
    leading->getClusterTime().setAtMost(wall_clock);
    leader.send(subject, leading.finish());
    run();
  }

  void decide(slot_number slot, std::vector<message<schema::Request>> requests = {}, int64_t time = 0,
              ballot under = first_ballot) {
    leader.send(subject, decision_atom_v, pvalue_of(under, slot, std::move(requests), time), uint64_t{0});
    run();
  }

  void decide(const message<schema::Pvalue>& pvalue) {
    leader.send(subject, decision_atom_v, pvalue, uint64_t{0});
    run();
  }

  /// Slot 1 opens the session of `client`.
  void open(bool keep_results = false) { decide(1, {open_request(77, keep_results)}); }

  void ask(uint64_t first_cid, std::vector<std::vector<std::string>> commands) {
    client.send(subject, request_of(session, first_cid, std::move(commands)));
    run();
  }

  message<schema::Responses> response() { return std::get<0>(client->take<message<schema::Responses>>()); }

  uint64_t opened() { return std::get<0>(client->take<message<schema::Opened>>())->getSession(); }
  message<schema::Answers> answers() { return std::get<0>(client->take<message<schema::Answers>>()); }

  bool has_proposal() { return leader->has<propose_atom, message<schema::Pvalue>, uint64_t>(); }
  message<schema::Pvalue> proposal() { return std::get<1>(leader->take<propose_atom, message<schema::Pvalue>, uint64_t>()); }

  int64_t number(const char* name) {
    probe asker{*this};
    asker.send(subject, status_atom_v);
    run();
    auto [status] = asker->take<message<schema::RoleStatus>>();
    for (auto entry : status->getEntries())
      if (std::string{entry.getName().cStr()} == name)
        return entry.getNumber();
    return -1;
  }

  void query(std::vector<std::string> command, uint64_t which = 1) {
    client.send(subject, query_of(which, {std::move(command)}));
    run();
  }

  /// Answers the read round that was asked of an acceptor.
  void tell_highest(uint32_t acceptor, slot_number slot) {
    auto [asked] = acceptors[acceptor]->take<message<schema::AskHighest>>();
    builder<schema::Highest> answer;
    answer->setAcceptor(acceptor);
    answer->setRound(asked->getRound());
    answer->setSlot(slot);
    acceptors[acceptor].send(subject, answer.finish());
    run();
  }

  void tell_learned(uint32_t acceptor, slot_number first, const std::vector<message<schema::Pvalue>>& accepted, bool with_values,
                    slot_number decided_below) {
    acceptors[acceptor].send(subject, learned(acceptor, first, accepted, with_values, decided_below));
    run();
  }

  waiting_disk disk;
  std::shared_ptr<test_environment> outside = std::make_shared<test_environment>(system, &disk.files());
  replica::options limits{
    {.window = 256, .batch_limit_bytes = 1 << 20, .batch_limit_requests = 4096, .waiting_limit_bytes = 64 << 20},
    0,
    16 << 20,
    {"/data/replica", {"test", "key-value"}, 64 << 20},
    64 << 20,
    256 << 10,
    [this] { return fresh(session_lifetime_ms); }};
  int64_t& wall_clock = outside->wall_clock_ms;
  int64_t session_lifetime_ms = 3'600'000;
  probe acceptors[3] = {probe{*this}, probe{*this}, probe{*this}};
  probe leader{*this}, other{*this}, client{*this};
  replica_actor subject;
};

template <class Message>
std::string bulk(const Message& x, unsigned i = 0) {
  return std::string{view(x->getReplies()[i].getBulk())};
}

} // namespace synod::test
