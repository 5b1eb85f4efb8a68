#include "synod/actors/replica/request_queue.hpp"

#include <algorithm>

namespace synod {

request_queue::outcome request_queue::add(const request& x, const session_table& sessions, bool turns_known) {
  if (x->isOpen()) {
    auto number = x->getOpen().getNumber();
    if (sessions.opened_by(number) || !openings_.insert(number).second)
      return outcome::known;
  } else if (x->isConfiguration()) {
    if (std::any_of(requests_.begin(), requests_.end(), [](auto& each) { return each->isConfiguration(); }))
      return outcome::known; // One at a time; whoever asks asks again.
  } else {
    auto session = x->getCommands().getSession();
    auto first = x->getCommands().getFirstCid();
    auto end = first + x->getCommands().getOperations().getCount();
    auto chain = chain_end_.find(session);
    auto performed_below = sessions.known(session) ? sessions.next_cid(session) : 0;
    auto next = chain != chain_end_.end() ? chain->second : turns_known && performed_below != 0 ? performed_below : first;
    if (end <= next || end <= performed_below)
      return outcome::known;
    if (first > next)
      return outcome::too_early;
    chain_end_[session] = end;
  }
  requests_.push_back(x);
  bytes_ += x.size_bytes();
  return outcome::added;
}

void request_queue::put_back(request x) {
  bytes_ += x.size_bytes();
  requests_.push_front(std::move(x));
}

request_queue::request request_queue::take() {
  auto x = std::move(requests_.front());
  requests_.pop_front();
  bytes_ -= x.size_bytes();
  return x;
}

void request_queue::on_performed(uint64_t session, const session_table& sessions) {
  auto chain = chain_end_.find(session);
  if (chain != chain_end_.end() && (!sessions.known(session) || sessions.next_cid(session) >= chain->second))
    chain_end_.erase(chain);
}

void request_queue::break_chain(uint64_t session) {
  if (chain_end_.erase(session) == 0)
    return;
  std::erase_if(requests_, [&](const request& x) {
    if (!x->isCommands() || x->getCommands().getSession() != session)
      return false;
    bytes_ -= x.size_bytes();
    return true;
  });
}

void request_queue::clear() {
  requests_.clear();
  bytes_ = 0;
  chain_end_.clear();
  openings_.clear();
}

} // namespace synod
