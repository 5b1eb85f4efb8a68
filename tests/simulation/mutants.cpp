#include "mutants.hpp"

#include "synod/actors/node/built_in.hpp"

#include "synod/actors/acceptor/acceptor_role.hpp"
#include "synod/actors/leader/leader_role.hpp"
#include "synod/actors/replica/commands.hpp"
#include "synod/actors/replica/replica_role.hpp"

#include <algorithm>

namespace synod::test {

namespace {

// -- acceptors ----------------------------------------------------------------

template <class Acceptor>
role_definition acceptor_variant() {
  auto role = acceptor_role();
  role.spawn = [](const role_context& context) -> caf::expected<caf::actor> {
    return caf::actor_cast<caf::actor>(context.world->system().spawn<Acceptor>(acceptor_storage(context), acceptor_options(context)));
  };
  return role;
}

struct forgets_its_ballot : acceptor {
  using acceptor::acceptor;
  void replay() override {
    acceptor::replay();
    ballot_ = {};
  }
};

/// Says that all is durable, and syncs much later.
class lazy_storage : public storage {
public:
  explicit lazy_storage(std::unique_ptr<storage> real) : real_{std::move(real)} {}

  caf::error replay(const visitor& visit) override { return real_->replay(visit); }
  caf::expected<position> append(record_kind kind, const block_ptr& content) override { return real_->append(kind, content); }
  caf::error sync() override { return ++asked_ % 20 == 0 ? real_->sync() : caf::error{}; }
  caf::expected<block_ptr> read(position where) override { return real_->read(where); }
  caf::error close() override { return real_->close(); }

private:
  std::unique_ptr<storage> real_;
  uint64_t asked_ = 0;
};

role_definition replies_before_the_sync() {
  auto role = acceptor_role();
  role.spawn = [](const role_context& context) -> caf::expected<caf::actor> {
    return caf::actor_cast<caf::actor>(
      context.world->system().spawn<acceptor>(std::make_unique<lazy_storage>(acceptor_storage(context)), acceptor_options(context)));
  };
  return role;
}

struct accepts_below_its_ballot : acceptor {
  using acceptor::acceptor;
  void on_p2a(const message<schema::Pvalue>& pvalue, uint64_t mark) override {
    auto promised = ballot_;
    ballot_ = std::min(ballot_, ballot_of(pvalue->getBallot()));
    acceptor::on_p2a(pvalue, mark);
    ballot_ = std::max(ballot_, promised);
  }
};

struct keeps_the_lower_pvalue : acceptor {
  using acceptor::acceptor;
  void accept(const message<schema::Pvalue>& pvalue, storage::position where) override {
    auto known = accepted_.find(pvalue->getSlot());
    if (known == accepted_.end() || known->second.accepted_under >= ballot_of(pvalue->getBallot()))
      acceptor::accept(pvalue, where);
  }
};

// -- leaders, scouts, commanders ----------------------------------------------

template <class Leader>
role_definition leader_variant() {
  auto role = leader_role();
  role.spawn = [](const role_context& context) -> caf::expected<caf::actor> {
    return caf::actor_cast<caf::actor>(context.world->system().spawn<Leader>(leader_options(context)));
  };
  return role;
}

audience_ptr with_one_vote_less(const audience& all) {
  auto fewer = std::make_shared<audience>(all);
  auto& members = all.members.ruling(1);
  auto needed = members.quorum(phase::accept).needed() - 1;
  fewer->members = configurations{configuration{members.replicas(), members.leaders(), members.acceptors(), needed, needed}};
  return fewer;
}

struct decides_with_one_vote_too_few : leader {
  using leader::leader;
  commander_actor spawn_commander(const message<schema::Pvalue>& pvalue) override {
    return spawn<commander>(leader_actor{this}, with_one_vote_less(*audience_), pvalue);
  }
};

struct is_adopted_with_one_promise_too_few : leader {
  using leader::leader;
  scout_actor spawn_scout(scout::task what) override {
    return spawn<scout>(leader_actor{this}, with_one_vote_less(*audience_), what);
  }
};

struct ignores_what_it_adopted : leader {
  using leader::leader;
  void on_adopted(adopted& result) override {
    result.pvalues.clear();
    leader::on_adopted(result);
  }
};

/// pmin.
struct scout_for_the_lowest : scout {
  using scout::scout;
  void gather(const message<schema::P1b>& answer) override {
    auto before = result_.pvalues;
    scout::gather(answer);
    for (auto& [slot, pvalue] : before)
      if (ballot_of(pvalue->getBallot()) < ballot_of(result_.pvalues[slot]->getBallot()))
        result_.pvalues[slot] = pvalue;
      else
        for (auto encoded : answer->getPvalues())
          if (auto told = message<schema::Pvalue>::from(words_of(encoded)); told && (*told)->getSlot() == slot)
            result_.pvalues[slot] = *told;
  }
};

struct takes_the_lowest_ballots_pvalue : leader {
  using leader::leader;
  scout_actor spawn_scout(scout::task what) override { return spawn<scout_for_the_lowest>(leader_actor{this}, audience_, what); }
};

struct scout_for_first_pieces : scout {
  using scout::scout;
  void on_p1b(const message<schema::P1b>& answer) override {
    builder<schema::P1b> last{answer.size_bytes()};
    last->setAcceptor(answer->getAcceptor());
    last->setBallot(answer->getBallot());
    last->setScout(answer->getScout());
    last->setFirstSlot(answer->getFirstSlot());
    last->setDecidedBelow(answer->getDecidedBelow());
    last->setPvalues(answer->getPvalues());
    scout::on_p1b(last.finish());
  }
};

struct takes_the_first_piece_for_all : leader {
  using leader::leader;
  scout_actor spawn_scout(scout::task what) override {
    return spawn<scout_for_first_pieces>(leader_actor{this}, audience_, what);
  }
};

/// Takes up the ballot that it finds to be its own, of an earlier start.
struct reuses_its_ballot : leader {
  using leader::leader;
  void on_preempted(ballot by) override {
    if (by.leader != options_.node || by <= ballot_ || active_)
      return leader::on_preempted(by);
    ballot_ = by;
    start_scout({++scouts_, ballot_, first_slot_, 0});
  }
};

struct has_two_commanders_for_a_slot : leader {
  using leader::leader;
  void on_propose(const message<schema::Pvalue>& proposal) override {
    auto known = proposals_.find(proposal->getSlot());
    if (!active_ || known == proposals_.end() || known->second.content() == proposal.content())
      return leader::on_propose(proposal);
    known->second = proposal;
    start_commander(proposal->getSlot());
  }
};

// -- replicas -----------------------------------------------------------------

template <class Replica>
role_definition replica_variant() {
  auto role = replica_role();
  role.spawn = [](const role_context& context) -> caf::expected<caf::actor> {
    return caf::actor_cast<caf::actor>(context.world->system().spawn<Replica>(context.world->make_state_machine(), replica_options(context)));
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
    learner_ =
      learner{configurations{configuration{members.replicas(), members.leaders(), members.acceptors(), needed, needed}}};
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

const std::vector<mutant>& mutants() {
  static const std::vector<mutant> all{
    {"forgets-ballot", "an acceptor forgets its ballot on restart", acceptor_variant<forgets_its_ballot>},
    {"replies-before-sync", "an acceptor replies before the sync", replies_before_the_sync},
    {"accepts-below-ballot", "an acceptor accepts below its ballot", acceptor_variant<accepts_below_its_ballot>},
    {"keeps-lower-pvalue", "an acceptor keeps the pvalue with the lower ballot", acceptor_variant<keeps_the_lower_pvalue>},
    {"commander-minority", "a commander decides with one vote too few", leader_variant<decides_with_one_vote_too_few>},
    {"scout-minority", "a scout is content with one promise too few", leader_variant<is_adopted_with_one_promise_too_few>},
    {"ignores-adopted", "a leader ignores the pvalues it adopted", leader_variant<ignores_what_it_adopted>},
    {"lowest-pvalue", "a scout takes the lowest ballot's pvalue", leader_variant<takes_the_lowest_ballots_pvalue>},
    {"first-piece", "a scout takes the first piece of a p1b for all of it", leader_variant<takes_the_first_piece_for_all>},
    {"reuses-ballot", "a leader uses a ballot again after a restart", leader_variant<reuses_its_ballot>},
    {"two-commanders", "a leader has two commanders for one ballot and slot", leader_variant<has_two_commanders_for_a_slot>},
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
  return all;
}

registry registry_with(const mutant& wrong) {
  auto known = built_in();
  known.add(wrong.role());
  return known;
}

} // namespace synod::test
