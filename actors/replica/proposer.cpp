#include "synod/actors/replica/proposer.hpp"

#include "synod/actors/role/upheld.hpp"
#include "synod/messages/batch.hpp"

#include <algorithm>
#include <utility>

namespace synod {

namespace {

// With a decision within this time one slot in flight is best; each further multiple pays for one more.
constexpr std::chrono::microseconds decision_time_per_slot{2000};
// The weight of what is known of decision times, against the newest one.
constexpr int decision_time_memory = 8;

constexpr std::chrono::milliseconds first_pause{300}; // until a proposal is sent again
constexpr std::chrono::milliseconds last_pause{1200};

// In a message, beside the requests themselves.
constexpr size_t pvalue_bytes = 128;
constexpr size_t pointer_bytes = 8;

} // namespace

/// One slot in flight gathers the largest batches; where decisions take long (a slow disk), more pay off, and where the network
/// is far whatever waits for longer than the pause waits in vain.
bool proposer::may_propose(const situation& present) const {
  auto depth = std::clamp<uint64_t>(static_cast<uint64_t>(decision_time_ / decision_time_per_slot), 1, limits_.window);
  return in_flight() < depth
         || (in_flight() < limits_.window
             && (requests_.bytes() >= limits_.batch_limit_bytes || (present.pause && present.now - proposed_ >= *present.pause)));
}

std::optional<proposer::time_point> proposer::next_proposes(std::optional<network_time::duration> pause) const {
  auto waits = pause && !requests_.empty() && !proposals_.empty() && in_flight() < limits_.window;
  return waits ? std::optional{proposed_ + *pause} : std::nullopt;
}

message<schema::Pvalue> proposer::propose(const situation& present, bool even_empty) {
  auto slot_out = present.performed.slot_out();
  auto& members = present.performed.members();
  skip_to(std::max(slot_out, present.decided_below));
  auto fills = slot_in_ < members.latest_from();
  even_empty |= fills;
  if ((requests_.empty() && !even_empty) || (!may_propose(present) && !fills))
    return {};
  while (present.decisions.contains(slot_in_) || proposals_.contains(slot_in_))
    ++slot_in_;
  if (slot_in_ >= slot_out + limits_.window)
    return {};
  auto batch = take_batch(present.performed);
  if (batch.empty() && !even_empty)
    return {};
  auto pvalue = form_batch(batch, present);
  proposals_.insert_or_assign(slot_in_, proposal{pvalue, std::move(batch), present.now, backoff{first_pause, last_pause}, false});
  upheld(last_proposed() < slot_out + limits_.window, "R5", "slot {} is proposed with slot_out {} and WINDOW {}", last_proposed(),
         slot_out, limits_.window);
  ++slot_in_;
  proposed_ = present.now;
  return pvalue;
}

/// Takes what waits, as much as a batch holds.
std::vector<proposer::request> proposer::take_batch(const execution& performed) {
  std::vector<request> batch;
  batch.reserve(std::min(requests_.size(), limits_.batch_limit_requests));
  for (size_t bytes = 0; !requests_.empty() && batch.size() < limits_.batch_limit_requests;) {
    auto size = requests_.front().size_bytes();
    auto known = performed.is_performed(*requests_.front());
    if (!known && !batch.empty() && bytes + size > limits_.batch_limit_bytes)
      break;
    auto taken = requests_.take();
    if (!known) {
      bytes += size;
      batch.push_back(std::move(taken));
    } else if (taken->isOpen()) {
      requests_.on_opened(taken->getOpen().getNumber());
    }
  }
  return batch;
}

/// What was taken, as the value of slot_in; empty when only the time has to move on.
message<schema::Pvalue> proposer::form_batch(const std::vector<request>& batch, const situation& present) const {
  auto bytes = pvalue_bytes;
  for (auto& each : batch)
    bytes += each.size_bytes() + pointer_bytes;
  builder<schema::Pvalue> pvalue{bytes};
  write(present.active, pvalue->initBallot()); // The active leader's: it sends this very block on.
  pvalue->setSlot(slot_in_);
  pvalue->setDecidedBelow(present.performed.slot_out()); // R2
  pvalue->setConfiguration(present.performed.members().ruling(slot_in_).number());
  pvalue->setProposer(present.self);
  auto value = pvalue->initValue();
  value.setTime(present.time);
  auto list = value.initRequests(static_cast<unsigned>(batch.size()));
  for (unsigned i = 0; i < list.size(); ++i)
    list.setWithCaveats(i, *batch[i]);
  return pvalue.finish();
}

void proposer::sent(slot_number slot, time_point now) {
  if (auto mine = proposals_.find(slot); mine != proposals_.end()) {
    mine->second.sent = true;
    mine->second.since = now; // The time that an earlier leader took, or a lost message, says nothing of the next ones.
    mine->second.again.tried(now);
  }
}

template <class Which>
std::vector<message<schema::Pvalue>> proposer::those(Which which) const {
  std::vector<message<schema::Pvalue>> found;
  for (auto& [slot, x] : proposals_)
    if (which(x))
      found.push_back(x.pvalue);
  return found;
}

std::vector<message<schema::Pvalue>> proposer::unsent() const {
  return those([](auto& x) { return !x.sent; });
}

std::vector<message<schema::Pvalue>> proposer::due(time_point now) const {
  return those([now](auto& x) { return x.again.due(now); });
}

std::vector<message<schema::Pvalue>> proposer::all() const {
  return those([](auto&) { return true; });
}

std::vector<proposer::request> proposer::settle(const message<schema::Pvalue>& decided, time_point now) {
  skip_to(decided->getSlot() + 1);
  auto found = proposals_.find(decided->getSlot());
  if (found == proposals_.end())
    return {};
  auto mine = std::move(found->second);
  proposals_.erase(found);
  auto took = std::chrono::duration_cast<std::chrono::microseconds>(now - mine.since);
  decision_time_ += (took - decision_time_) / decision_time_memory;
  if (mine.pvalue.content() == decided.content() || same_value(mine.pvalue->getValue(), decided->getValue()))
    return {};
  ++collisions_;
  return std::move(mine.requests);
}

void proposer::jump_to(slot_number slot_out) {
  proposals_.erase(proposals_.begin(), proposals_.lower_bound(slot_out));
  requests_.clear();
  skip_to(slot_out);
}

void proposer::begin_anew(slot_number free_slot) {
  slot_in_ = free_slot;
  requests_.clear();
  for (auto& [slot, x] : proposals_) {
    x.sent = false;
    x.again.reset();
  }
}

} // namespace synod
