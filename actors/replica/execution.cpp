#include "synod/actors/replica/execution.hpp"

#include "synod/actors/role/upheld.hpp"

#include <algorithm>

namespace synod {

void execution::perform(const message<schema::Pvalue>& decided, listener& told) {
  auto& [machine, sessions, log_time, slot_out, members, window] = state_;
  upheld(decided->getSlot() == slot_out, "R2", "slot {} is to be performed, and slot_out is {}", decided->getSlot(), slot_out);
  auto batch = decided->getValue();
  log_time = std::max(log_time, batch.getTime());
  machine->begin_batch(log_time, slot_out);
  sessions.expire(log_time);
  auto requests = batch.getRequests();
  upheld(requests.size() <= most_requests, "batch", "slot {} has {} requests", slot_out, requests.size());
  auto id = slot_out * most_requests;
  for (auto x : requests) {
    if (x.isOpen()) {
      open(x.getOpen(), id, told);
    } else if (x.isConfiguration()) {
      perform_configuration(x.getConfiguration());
    } else {
      perform_commands(x.getCommands(), told);
    }
    ++id;
  }
  ++slot_out; // R4
}

/// It rules from slot + WINDOW on, unless the one before it does not rule yet, or another one came first (section 2.1).
void execution::perform_configuration(schema::Configuration::Reader x) {
  auto& members = state_.members;
  auto next = configuration_of(x);
  if (state_.slot_out >= members.latest_from() && refusal_of(next, members.latest()).empty())
    members.add(std::move(next), state_.slot_out + state_.window);
}

/// The one that it replaces ends first, so that nothing of that is performed behind anything of this.
void execution::open(schema::Open::Reader x, uint64_t id, listener& told) {
  auto& sessions = state_.sessions;
  if (auto before = x.getReplaces(); sessions.known(before)) {
    sessions.close(before);
    told.on_skipped(before, session_table::turn::unknown);
  }
  told.on_opened(x.getNumber(), sessions.open(x.getNumber(), id, x.getKeepResults(), state_.log_time));
}

/// A session's next commands are performed; those before were performed in an earlier slot, those behind come too early.
void execution::perform_commands(schema::Commands::Reader x, listener& told) {
  using turn = session_table::turn;
  auto& sessions = state_.sessions;
  auto session = x.getSession();
  auto operations = x.getOperations();
  auto first = x.getFirstCid();
  auto next = sessions.next_cid(session);
  auto skip = next > first ? static_cast<unsigned>(std::min<uint64_t>(next - first, operations.size())) : 0u;
  skipped_ += skip;
  if (skip == operations.size())
    return told.on_skipped(session, turn::performed);
  if (auto whose = sessions.turn_of(session, first + skip); whose != turn::now) {
    skipped_ += operations.size() - skip;
    return told.on_skipped(session, whose);
  }
  auto keep_results = sessions.keeps_results(session);
  if (!told.on_turn(session)) {
    for (auto i = skip; i < operations.size(); ++i)
      apply(session, first + i, keep_results, operations[i], reply{});
  } else {
    response_writer<commands_format> answers{{session, first}, skip, operations.size() - skip, told};
    for (auto i = skip; i < operations.size(); ++i)
      apply(session, first + i, keep_results, operations[i], answers.next());
    answers.finish();
  }
  told.on_performed(session);
}

void execution::apply(uint64_t session, uint64_t cid, bool keep_result, schema::Operation::Reader operation, reply answer) {
  if (!state_.sessions.advance(session, state_.log_time)) // It was closed by a command of the same request.
    return answer.error("ERR the session has ended");
  ++performed_;
  if (!keep_result)
    return apply_operation(session, operation, answer);
  // What is too large to be kept is built only where somebody waits for it, and counted everywhere.
  reply_room room{answer.wanted() ? reply_limit_bytes : session_table::result_limit_bytes};
  builder<schema::Reply> built;
  apply_operation(session, operation, reply{*built, room});
  if (room.exceeded())
    return answer.error(commands_format::too_large);
  auto result = built.finish();
  answer.copy(*result);
  if (room.taken() <= session_table::result_limit_bytes)
    state_.sessions.keep(session, cid, std::move(result));
}

void execution::apply_operation(uint64_t session, schema::Operation::Reader operation, reply answer) {
  switch (operation.which()) {
    case schema::Operation::ARGUMENTS:
      state_.machine->apply(arguments_.of(operation.getArguments()), answer);
      break;
    case schema::Operation::TRANSACTION:
      apply_transaction(operation.getTransaction(), answer);
      break;
    case schema::Operation::CLOSE:
      answer.status("OK");
      state_.sessions.close(session);
      break;
    case schema::Operation::KEEP_ALIVE:
      answer.status("OK");
      break;
    case schema::Operation::VERSIONS:
      tell_versions(operation.getVersions(), answer);
      break;
  }
}

void execution::tell_versions(capnp::List<capnp::Data>::Reader keys, reply answer) const {
  answer.array(keys.size());
  for (unsigned i = 0; i < keys.size(); ++i)
    answer.element(i).integer(static_cast<int64_t>(state_.machine->version(view(keys[i]))));
}

/// All of it or nothing: it is one command, and only if no watched key changed.
void execution::apply_transaction(schema::Operation::Transaction::Reader transaction, reply answer) {
  for (auto watched : transaction.getWatched())
    if (state_.machine->version(view(watched.getKey())) != watched.getVersion())
      return answer.no_array();
  auto commands = transaction.getCommands();
  answer.array(commands.size());
  for (unsigned i = 0; i < commands.size(); ++i)
    state_.machine->apply(arguments_.of(commands[i]), answer.element(i));
}

unsigned execution::answer(schema::Query::Reader asked, unsigned first, reply_sink<query_format>& sink) {
  auto operations = asked.getOperations();
  auto whole = false;
  for (auto each : operations)
    whole |= each.isVersions();
  response_writer<query_format> answers{{asked.getNumber()}, first, operations.size() - first, sink};
  auto i = first;
  for (; i < operations.size(); ++i) {
    if (answers.at_boundary() && !whole) {
      answers.finish();
      if (!sink.has_room())
        break;
    }
    auto answer = answers.next();
    if (operations[i].isArguments())
      state_.machine->query(arguments_.of(operations[i].getArguments()), answer);
    else if (operations[i].isVersions())
      tell_versions(operations[i].getVersions(), answer);
    else
      answer.error("ERR only single commands can be read");
  }
  answers.finish();
  reads_ += i - first;
  return i;
}

bool execution::is_performed(schema::Request::Reader x) const {
  if (x.isOpen())
    return state_.sessions.opened_by(x.getOpen().getNumber()).has_value();
  if (x.isConfiguration())
    return x.getConfiguration().getNumber() <= state_.members.latest().number();
  auto commands = x.getCommands();
  auto last = commands.getFirstCid() + commands.getOperations().size() - 1;
  return state_.sessions.turn_of(commands.getSession(), last) == session_table::turn::performed;
}

} // namespace synod
