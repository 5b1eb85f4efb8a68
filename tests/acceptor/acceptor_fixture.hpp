// An acceptor on a disk that waits when the test says so, asked by a leader and a replica.
#pragma once

#include "harness.hpp"

#include "synod/actors/acceptor/acceptor_role.hpp"
#include "synod/actors/leader/leader_role.hpp"
#include "test_environment.hpp"
#include "waiting_disk.hpp"

#include <doctest/doctest.h>

namespace synod::test {

inline constexpr ballot low{1, 0, 1}, high{2, 1, 1};

/// Outlives the actors on it.
struct disk_owner {
  waiting_disk storage;
};

struct acceptor_fixture : disk_owner, actor_world {
  acceptor_fixture() {
    describe();
    start();
  }

  void describe(std::chrono::milliseconds lease = {}) {
    auto described = std::make_shared<cluster>();
    described->name = "test";
    described->nodes.push_back({"a", 1, {}, {}, {"acceptor"}});
    described->role_options["leader"] = option_values{leader_role().options};
    described->role_options["leader"].set("lease", lease.count());
    config = described;
  }

  void start() {
    auto time = around ? around->boot_time : std::chrono::hours{1};
    around = std::make_shared<test_environment>(system, &storage.files());
    around->boot_time = time;
    identity who{config, 1, 1};
    role_context context{who, options, around};
    auto before = acceptor_memory(context);
    REQUIRE(before);
    subject = spawn<acceptor>(std::move(*before), acceptor_options(context), around);
    run();
  }

  void restart() {
    end(caf::actor_cast<caf::actor>(subject));
    storage.plug();
    start();
  }

  /// The power goes: what is not synced is gone.
  void crash_and_restart() {
    storage.platter.unplug();
    storage.platter.cut_power();
    restart();
  }

  void set(const char* option, int64_t value) {
    options.set(option, value);
    restart();
  }

  void ask(probe& from, ballot asked, slot_number first = 1, slot_number end = 0, uint64_t scout = 7) {
    builder<schema::P1a> request;
    write(asked, request->initBallot());
    request->setScout(scout);
    request->setFirstSlot(first);
    request->setEndSlot(end);
    from.send(subject, request.finish());
    run();
  }

  void learn(probe& from, slot_number first, bool with_values, uint64_t mark = 0) {
    builder<schema::Learn> ask;
    ask->setFirstSlot(first);
    ask->setWithValues(with_values);
    ask->setMark(mark);
    from.send(subject, ask.finish());
    run();
  }

  message<schema::Highest> ask_highest(uint64_t round = 3) {
    builder<schema::AskHighest> ask;
    ask->setRound(round);
    replica.send(subject, ask.finish());
    run();
    return std::get<0>(replica->take<message<schema::Highest>>());
  }

  void finish(disk::lane lane = disk::lane::durable) {
    storage.finish_one(lane);
    run();
  }

  message<schema::P1b> p1a(ballot asked, slot_number first = 1, slot_number end = 0) {
    ask(leader, asked, first, end);
    return std::get<0>(leader->take<message<schema::P1b>>());
  }

  message<schema::P2b> p2a(const message<schema::Pvalue>& pvalue, uint64_t mark = 1) {
    leader.send(subject, p2a_atom_v, pvalue, mark);
    run();
    return std::get<0>(leader->take<message<schema::P2b>>());
  }

  std::shared_ptr<const cluster> config;
  option_values options{acceptor_role().options};
  std::shared_ptr<test_environment> around;
  acceptor_actor subject;
  probe leader{*this}, replica{*this};
};

} // namespace synod::test
