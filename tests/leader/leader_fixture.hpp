// A leader between three acceptors, three replicas and another leader, all of them probes.
#pragma once

#include "harness.hpp"
#include "test_environment.hpp"

#include "synod/actors/leader/leader_role.hpp"

#include <stdexcept>

namespace synod::test {

struct leader_fixture : actor_world {
  /// As a cluster file without any options makes it, for the first of three nodes that have every role each.
  static leader::options initial(uint32_t incarnation = 1) {
    cluster file;
    file.role_options["replica"].set("window", 256);
    auto own = option_values{leader_role().options};
    identity self{std::make_shared<const cluster>(file), 0, incarnation};
    auto options = leader_options({self, own, nullptr});
    options.members = three_members();
    options.first = true;
    return options;
  }

  void start(const leader::options& options = initial()) {
    subject = spawn<leader>(outside, options);
    run();
    for (uint32_t i = 0; i < 3; ++i) {
      caf::anon_send(subject, peer{i, "acceptor", acceptors[i].ptr()});
      caf::anon_send(subject, peer{i, "replica", replicas[i].ptr()});
    }
    caf::anon_send(subject, peer{1, "leader", other.ptr()});
    run();
  }

  message<schema::P1a> asked(size_t acceptor) { return std::get<0>(acceptors[acceptor]->take<message<schema::P1a>>()); }

  void promise(uint32_t acceptor, const message<schema::P1a>& request, std::vector<message<schema::Pvalue>> accepted = {},
               slot_number decided_below = 1, std::optional<ballot> instead = {}, slot_number next_slot = 0) {
    builder<schema::P1b> answer;
    answer->setAcceptor(acceptor);
    write(instead.value_or(ballot_of(request->getBallot())), answer->initBallot());
    answer->setScout(request->getScout());
    answer->setFirstSlot(request->getFirstSlot());
    answer->setNextSlot(next_slot);
    answer->setDecidedBelow(decided_below);
    answer->setWallClock(outside->wall_clock_ms);
    auto list = answer->initPvalues(static_cast<unsigned>(accepted.size()));
    for (unsigned i = 0; i < list.size(); ++i)
      list.set(i, accepted[i].as_data());
    acceptors[acceptor % 3].send(subject, answer.finish()); // Its number in the answer counts, not its handle.
    run();
  }

  void vote(uint32_t acceptor, ballot under, std::vector<slot_number> slots, uint64_t mark = 0) {
    builder<schema::P2b> answer;
    answer->setAcceptor(acceptor);
    answer->setMark(mark);
    write(under, answer->initBallot());
    auto list = answer->initSlots(static_cast<unsigned>(slots.size()));
    for (unsigned i = 0; i < list.size(); ++i)
      list.set(i, slots[i]);
    acceptors[acceptor % 3].send(subject, answer.finish()); // Its number in the answer counts, not its handle.
    run();
  }

  void become_active(std::vector<message<schema::Pvalue>> accepted = {}, slot_number decided_below = 1) {
    pass(std::chrono::milliseconds{60});
    auto request = asked(0);
    mine = ballot_of(request->getBallot());
    promise(0, request, accepted, decided_below);
    promise(1, asked(1), {}, decided_below);
  }

  message<schema::Pvalue> p2a(size_t acceptor = 0) {
    return std::get<1>(acceptors[acceptor]->take<p2a_atom, message<schema::Pvalue>, uint64_t>());
  }

  bool has_p2a(size_t acceptor = 0) { return acceptors[acceptor]->has<p2a_atom, message<schema::Pvalue>, uint64_t>(); }

  message<schema::Pvalue> decision(size_t replica = 0) {
    return std::get<1>(replicas[replica]->take<decision_atom, message<schema::Pvalue>, uint64_t>());
  }

  bool has_decision(size_t replica = 0) { return replicas[replica]->has<decision_atom, message<schema::Pvalue>, uint64_t>(); }

  void propose(const message<schema::Pvalue>& pvalue) {
    replicas[0].send(subject, propose_atom_v, pvalue, uint64_t{0});
    run();
  }

  schema::Entry::Reader status(const std::string& name) {
    probe asker{*this};
    asker.send(subject, status_atom_v);
    run();
    latest_status = std::get<0>(asker->take<message<schema::RoleStatus>>());
    for (auto entry : latest_status->getEntries())
      if (name == entry.getName().cStr())
        return entry;
    throw std::runtime_error{"there is no such entry"};
  }

  bool active() { return std::string{status("state").getText().cStr()} == "active"; }

  void forget_messages() {
    for (auto& each : acceptors)
      each->inbox.clear();
    for (auto& each : replicas)
      each->inbox.clear();
    other->inbox.clear();
  }

  void ask_to_decide_again(slot_number first, slot_number end) {
    builder<schema::DecideAgain> asked;
    asked->setFirstSlot(first);
    asked->setEndSlot(end);
    replicas[0].send(subject, asked.finish());
    run();
  }

  /// From the leader of node 1.
  void ping(ballot told, bool asks_to_lead = false) {
    builder<schema::Ping> ping;
    ping->setNode(1);
    ping->setWallClock(outside->wall_clock_ms);
    ping->setAsksToLead(asks_to_lead);
    write(told, ping->initBallot());
    other.send(subject, ping.finish());
    run();
  }

  /// From the leader of node 1, active under that ballot.
  void pong(ballot told, slot_number decided_below = 1, slot_number performed_below = 0) {
    builder<schema::Pong> pong;
    pong->setNode(1);
    write(told, pong->initBallot());
    pong->setActive(true);
    pong->setWallClock(outside->wall_clock_ms);
    pong->setDecidedBelow(decided_below);
    pong->setPerformedBelow(performed_below);
    other.send(subject, pong.finish());
    run();
  }

  std::shared_ptr<test_environment> outside = std::make_shared<test_environment>(system);
  probe acceptors[3] = {probe{*this}, probe{*this}, probe{*this}};
  probe replicas[3] = {probe{*this}, probe{*this}, probe{*this}};
  probe other{*this};
  leader_actor subject;
  ballot mine; // that it became active under
  message<schema::RoleStatus> latest_status;
};

} // namespace synod::test
