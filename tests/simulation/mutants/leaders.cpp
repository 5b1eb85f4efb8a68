// Wrong leaders, scouts and commanders.
#include "simulation/mutants.hpp"
#include "simulation/rewriting.hpp"

#include "synod/actors/leader/leader_role.hpp"
#include "synod/messages/batch.hpp"

#include <limits>
#include <map>

namespace synod::test {

namespace {

// -- other values -------------------------------------------------------------

/// The leader, told something else than its context says.
template <class Change>
std::function<role_definition()> with_options(Change change) {
  return [change] {
    auto role = leader_role();
    role.spawn = [change](const role_context& context) -> caf::expected<caf::actor> {
      auto options = leader_options(context);
      change(options);
      return caf::actor_cast<caf::actor>(context.environment->system().spawn<leader>(context.environment, options));
    };
    return role;
  };
}

void need_fewer(leader::options& x, size_t fewer_promises, size_t fewer_accepts) {
  auto& members = x.members.latest();
  x.members = configurations{members.with_quorums(members.quorum(phase::promise).needed() - fewer_promises,
                                                  members.quorum(phase::accept).needed() - fewer_accepts)};
}

// -- other messages -----------------------------------------------------------

template <class Filter>
role_definition with_filter() {
  auto role = leader_role();
  role.spawn = [](const role_context& context) -> caf::expected<caf::actor> {
    return caf::actor_cast<caf::actor>(
      context.environment->system().spawn<rewriting<leader, Filter>>(context.environment, leader_options(context)));
  };
  return role;
}

/// A copy of a p1b with something changed.
template <class Change>
caf::message altered(const message<schema::P1b>& answer, Change change) {
  builder<schema::P1b> other{answer.size_bytes() + 64};
  other->setAcceptor(answer->getAcceptor());
  other->setBallot(answer->getBallot());
  other->setScout(answer->getScout());
  other->setFirstSlot(answer->getFirstSlot());
  other->setNextSlot(answer->getNextSlot());
  other->setDecidedBelow(answer->getDecidedBelow());
  other->setPvalues(answer->getPvalues());
  other->setWallClock(answer->getWallClock());
  change(*other);
  return caf::make_message(other.finish());
}

/// Changes what the leader's scouts are told.
template <class Change>
struct of_p1b {
  std::optional<caf::message> operator()(leader& self, const caf::message& content, const caf::strong_actor_ptr&) {
    auto* answer = part<message<schema::P1b>>(content);
    return answer ? altered(*answer, [&](auto& x) { Change{}(self, x); }) : content;
  }
};

struct without_pvalues {
  void operator()(leader&, schema::P1b::Builder x) { x.initPvalues(0); }
};

/// Ballots upside down, so that pmax finds the lowest.
struct with_inverted_ballots {
  void operator()(leader&, schema::P1b::Builder x) {
    for (unsigned i = 0; i < x.getPvalues().size(); ++i) {
      borrowed<schema::Pvalue> told{words_of(x.getPvalues()[i].asReader())};
      auto under = ballot_of(told->getBallot());
      builder<schema::Pvalue> inverted{told->totalSize().wordCount * sizeof(capnp::word) + 64};
      write({std::numeric_limits<uint64_t>::max() - under.round, std::numeric_limits<node_id>::max() - under.leader,
             std::numeric_limits<uint32_t>::max() - under.incarnation},
            inverted->initBallot());
      inverted->setSlot(told->getSlot());
      inverted->setDecidedBelow(told->getDecidedBelow());
      inverted->setValue(told->getValue());
      x.getPvalues().set(i, inverted.finish().as_data());
    }
  }
};

/// Of proposals: all bear the time of the first.
struct as_if_time_stood_still {
  std::optional<caf::message> operator()(leader&, const caf::message& content, const caf::strong_actor_ptr&) {
    auto* proposed = part<message<schema::Pvalue>>(content, 1);
    if (!proposed || !content.match_element<propose_atom>(0))
      return content;
    if (first_ == 0)
      first_ = (*proposed)->getValue().getTime();
    builder<schema::Pvalue> late;
    late->setBallot((*proposed)->getBallot());
    late->setSlot((*proposed)->getSlot());
    late->setDecidedBelow((*proposed)->getDecidedBelow());
    late->setValue((*proposed)->getValue());
    late->getValue().setTime(first_);
    return caf::make_message(propose_atom_v, late.finish(), content.get_as<uint64_t>(2));
  }

  int64_t first_ = 0;
};

struct as_last_piece {
  void operator()(leader&, schema::P1b::Builder x) { x.setNextSlot(0); }
};

/// An acceptor leaves out what it knows to be decided.
struct as_if_nothing_were_decided {
  void operator()(leader&, schema::P1b::Builder x) { x.setDecidedBelow(1); }
};

struct as_if_one_more_were_decided {
  void operator()(leader&, schema::P1b::Builder x) { x.setDecidedBelow(x.getDecidedBelow() + 1); }
};

/// An acceptor that promised more answers with that ballot.
struct as_promise {
  void operator()(leader& self, schema::P1b::Builder x) {
    if (ballot_of(x.getBallot()) > self.own_ballot())
      write(self.own_ballot(), x.initBallot());
  }
};

/// Does not hear of ballots that replicas saw: a leader that was preempted behind its back goes on.
struct deaf_to_higher_ballots {
  std::optional<caf::message> operator()(leader& self, const caf::message& content, const caf::strong_actor_ptr&) {
    auto higher = part<message<schema::HigherBallot>>(content) || (self.leads() && part<message<schema::Ping>>(content));
    return higher ? std::nullopt : std::optional{content};
  }
};

/// Sends acceptors what else is proposed for a slot, as a second commander would.
class with_two_commanders {
public:
  std::optional<caf::message> operator()(leader& self, const caf::message& content, const caf::strong_actor_ptr&) {
    if (auto* x = part<peer>(content); x && x->role == "acceptor")
      acceptors_[x->node] = x->handle;
    auto* proposal = part<message<schema::Pvalue>>(content, 1);
    if (!proposal || !content.match_element<propose_atom>(0) || !self.leads())
      return content;
    if (std::exchange(ballot_, self.own_ballot()) != self.own_ballot())
      proposals_.clear();
    auto& first = proposals_.try_emplace((*proposal)->getSlot(), *proposal).first->second;
    if (!same_value(first->getValue(), (*proposal)->getValue()))
      send_p2a(self, *proposal);
    return content;
  }

private:
  void send_p2a(leader& self, const message<schema::Pvalue>& proposal) {
    builder<schema::Pvalue> second{proposal.size_bytes() + 64};
    write(ballot_, second->initBallot());
    second->setSlot(proposal->getSlot());
    second->setDecidedBelow(proposal->getDecidedBelow());
    second->setValue(proposal->getValue());
    auto pvalue = second.finish();
    for (auto& [node, handle] : acceptors_)
      caf::send_as(leader_actor{&self}, caf::actor_cast<acceptor_actor>(handle), p2a_atom_v, pvalue, uint64_t{0});
  }

  std::map<node_id, caf::strong_actor_ptr> acceptors_;
  ballot ballot_;
  pvalue_map proposals_; // the first ones that came under this ballot
};

/// Lets a leader be told of other configurations than were decided.
template <class Alter>
struct of_performed {
  std::optional<caf::message> operator()(leader&, const caf::message& content, const caf::strong_actor_ptr&) {
    auto* told = part<message<schema::Performed>>(content);
    auto members = told ? configurations_of((*told)->getConfigurations()) : configurations{};
    if (members.empty() || members.latest().number() == 0)
      return content;
    builder<schema::Performed> wrong{4096};
    wrong->setNode((*told)->getNode());
    wrong->setBelow((*told)->getBelow());
    write(Alter{}(members), wrong->initConfigurations());
    return caf::make_message(wrong.finish());
  }
};

struct as_if_the_latest_ruled_all {
  configurations operator()(const configurations& members) { return configurations{members.latest()}; }
};

struct with_the_acceptors_before {
  configurations operator()(const configurations& members) {
    auto& before = members.ruling(members.latest_from() - 1);
    configurations wrong{before};
    wrong.add({members.latest().number(), before.nodes()}, members.latest_from());
    return wrong;
  }
};

} // namespace

std::vector<mutant> wrong_leaders() {
  return {
    {"commander-minority", "a commander decides with one vote too few", with_options([](auto& x) { need_fewer(x, 0, 1); })},
    {"scout-minority", "a scout is content with one promise too few", with_options([](auto& x) { need_fewer(x, 1, 0); })},
    {"ignores-adopted", "a leader ignores the pvalues it adopted", with_filter<of_p1b<without_pvalues>>},
    {"lowest-pvalue", "a scout takes the lowest ballot's pvalue", with_filter<of_p1b<with_inverted_ballots>>},
    {"time-stands-still", "a leader gives every batch the time of its first one", with_filter<as_if_time_stood_still>},
    {"patient", "a leader takes over only after 40 s of silence",
     with_options([](auto& x) { x.leading.smallest_timeout = x.leading.largest_timeout = std::chrono::seconds{40}; })},
    {"deaf-leader", "an active leader hears of no higher ballot while it is idle", with_filter<deaf_to_higher_ballots>},
    {"first-piece", "a scout takes the first piece of a p1b for all of it", with_filter<of_p1b<as_last_piece>>},
    {"counts-refusals", "a scout takes an acceptor's higher ballot for a promise", with_filter<of_p1b<as_promise>>},
    {"fills-decided-slots", "a leader fills slots with no-ops that acceptors left out as decided",
     with_filter<of_p1b<as_if_nothing_were_decided>>},
    {"skips-a-slot", "a leader takes the first undecided slot for decided", with_filter<of_p1b<as_if_one_more_were_decided>>},
    {"reuses-ballot", "a leader uses a ballot again after a restart", with_options([](auto& x) { x.incarnation = 1; })},
    {"asks-new-acceptors", "a leader asks a new configuration's acceptors about slots that it does not rule",
     with_filter<of_performed<as_if_the_latest_ruled_all>>},
    {"counts-old-votes", "a leader counts the votes of a configuration for the next one's slots",
     with_filter<of_performed<with_the_acceptors_before>>},
    {"lease-kept-beyond-its-bound", "a leader holds its lease for four times as long as acceptors grant it",
     with_options([](auto& x) { x.leasing.length *= 4; })},
    {"two-commanders", "a leader has two commanders for one ballot and slot", with_filter<with_two_commanders>},
  };
}

} // namespace synod::test
