// Followers, flow control, time, status.
#include "synod/actors/replica/replica.hpp"

#include "synod/messages/status.hpp"

namespace synod {

// -- followers, flow control, time --------------------------------------------

void replica::on_follow(uint64_t window_bytes) {
  auto& from = current_sender();
  if (from && followers_.follow(from, window_bytes) && !clients_.knows(from)) // Otherwise it is monitored already.
    monitor(from);
}

void replica::on_down(const caf::down_msg& x) {
  followers_.forget(x.source);
  clients_.forget(x.source);
  reads_.forget(x.source);
}

// Received: there is room again on the way to whoever says so; what waited for that goes at once.
void replica::on_received(const message<schema::Received>& received) {
  auto& from = current_sender();
  if (!from)
    return;
  if (leaders_.has(from)) {
    if (leaders_.received(received->getNode(), received->getMark()) && proposes())
      send_proposals(proposer_.unsent());
  } else if (replicas_.has(from)) {
    if (replicas_.received(received->getNode(), received->getMark()))
      resend(outstanding::what::unsent);
  } else {
    clients_.received(from, received->getMark(), clock().now());
    perform_decided();
    serve_held(from);
  }
}

void replica::note_mark(uint64_t mark) {
  marks_.note(current_sender(), mark);
  if (marks_.urgent())
    return_marks(*this, marks_, options_.node);
}

void replica::on_tick() {
  delayed_send(this, tick_interval, tick_atom_v);
  auto now = clock().now();
  return_marks(*this, marks_, options_.node);
  perform_decided();
  if (proposer_.in_flight() > 0)
    reads_.measure(now);
  serve_reads();
  for (auto& each : reads_.holding())
    serve_held(each);
  resend(outstanding::what::due);
  if (proposes())
    send_proposals(proposer_.due(now));
  propose();
  outstanding_.forget_unknown(execution_->sessions());
  for (auto& idle : clients_.forget_idle())
    if (!followers_.has(idle))
      demonitor(idle->address());
  ask(catch_up_.look(slot_out(), target(), reached_, now));
  tell_performed();
  take_snapshot();
  fetch_snapshot();
  tell_durable();
}

/// The leader beside it should not lead for long while this replica is too far behind to propose; and whoever counts votes has to
/// know of configurations.
void replica::tell_performed() {
  auto& members = execution_->members();
  if (told_slot_out_ == slot_out() || members.empty())
    return;
  told_slot_out_ = slot_out();
  builder<schema::Performed> performed;
  performed->setNode(options_.node);
  performed->setBelow(slot_out());
  write(members, performed->initConfigurations());
  auto told = performed.finish();
  auto all = std::exchange(told_configuration_, configured_) != configured_; // Whatever is beside them may be behind.
  for (auto& to : leaders_)
    if (all || hears_of_performed(to))
      send(to.handle, told);
  if (node_)
    send(node_, told);
}

/// Those that no replica is beside hear of it from all.
bool replica::hears_of_performed(const peers<leader_actor>::entry& x) const {
  return x.node == options_.node || !execution_->members().latest().replicas().contains(x.node);
}

message<schema::RoleStatus> replica::status() const {
  auto number = [](uint64_t x) { return static_cast<int64_t>(x); };
  auto performed = execution_->commands_performed();
  auto collisions = proposer_.collisions();
  return role_status("replica",
                     {{"slot_in", number(proposer_.slot_in())},
                      {"slot_out", number(slot_out())},
                      {"configuration", number(configured_.value_or(0))},
                      {"active ballot", active_ ? to_string(*active_) : std::string{"-"}},
                      {"commands performed", number(performed)},
                      {"commands skipped", number(execution_->commands_skipped())},
                      {"slot collisions", number(collisions)},
                      {"collisions per 10000 commands", performed ? number(collisions * 10000 / performed) : int64_t{0}},
                      {"refuses for want of room", std::string{full_.refuse(clock().now()) ? "yes" : "no"}},
                      {"sessions", number(execution_->sessions().size())},
                      {"requests waiting", number(proposer_.requests().size())},
                      {"bytes outstanding", number(outstanding_.bytes())},
                      {"most bytes owed to a peer", number(most_owed_bytes())},
                      {"most bytes owed to a client", number(most_owed_to_a_client())},
                      {"reads", number(execution_->reads())},
                      {"read rounds", number(reads_.round())},
                      {"leased read rounds", number(reads_.leased_rounds())},
                      {"durable below", number(snapshots_.durable_below())},
                      {"snapshots taken", number(snapshots_.taken())},
                      {"snapshot bytes", number(snapshots_.bytes())},
                      {"snapshot bytes held", number(snapshots_.held_bytes())},
                      {"longest stop for a snapshot us", longest_stop_.count()},
                      {"snapshot bytes fetched", number(copy_.bytes_there())},
                      {"snapshot bytes to fetch", number(copy_.bytes())},
                      {"decision time us", proposer_.decision_time().count()},
                      {"log time", execution_->state().log_time}});
}

message<schema::RoleStatus> replica::explain(slot_number slot) const {
  auto known = history_.entries(slot);
  add(known, "slot_out", static_cast<int64_t>(slot_out()));
  return role_status("replica", known);
}

} // namespace synod
