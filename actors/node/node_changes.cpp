// A node has the configuration changed, for synod-ctl.
#include "synod/actors/node/change.hpp"
#include "synod/actors/node/node.hpp"

#include <spdlog/spdlog.h>

namespace synod {

namespace {

constexpr std::chrono::seconds poll_limit{10}; // Who does not ask for so long has given up.
constexpr std::chrono::milliseconds propose_again{500};
constexpr std::chrono::seconds patience{5}; // A node that was just started is about to connect, or to catch up.

} // namespace

/// One at a time; who asks does so again and again.
message<schema::ChangeState> node::on_change(const message<schema::Change>& asked) {
  auto now = clock().now();
  builder<schema::ChangeState> state;
  auto busy = change_ && change_->outcome == schema::ChangeState::Outcome::WAITS && now - change_->polled < poll_limit;
  if (change_ && change_->asked->getToken() == asked->getToken()) {
    go_on(*change_);
  } else if (busy) {
    state->setOutcome(schema::ChangeState::Outcome::REFUSED);
    state->setText("another change is under way at this node: " + change_->text);
    return state.finish();
  } else {
    change_ = change_under_way{asked, now};
    go_on(*change_);
  }
  change_->polled = now;
  state->setOutcome(change_->outcome);
  state->setText(change_->text);
  return state.finish();
}

void node::go_on(change_under_way& x) {
  if (x.outcome != schema::ChangeState::Outcome::WAITS)
    return;
  if (x.asked->isMoveLeader())
    return move_leader(x);
  x.proposed ? look_at_outcome(x) : propose(x);
}

caf::actor node::role(const std::string& name) const {
  auto found = std::find_if(options_.roles.begin(), options_.roles.end(), [&](auto& x) { return x.name == name; });
  return found == options_.roles.end() ? caf::actor{} : found->handle;
}

/// Refused with the reason, or proposed when those that are new are level: they count only then.
void node::propose(change_under_way& x) {
  auto refuse = [&](std::string why) {
    x.outcome = schema::ChangeState::Outcome::REFUSED;
    x.text = std::move(why);
  };
  auto wait_or_refuse = [&](std::string why) {
    if (clock().now() - x.begun < patience)
      x.text = std::move(why);
    else
      refuse(std::move(why));
  };
  auto& members = options_.members.all();
  auto performed = performed_.find(options_.self);
  if (!role("replica"))
    return refuse("this node has no replica: ask another one (--node)");
  if (!options_.members.is_member(options_.self))
    return refuse("this node is no member: ask another one (--node)");
  if (performed == performed_.end() || performed->second < members.latest_from())
    return wait_or_refuse(fmt::format("configuration {} is under way: it rules from slot {}, and slots below {} are performed",
                                      members.latest().number(), members.latest_from(),
                                      performed == performed_.end() ? 1 : performed->second));
  auto made = change(members.latest(), *x.asked, [this](const std::string& name) -> const member* {
    for (auto& [other, link] : links_)
      if (link.other && link.guest && link.name == name && !options_.members.was_removed(other))
        return &*link.guest;
    return nullptr;
  });
  if (!made.refusal.empty())
    return made.may_come ? wait_or_refuse(made.refusal) : refuse(made.refusal);
  if (auto why = too_few(made.next, reached()); !why.empty())
    return refuse("no majority would be left: " + why);
  if (x.text = not_level(made.next); !x.text.empty())
    return;
  x.proposed = std::move(made.next);
  x.text = fmt::format("configuration {} is proposed", x.proposed->number());
  options_.log->info("configuration {} is proposed, as synod-ctl asks", x.proposed->number());
  look_at_outcome(x);
}

/// Which new replica has not got the state yet; empty: all have.
std::string node::not_level(const configuration& next) const {
  auto own = performed_.at(options_.self);
  for (auto each : next.replicas()) {
    auto found = performed_.find(each);
    auto below = found == performed_.end() ? 1 : found->second;
    auto window = static_cast<uint64_t>(config_->options_of("replica").number("window"));
    if (!options_.members.is_member(each) && (found == performed_.end() || below + window < own))
      return fmt::format("node {} gets the state: it has performed slots below {} of {}", next.find(each)->name, below, own);
  }
  return {};
}

/// What has become wrong with it since it was proposed first; empty: nothing.
std::string node::lacks(const configuration& next) const {
  auto why = too_few(next, reached());
  return why.empty() ? not_level(next) : "no majority would be left now: " + why;
}

void node::look_at_outcome(change_under_way& x) {
  auto& members = options_.members.all();
  auto number = x.proposed->number();
  if (members.latest().number() < number) {
    if (clock().now() < x.again)
      return;
    x.again = clock().now() + propose_again;
    if (auto why = lacks(*x.proposed); !why.empty()) {
      x.text = std::move(why); // It may come back; who asks may give up.
      return;
    }
    builder<schema::Request> request{4096};
    write(*x.proposed, request->initConfiguration());
    caf::anon_send(caf::actor_cast<replica_actor>(role("replica")), request.finish());
    return;
  }
  if (members.latest() != *x.proposed) {
    x.outcome = schema::ChangeState::Outcome::REFUSED;
    x.text = fmt::format("another change was decided first, as configuration {}: look at the status, and try again", number);
  } else if (auto below = performed_.at(options_.self); below < members.latest_from()) {
    x.text = fmt::format("configuration {} is decided: it rules from slot {}, and slots below {} are performed", number,
                         members.latest_from(), below);
  } else {
    x.outcome = schema::ChangeState::Outcome::DONE;
    x.text = fmt::format("configuration {} rules from slot {}", number, members.latest_from());
  }
}

/// It stands when it hears the active one; synod-ctl looks whether it is active then.
void node::move_leader(change_under_way& x) {
  auto leader = role("leader");
  x.outcome = leader ? schema::ChangeState::Outcome::DONE : schema::ChangeState::Outcome::REFUSED;
  x.text = leader ? "the leader of this node stands" : "this node has no leader";
  if (!leader)
    return;
  builder<schema::Ping> ping;
  ping->setNode(options_.self);
  ping->setAsksToLead(true);
  caf::anon_send(caf::actor_cast<leader_actor>(leader), ping.finish());
}

} // namespace synod
