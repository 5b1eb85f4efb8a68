#include "synod/actors/acceptor/durable_answers.hpp"

#include "synod/actors/role/upheld.hpp"

#include <algorithm>

namespace synod {

// -- promises -----------------------------------------------------------------

void durable_answers::raise(ballot to, record_number record) {
  upheld(to > ballot_, "A1", "the ballot is {}, and is to be {}", to_string(ballot_), to_string(to));
  ballot_ = to;
  raised_.push_back({record, to});
}

// -- votes --------------------------------------------------------------------

void durable_answers::accept(const asker& leader, ballot under, slot_number slot, uint64_t mark, record_number record) {
  auto& x = vote_for(leader, under, record);
  x.slots.push_back(slot);
  x.mark = std::max(x.mark, mark);
}

void durable_answers::accept_again(const asker& leader, ballot under, slot_number slot, uint64_t mark, record_number record) {
  if (record <= durable_)
    return accept(leader, under, slot, mark, 0);
  for (auto& each : votes_)
    if (each.record >= record && each.what.leader == leader && each.what.under == under) {
      // The vote that waits names the slot, unless the leader was reached at another handle then: it will ask once more.
      each.what.mark = std::max(each.what.mark, mark);
      return;
    }
  accept(leader, under, slot, mark, record);
}

void durable_answers::refuse(const asker& leader, ballot asked, uint64_t mark) {
  auto known = asked < durable_ballot_;
  auto& x = vote_for(leader, known ? durable_ballot_ : ballot_, known ? 0 : ballot_waits_for());
  x.mark = std::max(x.mark, mark);
}

void durable_answers::decline(const asker& leader, uint64_t mark) {
  auto& x = vote_for(leader, durable_ballot_, 0);
  x.mark = std::max(x.mark, mark);
}

/// The vote to add to: one that goes at once, or one for a write that has not begun.
durable_answers::vote& durable_answers::vote_for(const asker& leader, ballot under, record_number record) {
  for (auto i = record == 0 ? 0 : write_begins_at_; i < votes_.size(); ++i)
    if (auto& each = votes_[i]; each.what.leader == leader && each.what.under == under && (each.record == 0) == (record == 0)) {
      each.record = std::max(each.record, record);
      return each.what;
    }
  votes_due_ += record == 0;
  return votes_.emplace_back(waiting_vote{record, {leader, under, {}, 0}}).what;
}

// -- pieces -------------------------------------------------------------------

bool durable_answers::waits(const asker& from, const question& asked) const {
  return std::any_of(pieces_.begin(), pieces_.end(), [&](auto& x) { return x.what.to == from && x.what.asked == asked; });
}

bool durable_answers::hold(answer x, record_number record, std::optional<read>& begins) {
  auto earlier = std::find_if(pieces_.begin(), pieces_.end(), [&](auto& each) { return each.what.to == x.to; });
  if (earlier == pieces_.end() ? pieces_.size() >= most_pieces : earlier->read > 0)
    return false;
  std::vector<record_position> missing;
  for (auto& each : x.content.items)
    if (x.asked.with_values && !each.pvalue)
      missing.push_back(each.where);
  if (!missing.empty() && reads_.size() >= most_reads)
    return false;
  if (earlier != pieces_.end())
    pieces_.erase(earlier);
  auto& held = pieces_.emplace_back(waiting_piece{record, 0, std::move(x)});
  if (!missing.empty()) {
    held.read = next_read_++;
    reads_.push_back({held.read, std::make_shared<std::vector<block_ptr>>()});
    begins = read{held.read, std::move(missing), reads_.back().values};
  }
  return true;
}

void durable_answers::values_read(uint64_t number) {
  auto done = std::find_if(reads_.begin(), reads_.end(), [&](auto& x) { return x.number == number; });
  if (done == reads_.end())
    return;
  auto values = std::move(done->values);
  reads_.erase(done);
  for (auto& each : pieces_)
    if (each.read == number) {
      fill(each.what, *values);
      each.read = 0;
    }
}

void durable_answers::fill(answer& x, const std::vector<block_ptr>& values) {
  auto next = values.begin();
  for (auto& each : x.content.items)
    if (!each.pvalue) {
      upheld(next != values.end(), "log", "fewer values were read than slot {} needs", each.slot);
      each.pvalue = message<schema::Pvalue>{*next++};
    }
}

// -- what may go --------------------------------------------------------------

durable_answers::due durable_answers::release(record_number durable) {
  durable_ = durable;
  for (; !raised_.empty() && raised_.front().record <= durable; raised_.pop_front())
    durable_ballot_ = raised_.front().to;
  due found;
  size_t kept = 0, kept_of_writes_begun = 0;
  for (size_t i = 0; i < votes_.size(); ++i) {
    if (votes_[i].record <= durable) {
      found.votes.push_back(std::move(votes_[i].what));
      continue;
    }
    kept_of_writes_begun += i < write_begins_at_;
    if (kept != i)
      votes_[kept] = std::move(votes_[i]);
    ++kept;
  }
  votes_.resize(kept);
  write_begins_at_ = kept_of_writes_begun;
  votes_due_ = 0;
  std::erase_if(pieces_, [&](auto& x) {
    auto goes = x.read == 0 && x.record <= durable;
    if (goes)
      found.answers.push_back(std::move(x.what));
    return goes;
  });
  return found;
}

void durable_answers::clear() {
  votes_.clear();
  pieces_.clear();
  votes_due_ = write_begins_at_ = 0;
}

} // namespace synod
