// Wrong replicas.
#include "simulation/mutants.hpp"
#include "simulation/rewriting.hpp"

#include "synod/actors/replica/replica_role.hpp"

namespace synod::test {

namespace {

/// A replica with an execution, or options, of its own.
template <class Replica = replica, class Execution = execution, class... Ts>
caf::expected<caf::actor> spawn_replica(const role_context& context, const replica::options& options, const Ts&... xs) {
  auto before = restored_state(context, options);
  if (!before)
    return before.error();
  return caf::actor_cast<caf::actor>(context.environment->system().spawn<Replica>(
    context.environment, replica::memory{std::make_unique<Execution>(std::move(before->state), xs...), std::move(before->found)},
    options));
}

template <class Filter>
role_definition filtered() {
  auto role = replica_role();
  role.spawn = [](const role_context& context) {
    return spawn_replica<rewriting<replica, Filter>>(context, replica_options(context));
  };
  return role;
}

template <class Execution>
role_definition execution_variant() {
  auto role = replica_role();
  role.spawn = [](const role_context& context) {
    return spawn_replica<replica, Execution>(context, replica_options(context), context);
  };
  return role;
}

/// Asks other numbers of acceptors than are needed.
template <size_t Promises, size_t Accepts>
role_definition needs_fewer() {
  auto role = replica_role();
  role.spawn = [](const role_context& context) {
    auto options = replica_options(context);
    options.fresh_state = [fresh = options.fresh_state] {
      auto state = fresh();
      if (state.members.empty())
        return state; // It joins.
      auto& right = state.members.latest();
      auto fewer = [&](phase which, size_t by) {
        auto needed = right.quorum(which).needed();
        return needed - std::min(needed, by);
      };
      state.members = configurations{right.with_quorums(fewer(phase::promise, Promises), fewer(phase::accept, Accepts))};
      return state;
    };
    return spawn_replica(context, options);
  };
  return role;
}

/// Lets a configuration rule from the slot on in which it is decided.
role_definition rules_at_once() {
  auto role = replica_role();
  role.spawn = [](const role_context& context) {
    auto options = replica_options(context);
    options.fresh_state = [fresh = options.fresh_state] {
      auto state = fresh();
      state.window = 0;
      return state;
    };
    return spawn_replica(context, options);
  };
  return role;
}

/// Lets a replica see decisions as `Alter` alters them.
template <class Alter>
struct of_decisions {
  std::optional<caf::message> operator()(replica& self, const caf::message& content, const caf::strong_actor_ptr&) {
    if (content.match_elements<decision_atom, message<schema::Pvalue>, uint64_t>())
      if (auto altered = Alter{}(self, content.get_as<message<schema::Pvalue>>(1)))
        return caf::make_message(decision_atom_v, altered, content.get_as<uint64_t>(2));
    return content;
  }
};

struct skips_the_hole {
  message<schema::Pvalue> operator()(replica& self, const message<schema::Pvalue>& decided) {
    if (decided->getSlot() > self.slot_out())
      const_cast<execution&>(self.performed()).state().slot_out = decided->getSlot();
    return {};
  }
};

struct empties_some {
  message<schema::Pvalue> operator()(replica&, const message<schema::Pvalue>& decided) {
    if (decided->getSlot() % 16 != 0)
      return {};
    builder<schema::Pvalue> nothing;
    nothing->setBallot(decided->getBallot());
    nothing->setSlot(decided->getSlot());
    nothing->initValue();
    return nothing.finish();
  }
};

/// Performs single commands at a turn that is not theirs.
template <session_table::turn Wrong>
struct performs_out_of_turn : execution {
  performs_out_of_turn(replicated_state initial, const role_context&) : execution{std::move(initial)} {}

  void perform(const message<schema::Pvalue>& decided, listener& told) override {
    std::vector<operation> wrong;
    for (auto request : decided->getValue().getRequests()) {
      if (!request.isCommands())
        continue;
      auto commands = request.getCommands();
      auto cid = commands.getFirstCid();
      for (operation_reader each{commands.getOperations()}; each.next();)
        if (sessions().turn_of(commands.getSession(), cid++) == Wrong && each->what() == operation::kind::command)
          wrong.push_back(*each);
    }
    execution::perform(decided, told);
    for (auto& each : wrong)
      state().machine->apply(each.texts(), reply{});
  }
};

/// As if the table of sessions were not part of the state that a restarted replica comes to.
class forgets_its_sessions : public execution {
public:
  forgets_its_sessions(replicated_state initial, const role_context& context)
    : execution{std::move(initial)},
      empty_{context.options.duration("session-lifetime").count()},
      forgets_{context.self.incarnation > 1} {}

  void perform(const message<schema::Pvalue>& decided, listener& told) override {
    if (sessions().size() > 0 && std::exchange(forgets_, false))
      state().sessions = empty_;
    execution::perform(decided, told);
  }

private:
  session_table empty_;
  bool forgets_;
};

/// As if sessions were not part of a snapshot.
caf::expected<caf::actor> restores_no_sessions(const role_context& context) {
  auto options = replica_options(context);
  auto before = restored_state(context, options);
  if (!before)
    return before.error();
  if (!before->found.kept.empty())
    before->state.sessions = session_table{context.options.duration("session-lifetime").count()};
  return caf::actor_cast<caf::actor>(context.environment->system().spawn<replica>(
    context.environment, replica::memory{std::make_unique<execution>(std::move(before->state)), std::move(before->found)},
    options));
}

/// As if a snapshot were of one slot more.
caf::expected<caf::actor> restores_a_slot_too_far(const role_context& context) {
  auto options = replica_options(context);
  auto before = restored_state(context, options);
  if (!before)
    return before.error();
  before->state.slot_out += !before->found.kept.empty();
  return caf::actor_cast<caf::actor>(context.environment->system().spawn<replica>(
    context.environment, replica::memory{std::make_unique<execution>(std::move(before->state)), std::move(before->found)},
    options));
}

template <auto Spawn>
role_definition replica_that() {
  auto role = replica_role();
  role.spawn = Spawn;
  return role;
}

class expires_by_the_local_clock : public execution {
public:
  expires_by_the_local_clock(replicated_state initial, const role_context& context)
    : execution{std::move(initial)}, environment_{context.environment} {}

  void perform(const message<schema::Pvalue>& decided, listener& told) override {
    state().log_time = std::max(state().log_time, environment_->wall_clock_ms());
    execution::perform(decided, told);
  }

private:
  environment_ptr environment_;
};

/// Lets a replica see what acceptors tell of the highest slot they accepted as `Alter` alters it.
template <class Alter>
struct of_highest_slots {
  std::optional<caf::message> operator()(replica& self, const caf::message& content, const caf::strong_actor_ptr&) {
    auto* told = part<message<schema::Highest>>(content);
    if (!told)
      return content;
    builder<schema::Highest> altered;
    altered->setAcceptor((*told)->getAcceptor());
    altered->setRound((*told)->getRound());
    altered->setSlot((*told)->getSlot());
    Alter{}(self, *altered);
    return caf::make_message(altered.finish());
  }
};

/// What its leader, which holds the lease, says need not be waited for.
struct has_all_that_is_leased {
  std::optional<caf::message> operator()(replica&, const caf::message& content, const caf::strong_actor_ptr&) {
    auto* told = part<message<schema::Leased>>(content);
    if (!told || (*told)->getUntil() == 0)
      return content;
    builder<schema::Leased> altered;
    altered->setUntil((*told)->getUntil());
    altered->setFreeSlot(1);
    altered->setConfiguration((*told)->getConfiguration());
    return caf::make_message(altered.finish());
  }
};

/// Is told a time that is an hour ahead, as if the wall clock of the leader's host alone counted and were wrong.
struct an_hour_ahead {
  std::optional<caf::message> operator()(replica&, const caf::message& content, const caf::strong_actor_ptr&) {
    auto* told = part<message<schema::Leading>>(content);
    if (!told || (*told)->getClusterTime().getAtLeast() == 0)
      return content;
    constexpr int64_t hour_ms = 3'600'000;
    builder<schema::Leading> altered;
    altered->setBallot((*told)->getBallot());
    altered->setDecidedBelow((*told)->getDecidedBelow());
    altered->setFreeSlot((*told)->getFreeSlot());
    altered->initClusterTime().setAtLeast((*told)->getClusterTime().getAtLeast() + hour_ms);
    altered->getClusterTime().setAtMost((*told)->getClusterTime().getAtMost() + hour_ms);
    return caf::make_message(altered.finish());
  }
};

/// What comes back from other roles is not noted: after a while nothing is sent to them.
struct without_marks {
  std::optional<caf::message> operator()(replica& self, const caf::message& content, const caf::strong_actor_ptr&) {
    return part<message<schema::Received>>(content) && self.slot_out() > 100 ? std::nullopt : std::optional{content};
  }
};

/// Does not hear that requests were forwarded to it.
struct forwards_in_vain {
  std::optional<caf::message> operator()(replica&, const caf::message& content, const caf::strong_actor_ptr&) {
    return content.match_element<forward_atom>(0) ? std::nullopt : std::optional{content};
  }
};

/// A session that is opened leaves the one that it replaces as it is.
struct replaces_no_session {
  std::optional<caf::message> operator()(replica&, const caf::message& content, const caf::strong_actor_ptr&) {
    auto* asked = part<message<schema::Request>>(content);
    if (!asked || !(*asked)->isOpen())
      return content;
    builder<schema::Request> altered;
    auto open = altered->initOpen();
    open.setNumber((*asked)->getOpen().getNumber());
    open.setKeepResults((*asked)->getOpen().getKeepResults());
    return caf::make_message(altered.finish());
  }
};

struct forgets_the_slot {
  void operator()(replica&, schema::Highest::Builder told) { told.setSlot(0); }
};

struct takes_any_round {
  void operator()(replica& self, schema::Highest::Builder told) { told.setRound(self.reads().round()); }
};

} // namespace

std::vector<mutant> wrong_replicas() {
  constexpr size_t all = SIZE_MAX;
  return {
    {"applies-across-hole", "a replica applies what lies behind a hole", filtered<of_decisions<skips_the_hole>>},
    {"performs-another", "a replica performs another value than the decided one", filtered<of_decisions<empties_some>>},
    {"performs-twice", "a replica does not filter duplicates",
     execution_variant<performs_out_of_turn<session_table::turn::performed>>},
    {"performs-too-early", "a replica performs a command before its session's turn",
     execution_variant<performs_out_of_turn<session_table::turn::too_early>>},
    {"forgets-sessions", "a replica forgets its sessions on restart", execution_variant<forgets_its_sessions>},
    {"replaces-no-session", "a replica lets a session go on that another one has replaced", filtered<replaces_no_session>},
    {"snapshot-without-sessions", "a snapshot has no sessions", replica_that<restores_no_sessions>},
    {"snapshot-of-another-slot", "a replica goes on one slot behind what its snapshot holds",
     replica_that<restores_a_slot_too_far>},
    {"rules-at-once", "a configuration rules from the slot on in which it is decided", rules_at_once},
    {"reads-alone", "a replica answers reads without asking acceptors", needs_fewer<all, 0>},
    {"reads-at-once", "a replica answers reads without waiting for the highest slot",
     filtered<of_highest_slots<forgets_the_slot>>},
    {"leased-reads-at-once", "a replica answers reads by a lease without waiting for what its leader has proposed",
     filtered<has_all_that_is_leased>},
    {"reads-earlier-round", "a replica counts answers to an earlier round of reads", filtered<of_highest_slots<takes_any_round>>,
     "delay,duplicate,reorder"},
    {"learns-from-minority", "a replica learns what one acceptor too few has accepted", needs_fewer<0, 1>},
    {"believes-one-clock", "a replica takes the time of a clock that is an hour ahead", filtered<an_hour_ahead>},
    {"forgets-marks", "a replica does not note what arrived", filtered<without_marks>},
    {"drops-forwards", "a replica does not propose what other replicas hand on", filtered<forwards_in_vain>},
    {"local-expiry", "keys expire by the replica's own clock", execution_variant<expires_by_the_local_clock>},
  };
}

} // namespace synod::test
