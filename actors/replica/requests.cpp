// Requests: of clients here, and of other replicas' clients.
#include "synod/actors/replica/replica.hpp"

namespace synod {

namespace {

/// One within the process was not looked at when it arrived.
bool is_too_large(const message<schema::Request>& x) {
  return x.size_bytes() > request_limit_bytes
         || (x->isCommands() && x->getCommands().getOperations().getCount() > most_operations);
}

} // namespace

// -- requests -----------------------------------------------------------------

// request: remember whose it is, and get it proposed. What a client asks for again is on its way already: it is answered
// once, at the handle that asked last.
void replica::on_request(const request& x) {
  if (x->isConfiguration())
    return on_configuration(x);
  auto client = current_sender();
  if (!client || (x->isCommands() && (x->getCommands().getOperations().getCount() == 0 || x->getCommands().getSession() == 0)))
    return;
  if (answer_again(x, client))
    return;
  auto may_take = !full_.refuse(clock().now()) && !is_too_large(x) && clients_.has_room_for_responses(client);
  switch (outstanding_.add(x, client, may_take)) {
    case outstanding::outcome::repeated:
      return;
    case outstanding::outcome::refused:
      return refuse(x, client);
    case outstanding::outcome::taken:
      break;
  }
  outstanding_.send_new(x, clock().now(), [this](auto& each) { return send_on_its_way(each); });
  propose();
}

// A request of this replica's node, which looks whether it was decided, and asks again.
void replica::on_configuration(const request& x) {
  if (execution_->members().empty() || execution_->is_performed(*x))
    return;
  send_on_its_way(x);
  propose();
}

/// Replies to what was performed earlier.
class replica::telling_again : public reply_sink<commands_format> {
public:
  telling_again(replica& self, const caf::strong_actor_ptr& client) : self_{self}, client_{client} {}

  bool has_room() override { return self_.clients_.has_room_for_responses(client_); }
  void send(builder<schema::Responses>& part) override { self_.send_marked(client_, part); }

private:
  replica& self_;
  const caf::strong_actor_ptr& client_;
};

/// A client that turned here from another replica asks for what was performed already: its kept results.
bool replica::answer_again(const request& x, const caf::strong_actor_ptr& client) {
  if (!execution_->is_performed(*x))
    return false;
  auto& sessions = execution_->sessions();
  if (x->isOpen()) {
    auto number = x->getOpen().getNumber();
    send(caf::actor_cast<client_actor>(client), opened_as(number, sessions.opened_by(number)));
    return true;
  }
  if (!clients_.has_room_for_refusals(client))
    return true;
  auto commands = x->getCommands();
  auto session = commands.getSession(), first = commands.getFirstCid();
  auto count = commands.getOperations().getCount();
  telling_again to{*this, client};
  response_writer<commands_format> answers{{session, first}, 0, count, to};
  for (unsigned i = 0; i < count; ++i) {
    auto answer = answers.next();
    if (auto kept = sessions.result(session, first + i))
      answer.copy(*kept);
    else
      answer.error("ERR the command was performed, its result is no longer kept");
  }
  answers.finish();
  return true;
}

message<schema::Opened> replica::opened_as(uint64_t number, std::optional<uint64_t> session) {
  builder<schema::Opened> answer;
  answer->setNumber(number);
  session ? answer->setSession(*session) : answer->setTooMany();
  return answer.finish();
}

void replica::refuse(const request& x, const caf::strong_actor_ptr& client) {
  if (!clients_.has_room_for_refusals(client))
    return;
  std::string why;
  if (full_.refuse(clock().now()))
    why = full_.why([this](node_id node) {
      auto named = options_.node_names.find(node);
      return named == options_.node_names.end() ? std::to_string(node) : named->second;
    });
  if (x->isOpen()) {
    builder<schema::Opened> answer;
    answer->setNumber(x->getOpen().getNumber());
    answer->setRefused();
    answer->setWhy(why);
    return send(caf::actor_cast<client_actor>(client), answer.finish());
  }
  builder<schema::Responses> answer;
  answer->setSession(x->getCommands().getSession());
  answer->setFirstCid(x->getCommands().getFirstCid());
  answer->setRefused(true);
  answer->setWhy(why);
  send_marked(client, answer);
}

// A request of another replica's client. That replica keeps it until it is performed, so it may be dropped here.
void replica::on_forward(const request& x) {
  if (!proposes() || is_too_large(x) || !proposer_.has_room(x, false))
    return;
  send_on_its_way(x);
  propose();
}

/// Puts it among those that are proposed here, or hands it on to the replica beside the active leader (section 4.2). False: it
/// has to wait, for its turn, or for room on the way.
bool replica::send_on_its_way(const request& x) {
  if (!active_)
    return false;
  if (proposes()) {
    if (!proposer_.has_room(x, true))
      return false;
    // Behind what a leader before had under way, or what this replica has still to learn, no turn is known.
    auto turns_known = slot_out() >= target() && proposer_.slot_in() <= slot_out() + proposer_.in_flight();
    return proposer_.add(x, execution_->sessions(), turns_known) != request_queue::outcome::too_early;
  }
  auto* to = replicas_.find(active_->leader);
  uint64_t mark = 0;
  if (!to || !to->flow->admit(x.size_bytes(), clock().now(), mark))
    return false;
  send(to->handle, forward_atom_v, x, mark);
  return true;
}

/// Replicas skip what was performed, and the proposer what it has already.
void replica::resend(outstanding::what which) {
  if (!active_ || outstanding_.empty())
    return;
  outstanding_.send(which, execution_->sessions(), proposes(), clock().now(), [this](auto& x) { return send_on_its_way(x); });
  propose();
}

} // namespace synod
