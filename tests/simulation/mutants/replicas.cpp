// Wrong replicas.
#include "simulation/mutants.hpp"

#include "synod/actors/replica/commands.hpp"
#include "synod/actors/replica/replica_role.hpp"

namespace synod::test {

namespace {

template <class Replica>
role_definition replica_variant() {
  auto role = replica_role();
  role.spawn = [](const role_context& context) -> caf::expected<caf::actor> {
    return caf::actor_cast<caf::actor>(
      context.world->system().spawn<Replica>(context.world->make_state_machine(), replica_options(context)));
  };
  return role;
}

struct applies_across_a_hole : replica {
  using replica::replica;
  void perform_decided() override {
    if (!decisions_.empty() && decisions_.begin()->first > slot_out_)
      slot_out_ = decisions_.begin()->first;
    replica::perform_decided();
  }
};

/// Performs single commands at a turn that is not theirs.
template <session_table::turn Wrong>
struct performs_out_of_turn : replica {
  using replica::replica;
  void perform_commands(schema::Commands::Reader x) override {
    auto cid = x.getFirstCid();
    for (auto operation : x.getOperations())
      if (sessions_.turn_of(x.getSession(), cid++) == Wrong && operation.isArguments())
        machine_->apply(arguments_of(operation.getArguments()), reply{});
    replica::perform_commands(x);
  }
};

/// As if the table of sessions were not part of the state that a restarted replica comes to.
class forgets_its_sessions : public replica {
public:
  forgets_its_sessions(caf::actor_config& config, std::unique_ptr<state_machine> machine, options opts, bool restarted)
    : replica{config, std::move(machine), std::move(opts)}, forgets_{restarted} {}

  void on_decision(const message<schema::Pvalue>& pvalue) override {
    if (slot_out_ == pvalue->getSlot() && std::exchange(forgets_, false))
      sessions_ = session_table{options_.session_lifetime.count()};
    replica::on_decision(pvalue);
  }

private:
  bool forgets_;
};

role_definition forgets_its_sessions_on_restart() {
  auto role = replica_role();
  role.spawn = [](const role_context& context) -> caf::expected<caf::actor> {
    return caf::actor_cast<caf::actor>(context.world->system().spawn<forgets_its_sessions>(
      context.world->make_state_machine(), replica_options(context), context.self.incarnation > 1));
  };
  return role;
}

struct reads_without_asking : replica {
  using replica::replica;
  void on_query(const query& x) override {
    if (auto client = caf::actor_cast<client_actor>(current_sender()))
      answer_query(x, client);
  }
};

struct reads_without_waiting : replica {
  using replica::replica;
  void on_highest(const message<schema::Highest>& answer) override {
    builder<schema::Highest> lower;
    lower->setAcceptor(answer->getAcceptor());
    lower->setRound(answer->getRound());
    replica::on_highest(lower.finish());
  }
};

struct counts_answers_to_earlier_rounds : replica {
  using replica::replica;
  void on_highest(const message<schema::Highest>& answer) override {
    builder<schema::Highest> present;
    present->setAcceptor(answer->getAcceptor());
    present->setRound(read_round_);
    present->setSlot(answer->getSlot());
    replica::on_highest(present.finish());
  }
};

struct learns_from_too_few : replica {
  learns_from_too_few(caf::actor_config& config, std::unique_ptr<state_machine> machine, options opts)
    : replica{config, std::move(machine), std::move(opts)} {
    auto& members = options_.members.ruling(1);
    auto needed = members.quorum(phase::accept).needed() - 1;
    learner_ = learner{configurations{configuration{members.replicas(), members.leaders(), members.acceptors(), needed, needed}}};
  }
};

struct expires_by_the_local_clock : replica {
  using replica::replica;
  void perform(const message<schema::Pvalue>& decided) override {
    log_time_ = std::max(log_time_, options_.wall_clock());
    replica::perform(decided);
  }
};

} // namespace

std::vector<mutant> wrong_replicas() {
  return {
    {"applies-across-hole", "a replica applies what lies behind a hole", replica_variant<applies_across_a_hole>},
    {"performs-twice", "a replica does not filter duplicates",
     replica_variant<performs_out_of_turn<session_table::turn::performed>>},
    {"performs-too-early", "a replica performs a command before its session's turn",
     replica_variant<performs_out_of_turn<session_table::turn::too_early>>},
    {"forgets-sessions", "a replica forgets its sessions on restart", forgets_its_sessions_on_restart},
    {"reads-alone", "a replica answers reads without asking acceptors", replica_variant<reads_without_asking>},
    {"reads-at-once", "a replica answers reads without waiting for the highest slot", replica_variant<reads_without_waiting>},
    {"reads-earlier-round", "a replica counts answers to an earlier round of reads",
     replica_variant<counts_answers_to_earlier_rounds>},
    {"learns-from-minority", "a replica learns what one acceptor too few has accepted", replica_variant<learns_from_too_few>},
    {"local-expiry", "keys expire by the replica's own clock", replica_variant<expires_by_the_local_clock>},
  };
}

} // namespace synod::test
