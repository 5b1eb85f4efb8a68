// Reads, and what a replica learns from acceptors.
#include "synod/actors/replica/replica.hpp"

namespace synod {

/// Answers to a client's query.
class replica::answering : public reply_sink<query_format> {
public:
  answering(replica& self, const caf::strong_actor_ptr& client) : self_{self}, client_{client} {}
  bool has_room() override { return self_.clients_.has_room_for_answers(client_, self_.clock().now()); }
  void send(builder<schema::Answers>& part) override { self_.send_marked(client_, part); }

private:
  replica& self_;
  const caf::strong_actor_ptr& client_;
};

// -- reads --------------------------------------------------------------------

// query: takes no slot (section 4.5).
void replica::on_query(const message<schema::Query>& x) {
  auto client = current_sender();
  if (!client)
    return;
  if (x->getOperations().getCount() <= most_operations && reads_.add(x, client))
    return serve_reads();
  if (!clients_.has_room_for_refusals(client))
    return;
  builder<schema::Answers> answer;
  answer->setNumber(x->getNumber());
  answer->setRefused(true);
  send_marked(client, answer);
}

void replica::on_highest(const message<schema::Highest>& answer) {
  reads_.on_highest(answer->getAcceptor(), answer->getRound(), answer->getSlot(), slot_out(), clock().now());
  serve_reads();
}

// Leased: the leader beside it knows of all slots that may be decided, for so long by this host's clock; or does not.
void replica::on_leased(const message<schema::Leased>& told) {
  auto* beside = leaders_.find(options_.node);
  if (!beside || caf::actor_cast<caf::strong_actor_ptr>(beside->handle) != current_sender())
    return;
  reads_.on_leased(told);
}

/// Asks the acceptors, if a round is to begin or was not answered; answers what can be answered.
void replica::serve_reads() {
  auto now = clock().now();
  auto ask = [this, now] {
    if (reads_.may_be_leased())
      reads_.use_lease(environment_->boot_clock());
    auto asked = reads_.to_ask(reached_, slot_out(), now);
    if (asked.empty())
      return;
    builder<schema::AskHighest> question;
    question->setRound(reads_.round());
    auto built = question.finish();
    for (auto node : asked)
      if (auto* to = acceptors_.find(node))
        send(to->handle, built);
  };
  ask();
  while (auto next = reads_.take(slot_out()))
    reads_.holds(next->from) ? reads_.hold(std::move(*next)) : answer(std::move(*next));
  ask(); // Some may have to, once more.
  pause_until(reads_.next_begins(), now);
}

void replica::answer(read_rounds::read x) {
  answering sink{*this, x.from};
  x.first = execution_->answer(*x.asked, x.first, sink);
  x.first < x.asked->getOperations().getCount() ? reads_.hold(std::move(x)) : reads_.done(x);
}

/// Goes on with what was held back for a client, as far as it has room.
void replica::serve_held(const caf::strong_actor_ptr& client) {
  while (clients_.has_room_for_answers(client, clock().now())) {
    auto next = reads_.take_held(client);
    if (!next)
      return;
    answer(std::move(*next));
  }
}

// -- catching up --------------------------------------------------------------

void replica::ask(const catch_up::questions& what) {
  if (auto* leader = what.leader ? leader_to_ask() : nullptr) {
    builder<schema::DecideAgain> again;
    again->setFirstSlot(slot_out());
    again->setEndSlot(target());
    send(leader->handle, again.finish());
  }
  for (auto& each : what.acceptors)
    if (auto* to = acceptors_.find(each.acceptor)) {
      builder<schema::Learn> learn;
      learn->setFirstSlot(slot_out());
      learn->setWithValues(each.with_values);
      learn->setMark(each.mark);
      send(to->handle, learn.finish());
    }
}

/// A piece may hold more than may be kept: it is performed as it is taken.
void replica::on_learned(const message<schema::Learned>& answer) {
  auto before = slot_out();
  auto from = before;
  for (auto chosen = catch_up_.on_learned(answer); !chosen.empty();) {
    for (auto& pvalue : chosen) {
      if (decisions_.has(slot_out()) && !decisions_.has_room_for(pvalue, slot_out()))
        perform_decided();
      take_decision(pvalue);
    }
    perform_decided();
    chosen.clear();
    if (slot_out() > std::exchange(from, slot_out()))
      chosen = catch_up_.next_chosen(slot_out()); // More than WINDOW ahead it is known only now who chooses.
  }
  if (catch_up_.needs_snapshot(slot_out()))
    return fetch_snapshot();
  ask(slot_out() > before ? catch_up_.on_progress(slot_out(), target(), reached_, clock().now())
                          : catch_up_.on_no_progress(slot_out(), target(), reached_));
}

} // namespace synod
