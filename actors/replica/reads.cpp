// Linearizable reads, which take no slot.
#include "synod/actors/replica/replica.hpp"

#include "synod/actors/replica/commands.hpp"
#include "synod/actors/replica/response_writer.hpp"

#include <algorithm>

namespace synod {

// query: takes no slot (section 4.5).
void replica::on_query(const query& x) {
  auto client = caf::actor_cast<client_actor>(current_sender());
  if (!client)
    return;
  if (reads_bytes_ + x.size_bytes() > options_.waiting_limit_bytes)
    return refuse_query(x, client);
  reads_bytes_ += x.size_bytes();
  waiting_reads_.push_back({x, client});
  if (asking_reads_.empty())
    start_read_round(false);
}

/// Asks for the highest accepted slot, once for all reads that wait; as few acceptors as make a majority, all of them later.
void replica::start_read_round(bool ask_all) {
  if (!ask_all) {
    asking_reads_ = std::exchange(waiting_reads_, {});
    if (asking_reads_.empty())
      return;
    ++read_round_;
    ++read_rounds_;
    told_highest_.clear();
    highest_ = 0;
  }
  read_since_ = clock().now();
  builder<schema::AskHighest> ask;
  ask->setRound(read_round_);
  auto built = ask.finish();
  auto enough = options_.members.quorum(phase::promise, slot_out_);
  node_set asked;
  // The one beside it, then those behind this node first, so that nodes do not all ask the same one.
  auto next = std::find_if(acceptors_.begin(), acceptors_.end(), [this](auto& x) { return x.node >= options_.node; });
  for (size_t i = 0; i < acceptors_.size() && (ask_all || !enough.satisfied_by(asked)); ++i, ++next) {
    if (next == acceptors_.end())
      next = acceptors_.begin();
    asked.insert(next->node);
    send(next->handle, built);
  }
}

void replica::on_highest(const message<schema::Highest>& answer) {
  if (answer->getRound() != read_round_ || asking_reads_.empty())
    return;
  told_highest_.insert(answer->getAcceptor());
  highest_ = std::max(highest_, answer->getSlot());
  if (!options_.members.quorum(phase::promise, slot_out_).satisfied_by(told_highest_))
    return;
  indexed_reads_.emplace_back(highest_, std::exchange(asking_reads_, {}));
  answer_reads();
  start_read_round(false);
}

void replica::answer_reads() {
  while (!indexed_reads_.empty() && indexed_reads_.front().first < slot_out_) {
    for (auto& [asked, client] : indexed_reads_.front().second) {
      reads_bytes_ -= asked.size_bytes();
      answer_query(asked, client);
    }
    indexed_reads_.pop_front();
  }
}

void replica::refuse_query(const query& x, const client_actor& client) {
  builder<schema::Answers> answer;
  answer->setNumber(x->getNumber());
  answer->setRefused(true);
  send(client, answer.finish());
}

void replica::answer_query(const query& x, const client_actor& client) {
  auto operations = x->getOperations();
  reads_ += operations.size();
  response_writer<query_format> answers{{x->getNumber()}, operations.size(), [&](auto part) { send(client, std::move(part)); }};
  for (auto operation : operations) {
    auto answer = answers.next();
    if (operation.isArguments())
      machine_->query(arguments_of(operation.getArguments()), answer);
    else if (operation.isVersions())
      tell_versions(operation.getVersions(), answer);
    else
      answer.error("ERR only single commands can be read");
  }
  answers.finish();
}

} // namespace synod
