#include "synod/actors/replica/catch_up.hpp"

#include <algorithm>

namespace synod {

namespace {

constexpr std::chrono::milliseconds first_pause{100};
constexpr std::chrono::milliseconds last_pause{1000};
constexpr uint32_t most_in_vain = 8; // attempts
constexpr slot_number many = 256;    // to lack, whatever WINDOW is

} // namespace

catch_up::catch_up(configurations members, uint64_t window, node_id here)
  : members_{std::move(members)},
    here_{here},
    learner_{members_, window},
    in_flight_{std::min(window, many)},
    again_{first_pause, last_pause} {}

void catch_up::reconfigure(const configurations& members) {
  members_ = members;
  learner_.reconfigure(members);
}

slot_number catch_up::target(const pvalue_map& decisions, slot_number waited_for) const {
  auto behind = decisions.empty() ? 0 : decisions.rbegin()->first + 1;
  return std::max({decided_below_, seen_below_, behind, waited_for});
}

/// A quorum of the first phase knows of every slot that is decided.
bool catch_up::is_enough(const node_set& reached, slot_number slot_out) const {
  return !reached.empty() && members_.promised(slot_out, slot_out + 1, reached);
}

catch_up::questions catch_up::look(slot_number slot_out, slot_number target, const node_set& reached, time_point now) {
  if (slot_out != slot_out_) { // Decisions come.
    slot_out_ = slot_out;
    in_vain_ = stranded_ = 0;
    again_ = backoff{first_pause, last_pause};
    return go_on_with_leader(slot_out, target);
  }
  if ((informed_ && slot_out >= target) || !again_.due(now))
    return {};
  again_.tried(now);
  stranded_ = is_enough(reached, slot_out) ? 0 : stranded_ + 1;
  if (in_vain_ >= most_in_vain) // Who accepted it may have left, and nobody knows any more who was to be asked.
    stranded_ = most_stranded;
  ++source_;
  learner_.forget();
  auto asked = ask(slot_out, reached);
  asked.leader = asked_leader_ = ++in_vain_ > reached.size();
  leader_asked_below_ = slot_out + in_flight_;
  return asked;
}

catch_up::questions catch_up::go_on_with_leader(slot_number slot_out, slot_number target) {
  asked_leader_ &= slot_out + in_flight_ < target;
  leader_asked_below_ = slot_out + in_flight_;
  return {asked_leader_, {}};
}

catch_up::questions catch_up::on_acceptor(node_id acceptor, slot_number slot_out, const node_set& reached) {
  marks_.erase(acceptor);
  return informed_ ? questions{} : ask(slot_out, reached);
}

catch_up::questions catch_up::ask(slot_number slot_out, const node_set& reached) {
  if (!is_enough(reached, slot_out))
    return {};
  learner_.begin(slot_out);
  slot_out_ = slot_out;
  // Values from the acceptor beside it; from another one when that did not help, and then from that one on and on.
  std::vector<node_id> order{reached.begin(), reached.end()};
  auto beside = std::find(order.begin(), order.end(), here_);
  auto first = beside == order.end() ? 0u : static_cast<uint32_t>(beside - order.begin());
  auto source = order[(first + source_) % order.size()];
  questions asked;
  for (auto each : order)
    if (each == source || learner_.needs_ballots(each))
      asked.acceptors.push_back({each, each == source, marks_[each]});
  return asked;
}

std::vector<message<schema::Pvalue>> catch_up::on_learned(const message<schema::Learned>& answer) {
  informed_ = true;
  told_decided_below(std::max(answer->getDecidedBelow(), answer->getFirstKept()));
  first_kept_ = std::max(first_kept_, answer->getFirstKept());
  auto& mark = marks_[answer->getAcceptor()];
  mark = std::max(mark, answer->getMark());
  learner_.on_learned(answer);
  auto chosen = learner_.chosen();
  asked_leader_ &= chosen.empty() || chosen.front()->getSlot() > slot_out_;
  return chosen;
}

std::vector<message<schema::Pvalue>> catch_up::next_chosen(slot_number slot_out) {
  learner_.begin(slot_out);
  return learner_.chosen();
}

catch_up::questions catch_up::on_progress(slot_number slot_out, slot_number target, const node_set& reached, time_point now) {
  in_vain_ = 0;
  again_.reset();
  if (slot_out >= target)
    return {};
  again_.tried(now);
  return ask(slot_out, reached);
}

/// Where leaders came and went quickly, acceptors have accepted the decided value under different ballots. Otherwise a further
/// look asks again.
catch_up::questions catch_up::on_no_progress(slot_number slot_out, slot_number target, const node_set& reached) {
  if (slot_out >= target || in_vain_at_ == slot_out || !is_enough(reached, slot_out) || !learner_.is_in_vain(reached))
    return {};
  in_vain_at_ = slot_out;
  asked_leader_ = true;
  leader_asked_below_ = slot_out + in_flight_;
  return {true, {}};
}

} // namespace synod
