// Wrong leaders, scouts and commanders.
#include "simulation/mutants.hpp"

#include "synod/actors/leader/leader_role.hpp"

namespace synod::test {

namespace {

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

} // namespace

std::vector<mutant> wrong_leaders() {
  return {
    {"commander-minority", "a commander decides with one vote too few", leader_variant<decides_with_one_vote_too_few>},
    {"scout-minority", "a scout is content with one promise too few", leader_variant<is_adopted_with_one_promise_too_few>},
    {"ignores-adopted", "a leader ignores the pvalues it adopted", leader_variant<ignores_what_it_adopted>},
    {"lowest-pvalue", "a scout takes the lowest ballot's pvalue", leader_variant<takes_the_lowest_ballots_pvalue>},
    {"first-piece", "a scout takes the first piece of a p1b for all of it", leader_variant<takes_the_first_piece_for_all>},
    {"reuses-ballot", "a leader uses a ballot again after a restart", leader_variant<reuses_its_ballot>},
    {"two-commanders", "a leader has two commanders for one ballot and slot", leader_variant<has_two_commanders_for_a_slot>},
  };
}

} // namespace synod::test
