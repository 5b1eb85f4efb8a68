// What clients, and other replicas for theirs, ask a replica for: remembered until it is performed.
#include "synod/actors/replica/replica.hpp"

#include <algorithm>

namespace synod {

// request: remember whose it is, and get it proposed. What a client asks for again is on its way already: it is answered
// once, at the handle that asked last.
void replica::on_request(const request& x) {
  auto client = caf::actor_cast<client_actor>(current_sender());
  if (!client || (x->isCommands() && (x->getCommands().getOperations().size() == 0 || x->getCommands().getSession() == 0)))
    return;
  auto taken = x->isOpen() ? take_opening(x, client) : take_request(x, client);
  if (!taken)
    return;
  outstanding_bytes_ += x.size_bytes();
  route(x);
}

bool replica::take_opening(const request& x, const client_actor& client) {
  auto number = x->getOpen().getNumber();
  if (auto known = openings_.find(number); known != openings_.end()) {
    known->second.client = client;
    return false;
  }
  if (auto opened = sessions_.opened_by(number)) {
    send(client, opened_as(number, opened));
    return false;
  }
  if (!has_room(x)) {
    builder<schema::Opened> answer;
    answer->setNumber(number);
    answer->setRefused();
    send(client, answer.finish());
    return false;
  }
  openings_.emplace(number, opening{client, x});
  return true;
}

bool replica::take_request(const request& x, const client_actor& client) {
  if (answer_again(x, client))
    return false;
  auto commands = x->getCommands();
  auto& session = local_sessions_[commands.getSession()];
  session.client = client;
  auto first = commands.getFirstCid();
  auto repeated = [first](const request& each) { return each->getCommands().getFirstCid() == first; };
  auto& outstanding = session.outstanding;
  if (!outstanding.empty() && first <= outstanding.back()->getCommands().getFirstCid()
      && std::any_of(outstanding.begin(), outstanding.end(), repeated))
    return false;
  // What comes behind a refused request could not be performed, only fill the room that the refused one needs.
  if (!has_room(x) || (session.refused != 0 && first > session.refused)) {
    session.refused = session.refused == 0 ? first : std::min(session.refused, first);
    refuse(x, client);
    return false;
  }
  session.refused = 0;
  outstanding.push_back(x);
  return true;
}

void replica::refuse(const request& x, const client_actor& client) {
  auto commands = x->getCommands();
  builder<schema::Responses> answer;
  answer->setSession(commands.getSession());
  answer->setFirstCid(commands.getFirstCid());
  answer->setRefused(true);
  answer->setAnswered(commands.getOperations().size());
  answer->initReplies(commands.getOperations().size());
  send(client, answer.finish());
}

/// A client that turned here from another replica asks for what was performed already: its kept results.
bool replica::answer_again(const request& x, const client_actor& client) {
  if (!is_performed(x))
    return false;
  auto commands = x->getCommands();
  auto count = commands.getOperations().size();
  builder<schema::Responses> answer;
  answer->setSession(commands.getSession());
  answer->setFirstCid(commands.getFirstCid());
  answer->setAnswered(count);
  auto replies = answer->initReplies(count);
  for (unsigned i = 0; i < count; ++i) {
    if (auto kept = sessions_.result(commands.getSession(), commands.getFirstCid() + i))
      replies.setWithCaveats(i, *kept);
    else
      replies[i].setError("ERR the command was performed, its result is no longer kept");
  }
  send(client, answer.finish());
  return true;
}

// A request of another replica's client. That replica keeps it until it is performed, so it may be dropped here.
void replica::on_forward(const request& x, uint64_t mark) {
  note_mark(mark);
  if (!proposer() || !has_room_for_forwarded(x))
    return;
  add(x);
  propose();
}

/// Behind what a leader before had under way, or what this replica has still to learn, no turn is known.
request_queue::outcome replica::add(const request& x) {
  auto turns_known = slot_out_ >= target() && slot_in_ <= slot_out_ + proposals_.size();
  return requests_.add(x, sessions_, turns_known);
}

/// Proposes it here or hands it on to the replica beside the active leader (section 4.2).
void replica::route(const request& x) {
  if (!any_active_)
    return; // It is outstanding; it goes on its way when a leader is known.
  if (proposer()) {
    if (add(x) == request_queue::outcome::too_early)
      waiting_for_turn_.insert(x->getCommands().getSession());
    return propose();
  }
  auto* to = replicas_.find(active_.leader);
  uint64_t mark = 0;
  if (to && to->flow->admit(x.size_bytes(), clock().now(), mark))
    send(to->handle, forward_atom_v, x, mark);
}

void replica::resend(uint64_t session, const std::deque<request>& outstanding) {
  // Whose first is not the session's next waits: for what its client has not sent here, or until this replica has caught up.
  // Proposing it would do nothing.
  if (!outstanding.empty()
      && sessions_.turn_of(session, outstanding.front()->getCommands().getFirstCid()) == session_table::turn::too_early) {
    waiting_for_turn_.insert(session);
    return;
  }
  for (auto& each : outstanding)
    route(each);
}

/// Proposes what waited for its session's turn, if that has come.
void replica::resend_waiting() {
  resent_ = clock().now();
  for (auto id : std::exchange(waiting_for_turn_, {}))
    if (auto local = local_sessions_.find(id); local != local_sessions_.end())
      resend(id, local->second.outstanding);
}

/// Sends all that is outstanding on its way again: replicas skip what was performed.
void replica::resend_outstanding() {
  resent_ = clock().now();
  waiting_for_turn_.clear();
  for (auto& [number, x] : openings_)
    route(x.asked);
  for (auto& [id, session] : local_sessions_)
    resend(id, session.outstanding);
}

/// Whose commands have all been performed: it was sent more than once, and would only take up a slot.
bool replica::is_performed(const request& x) const {
  if (x->isOpen())
    return sessions_.opened_by(x->getOpen().getNumber()).has_value();
  auto commands = x->getCommands();
  auto last = commands.getFirstCid() + commands.getOperations().size() - 1;
  return sessions_.turn_of(commands.getSession(), last) == session_table::turn::performed;
}

void replica::forget_outstanding(uint64_t id) {
  auto local = local_sessions_.find(id);
  if (local == local_sessions_.end())
    return;
  auto next = sessions_.known(id) ? sessions_.next_cid(id) : UINT64_MAX;
  auto& outstanding = local->second.outstanding;
  while (!outstanding.empty()
         && outstanding.front()->getCommands().getFirstCid() + outstanding.front()->getCommands().getOperations().size()
              <= next) {
    outstanding_bytes_ -= outstanding.front().size_bytes();
    outstanding.pop_front();
  }
  resend_pause_ = first_resend_pause;
  resent_ = clock().now();
  if (!sessions_.known(id))
    local_sessions_.erase(local);
}

} // namespace synod
