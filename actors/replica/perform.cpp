// What a replica does with a decided batch: sessions, commands, replies.
#include "synod/actors/replica/replica.hpp"

#include "synod/actors/replica/commands.hpp"
#include "synod/actors/replica/response_writer.hpp"

namespace synod {

// perform(): every command of the batch whose turn it is (R3).
void replica::perform(const message<schema::Pvalue>& decided) {
  auto batch = decided->getValue();
  log_time_ = std::max(log_time_, batch.getTime());
  machine_->begin_batch(log_time_, slot_out_);
  sessions_.expire(log_time_);
  uint64_t index = 0;
  for (auto x : batch.getRequests()) {
    auto id = slot_out_ * 65536 + index++;
    if (x.isOpen())
      open_session(x.getOpen(), id);
    else
      perform_commands(x.getCommands());
    requests_.on_performed(x.isOpen() ? 0 : x.getCommands().getSession(), sessions_);
  }
}

void replica::open_session(schema::Open::Reader x, uint64_t id) {
  auto opened = sessions_.open(x.getNumber(), id, x.getKeepResults(), log_time_);
  auto waiting = openings_.find(x.getNumber());
  if (waiting == openings_.end())
    return;
  send(waiting->second.client, opened_as(x.getNumber(), opened));
  outstanding_bytes_ -= waiting->second.asked.size_bytes();
  openings_.erase(waiting);
}

message<schema::Opened> replica::opened_as(uint64_t number, std::optional<uint64_t> session) {
  builder<schema::Opened> answer;
  answer->setNumber(number);
  session ? answer->setSession(*session) : answer->setTooMany();
  return answer.finish();
}

/// Performs the commands whose turn it is; answers them if their client waits here.
void replica::perform_commands(schema::Commands::Reader x) {
  auto session = x.getSession();
  auto operations = x.getOperations();
  auto local = local_sessions_.find(session);
  auto waited_for = local != local_sessions_.end();
  auto first = x.getFirstCid();
  unsigned skip = 0;
  while (skip < operations.size() && sessions_.turn_of(session, first + skip) == session_table::turn::performed)
    ++skip;
  skipped_ += skip;
  if (skip == operations.size())
    return;
  auto turn = sessions_.turn_of(session, first + skip);
  if (turn != session_table::turn::now) {
    skipped_ += operations.size() - skip;
    if (turn == session_table::turn::too_early) {
      requests_.break_chain(session);
      too_early_seen_ |= waited_for; // Its predecessor lost its slot: both are sent again, in order.
    }
    if (waited_for && turn == session_table::turn::unknown) {
      builder<schema::Responses> answer;
      answer->setSession(session);
      answer->setSessionEnded(true);
      send(local->second.client, answer.finish());
      for (auto& each : local->second.outstanding)
        outstanding_bytes_ -= each.size_bytes();
      local_sessions_.erase(local);
    }
    return;
  }
  auto count = operations.size() - skip;
  if (!waited_for) {
    for (unsigned i = 0; i < count; ++i)
      apply(session, first + skip + i, operations[skip + i], reply{});
    return;
  }
  auto client = local->second.client;
  response_writer<commands_format> answers{{session, first + skip}, count, [&](auto part) { send(client, std::move(part)); }};
  for (unsigned i = 0; i < count; ++i)
    apply(session, first + skip + i, operations[skip + i], answers.next());
  answers.finish();
  forget_outstanding(session);
}

void replica::apply(uint64_t session, uint64_t cid, schema::Operation::Reader operation, reply answer) {
  if (!sessions_.known(session)) // It was closed by a command of the same request.
    return answer.error("ERR the session has ended");
  ++performed_;
  sessions_.advance(session, log_time_);
  if (!sessions_.keeps_results(session))
    return apply_operation(session, operation, answer);
  builder<schema::Reply> built;
  apply_operation(session, operation, reply{*built});
  auto kept = built.finish();
  answer.copy(*kept);
  sessions_.keep(session, cid, std::move(kept));
}

void replica::apply_operation(uint64_t session, schema::Operation::Reader operation, reply answer) {
  switch (operation.which()) {
    case schema::Operation::ARGUMENTS:
      machine_->apply(arguments_of(operation.getArguments()), answer);
      break;
    case schema::Operation::TRANSACTION:
      apply_transaction(operation.getTransaction(), answer);
      break;
    case schema::Operation::CLOSE:
      answer.status("OK");
      sessions_.close(session);
      break;
    case schema::Operation::KEEP_ALIVE:
      answer.status("OK");
      break;
    case schema::Operation::VERSIONS:
      tell_versions(operation.getVersions(), answer);
      break;
  }
}

void replica::tell_versions(capnp::List<capnp::Data>::Reader keys, reply answer) const {
  answer.array(keys.size());
  for (unsigned i = 0; i < keys.size(); ++i)
    answer.element(i).integer(static_cast<int64_t>(machine_->version(view(keys[i]))));
}

/// All of it or nothing: it is one command, and only if no watched key changed.
void replica::apply_transaction(schema::Operation::Transaction::Reader transaction, reply answer) {
  for (auto watched : transaction.getWatched())
    if (machine_->version(view(watched.getKey())) != watched.getVersion())
      return answer.no_array();
  auto commands = transaction.getCommands();
  answer.array(commands.size());
  for (unsigned i = 0; i < commands.size(); ++i)
    machine_->apply(arguments_of(commands[i]), answer.element(i));
}

} // namespace synod
