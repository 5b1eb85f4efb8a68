// What role tests share: an actor system with CAF's test coordinator and a virtual clock.
#pragma once

#include "synod/messages/operations.hpp"
#include "synod/messages/roles.hpp"

#include <caf/all.hpp>
#include <caf/scheduler/test_coordinator.hpp>

#include <deque>
#include <functional>

namespace synod::test {

struct config : caf::actor_system_config {
  config() {
    add_message_types<caf::id_block::synod>();
    set("scheduler.policy", caf::atom("testing"));
  }
};

/// Actors run when the test says so; time passes when the test says so.
class actor_world {
public:
  actor_world() : scheduler_{dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler())} {}
  ~actor_world() {
    for (auto& each : alive_)
      caf::anon_send_exit(each, caf::exit_reason::user_shutdown);
    run();
  }

  /// Runs everything that can run now.
  void run() {
    while (scheduler_.has_job())
      scheduler_.run();
  }

  /// Lets time pass, running what comes due on the way.
  void pass(std::chrono::milliseconds time) {
    constexpr std::chrono::milliseconds step{5};
    for (; time.count() > 0; time -= step) {
      scheduler_.advance_time(step);
      run();
    }
  }

  /// Time passes while nothing runs, as on a machine that was suspended.
  void stand_still(std::chrono::milliseconds time) {
    scheduler_.advance_time(time);
    run();
  }

  template <class Actor, class... Args>
  auto spawn(Args&&... args) {
    auto handle = system.spawn<Actor>(std::forward<Args>(args)...);
    alive_.push_back(caf::actor_cast<caf::actor>(handle));
    return handle;
  }

  void end(const caf::actor& actor) {
    caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
    run();
  }

  config settings;
  caf::actor_system system{settings};

private:
  caf::scheduler::test_coordinator& scheduler_;
  std::vector<caf::actor> alive_;
};

/// Stands for any role: remembers the messages it gets, and who sent them.
class probe_state {
public:
  struct received {
    caf::message content;
    caf::strong_actor_ptr sender;
  };

  /// Takes out the oldest message of the given types; fails the test if there is none.
  template <class... Ts>
  std::tuple<Ts...> take() {
    for (auto i = inbox.begin(); i != inbox.end(); ++i)
      if (i->content.match_elements<Ts...>()) {
        auto found = *i;
        inbox.erase(i);
        last_sender = found.sender;
        return get<Ts...>(found.content, std::index_sequence_for<Ts...>{});
      }
    throw std::runtime_error{"the expected message did not come"};
  }

  /// True if a message of the given types waits.
  template <class... Ts>
  bool has() const {
    return count<Ts...>() > 0;
  }

  template <class... Ts>
  size_t count() const {
    return static_cast<size_t>(
      std::count_if(inbox.begin(), inbox.end(), [](auto& each) { return each.content.template match_elements<Ts...>(); }));
  }

  std::deque<received> inbox;
  caf::strong_actor_ptr last_sender;

private:
  template <class... Ts, size_t... Is>
  static std::tuple<Ts...> get(const caf::message& content, std::index_sequence<Is...>) {
    return {content.get_as<Ts>(Is)...};
  }
};

/// The actor behind a probe.
class probe_actor : public caf::event_based_actor {
public:
  probe_actor(caf::actor_config& config, std::shared_ptr<probe_state> state)
    : caf::event_based_actor{config}, state_{std::move(state)} {}

  caf::behavior make_behavior() override {
    set_default_handler([this](caf::scheduled_actor*, caf::message_view& view) -> caf::result<caf::message> {
      state_->inbox.push_back({view.move_content_to_message(), current_sender()});
      return caf::message{};
    });
    set_exit_handler([this](caf::exit_msg& x) { quit(x.reason); });
    return {[](caf::sys_atom) {}};
  }

private:
  std::shared_ptr<probe_state> state_;
};

/// An actor that puts everything into a probe_state, and can send as itself.
class probe {
public:
  explicit probe(actor_world& in) : state_{std::make_shared<probe_state>()} {
    actor_ = in.system.spawn<probe_actor>(state_);
    in.run();
  }
  ~probe() { caf::anon_send_exit(actor_, caf::exit_reason::user_shutdown); }

  template <class Handle>
  Handle as() const {
    return caf::actor_cast<Handle>(actor_);
  }
  caf::strong_actor_ptr ptr() const { return caf::actor_cast<caf::strong_actor_ptr>(actor_); }
  probe_state* operator->() { return state_.get(); }

  /// Sends to `to` as this probe.
  template <class Handle, class... Ts>
  void send(const Handle& to, Ts&&... xs) {
    caf::send_as(actor_, caf::actor_cast<caf::actor>(to), std::forward<Ts>(xs)...);
  }

private:
  std::shared_ptr<probe_state> state_;
  caf::actor actor_;
};

// -- messages -----------------------------------------------------------------

using command_list = std::vector<std::vector<std::string>>;
using watched_keys = std::vector<std::pair<std::string, uint64_t>>;

inline void write_operations(schema::Operations::Builder operations, const std::vector<std::vector<std::string>>& commands) {
  operation_writer packed;
  for (auto& each : commands)
    packed.command(each);
  packed.write(operations);
}

inline message<schema::Request> request_of(uint64_t session, uint64_t first_cid, const operation_writer& operations) {
  builder<schema::Request> built;
  auto to = built->initCommands();
  to.setSession(session);
  to.setFirstCid(first_cid);
  operations.write(to.initOperations());
  return built.finish();
}

/// The operation at `index`, which is there, and the message lasts.
inline operation operation_of(schema::Operations::Reader operations, unsigned index) {
  operation_reader reader{operations};
  for (auto i = 0u; i <= index; ++i)
    reader.next();
  return *reader;
}

inline message<schema::Request> request_of(uint64_t session, uint64_t first_cid,
                                           const std::vector<std::vector<std::string>>& commands) {
  builder<schema::Request> built;
  auto to = built->initCommands();
  to.setSession(session);
  to.setFirstCid(first_cid);
  write_operations(to.initOperations(), commands);
  return built.finish();
}

inline message<schema::Query> query_of(uint64_t number, const std::vector<std::vector<std::string>>& commands) {
  builder<schema::Query> built;
  built->setNumber(number);
  write_operations(built->initOperations(), commands);
  return built.finish();
}

inline message<schema::Request> open_request(uint64_t number, bool keep_results = false, uint64_t replaces = 0) {
  builder<schema::Request> built;
  auto open = built->initOpen();
  open.setNumber(number);
  open.setKeepResults(keep_results);
  open.setReplaces(replaces);
  return built.finish();
}

inline message<schema::Pvalue> pvalue_of(ballot under, slot_number slot, std::vector<message<schema::Request>> requests = {},
                                         int64_t time = 0, slot_number decided_below = 1) {
  builder<schema::Pvalue> built;
  write(under, built->initBallot());
  built->setSlot(slot);
  built->setDecidedBelow(decided_below);
  auto batch = built->initValue();
  batch.setTime(time);
  auto list = batch.initRequests(static_cast<unsigned>(requests.size()));
  for (unsigned i = 0; i < list.size(); ++i)
    list.setWithCaveats(i, *requests[i]);
  return built.finish();
}

/// What an acceptor answers to who learns.
inline message<schema::Learned> learned(node_id acceptor, slot_number first, const std::vector<message<schema::Pvalue>>& accepted,
                                        bool with_values, slot_number decided_below, uint64_t mark = 0) {
  builder<schema::Learned> answer;
  answer->setAcceptor(acceptor);
  answer->setFirstSlot(first);
  answer->setNextSlot(accepted.empty() ? first : accepted.back()->getSlot() + 1);
  answer->setDecidedBelow(decided_below);
  answer->setMark(mark);
  auto list = answer->initAccepted(static_cast<unsigned>(accepted.size()));
  auto values = answer->initPvalues(with_values ? list.size() : 0);
  for (unsigned i = 0; i < list.size(); ++i) {
    list[i].setSlot(accepted[i]->getSlot());
    write(ballot_of(accepted[i]->getBallot()), list[i].initBallot());
    if (with_values)
      values.set(i, accepted[i].as_data());
  }
  return answer.finish();
}

/// Nodes with every role each.
inline configuration nodes_of(std::initializer_list<node_id> ids, uint64_t number = 0) {
  std::vector<member> all;
  for (auto id : ids)
    all.push_back(
      {id, "node-" + std::to_string(id), "127.0.0.1", static_cast<uint16_t>(7301 + id), {"acceptor", "leader", "replica"}, 0});
  return {number, std::move(all)};
}

/// A cluster of nodes 0, 1, 2 with every role each.
inline configurations three_members() {
  return configurations{nodes_of({0, 1, 2})};
}

/// A value that differs from others by its time, for roles that do not look into values.
inline message<schema::Pvalue> value_of(ballot under, slot_number slot, int64_t which, slot_number decided_below = 1) {
  return pvalue_of(under, slot, {}, which, decided_below);
}

} // namespace synod::test
