// How a replica that is behind catches up.
#include "synod/actors/replica/replica.hpp"

#include <algorithm>

namespace synod {

namespace {

constexpr std::chrono::milliseconds first_learn_pause{100};
constexpr std::chrono::milliseconds last_learn_pause{1000};

} // namespace

/// Everything below is decided, or a read waits for it.
slot_number replica::target() const {
  auto result = std::max(decided_below_, seen_);
  if (!decisions_.empty())
    result = std::max(result, decisions_.rbegin()->first + 1);
  if (!indexed_reads_.empty())
    result = std::max(result, indexed_reads_.back().first + 1);
  return result;
}

/// Asks when no decision came since the last look; again with growing pauses, so that what is stalled or cut off is not flooded.
void replica::learn_if_behind() {
  auto now = clock().now();
  if (slot_out_ != learn_progress_) {
    learn_progress_ = slot_out_;
    learn_pause_ = {};
  } else if ((!informed_ || slot_out_ < target()) && now - learned_at_ >= learn_pause_) {
    learn_pause_ = std::clamp(2 * learn_pause_, first_learn_pause, last_learn_pause);
    if (++learn_attempts_ > acceptors_.size())
      ask_leader();
    ++learn_source_;
    learner_.forget();
    learn();
  }
}

/// Neither acceptors nor decisions helped: the leader decides again what cannot be learned.
void replica::ask_leader() {
  auto leader = leader_to_ask();
  if (!leader)
    return;
  builder<schema::DecideAgain> asked;
  asked->setFirstSlot(slot_out_);
  asked->setEndSlot(target());
  send(leader, asked.finish());
}

void replica::learn() {
  if (!reaches_quorum())
    return;
  learner_.begin(slot_out_);
  learn_progress_ = slot_out_;
  learned_at_ = clock().now();
  // Values from the acceptor beside it; from another one when that did not help, and then from that one on and on.
  auto source = std::find_if(acceptors_.begin(), acceptors_.end(), [this](auto& x) { return x.node == options_.node; });
  if (source == acceptors_.end())
    source = acceptors_.begin();
  for (uint32_t i = 0; i < learn_source_ % acceptors_.size(); ++i)
    if (++source == acceptors_.end())
      source = acceptors_.begin();
  for (auto& to : acceptors_) {
    auto with_values = to.node == source->node;
    if (!with_values && !learner_.needs_ballots(to.node))
      continue;
    builder<schema::Learn> ask;
    ask->setFirstSlot(slot_out_);
    ask->setWithValues(with_values);
    send(to.handle, ask.finish());
  }
}

void replica::on_learned(const message<schema::Learned>& answer) {
  informed_ = true;
  decided_below_ = std::max(decided_below_, answer->getDecidedBelow());
  for (auto& pvalue : learner_.on_learned(answer)) {
    if (pvalue->getSlot() >= slot_out_ && pvalue->getSlot() < slot_out_ + options_.slots_ahead())
      decisions_.try_emplace(pvalue->getSlot(), pvalue);
  }
  auto before = slot_out_;
  perform_decided();
  if (slot_out_ > before) {
    learn_attempts_ = 0;
    learn_pause_ = {};
    if (slot_out_ < target())
      learn();
  }
}

} // namespace synod
