// How a replica that is behind catches up.
#include "synod/actors/replica/replica.hpp"

namespace synod {

/// Everything below is decided, or a read waits for it.
slot_number replica::target() const {
  auto result = std::max(decided_below_, seen_);
  if (!decisions_.empty())
    result = std::max(result, decisions_.rbegin()->first + 1);
  if (!indexed_reads_.empty())
    result = std::max(result, indexed_reads_.back().first + 1);
  return result;
}

void replica::learn() {
  auto majority = options_.acceptors / 2 + 1;
  if (acceptors_.size() < majority)
    return;
  learner_.begin(slot_out_);
  learn_progress_ = slot_out_;
  // Values from the acceptor beside it; from another one when that did not help.
  auto source = acceptors_.find(options_.node);
  if (source == acceptors_.end())
    source = acceptors_.begin();
  for (uint32_t i = 0; i < learn_attempts_ % acceptors_.size(); ++i)
    if (++source == acceptors_.end())
      source = acceptors_.begin();
  ++learn_attempts_;
  for (auto& [node, handle] : acceptors_) {
    auto with_values = node == source->first;
    if (!with_values && !learner_.needs_ballots(node))
      continue;
    builder<schema::Learn> ask;
    ask->setFirstSlot(slot_out_);
    ask->setWithValues(with_values);
    send(handle, ask.finish());
  }
}

void replica::on_learned(const message<schema::Learned>& answer) {
  informed_ = true;
  decided_below_ = std::max(decided_below_, answer->getDecidedBelow());
  for (auto& pvalue : learner_.on_learned(answer)) {
    if (pvalue->getSlot() >= slot_out_)
      decisions_.try_emplace(pvalue->getSlot(), pvalue);
  }
  auto before = slot_out_;
  perform_decided();
  if (slot_out_ > before) {
    learn_attempts_ = 0;
    if (slot_out_ < target())
      learn();
  }
}

} // namespace synod
