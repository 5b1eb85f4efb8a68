#include "synod/actors/replica/execution.hpp"

#include "synod/actors/role/upheld.hpp"

#include <algorithm>

namespace synod {

namespace {

constexpr size_t many_texts = 4096; // of an operation: it is the last one that is read ahead, and its room is given back

} // namespace

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
  auto count = x.getOperations().getCount();
  auto first = x.getFirstCid();
  auto next = sessions.next_cid(session);
  auto skip = next > first ? static_cast<unsigned>(std::min<uint64_t>(next - first, count)) : 0u;
  skipped_ += skip;
  if (skip == count)
    return told.on_skipped(session, turn::performed);
  if (auto whose = sessions.turn_of(session, first + skip); whose != turn::now) {
    skipped_ += count - skip;
    return told.on_skipped(session, whose);
  }
  auto keep_results = sessions.keeps_results(session);
  auto cid = first + skip;
  if (!told.on_turn(session)) {
    for_each(x.getOperations(), skip, [&](auto& each) {
      apply(session, cid++, keep_results, each, reply{});
      return true;
    });
  } else {
    response_writer<commands_format> answers{{session, first}, skip, count - skip, told};
    for_each(x.getOperations(), skip, [&](auto& each) {
      apply(session, cid++, keep_results, each, answers.next());
      return true;
    });
    answers.finish();
  }
  told.on_performed(session);
}

/// Reads some ahead, so that the state machine can foresee them. Begins with the one at `first`; ends when `use` says false.
template <class Use>
void execution::for_each(schema::Operations::Reader all, unsigned first, Use use) {
  operation_reader from{all};
  for (; first > 0; --first)
    from.next(ahead_.front());
  for (auto more = true; more;) {
    size_t count = 0;
    foreseen_.clear();
    for (auto texts = size_t{0}; texts < many_texts && count < ahead_.size() && (more = from.next(ahead_[count])); ++count) {
      auto& each = ahead_[count];
      texts += each.texts().size();
      if (each.what() == operation::kind::command)
        foreseen_.push_back(each.texts());
    }
    if (!foreseen_.empty())
      state_.machine->foresee(foreseen_);
    for (size_t i = 0; i < count; ++i) {
      if (!use(ahead_[i]))
        return;
      if (ahead_[i].texts().size() >= many_texts)
        ahead_[i] = {};
    }
  }
}

void execution::apply(uint64_t session, uint64_t cid, bool keep_result, const operation& x, reply answer) {
  if (!state_.sessions.advance(session, state_.log_time)) // It was closed by a command of the same request.
    return answer.error("ERR the session has ended");
  ++performed_;
  if (!keep_result)
    return apply_operation(session, x, answer);
  // What is too large to be kept is built only where somebody waits for it, and counted everywhere.
  reply_room room{answer.wanted() ? reply_limit_bytes : session_table::result_limit_bytes};
  builder<schema::Reply> built;
  apply_operation(session, x, reply{*built, room});
  if (room.exceeded())
    return answer.error(commands_format::too_large);
  auto result = built.finish();
  answer.copy(*result);
  if (room.taken() <= session_table::result_limit_bytes)
    state_.sessions.keep(session, cid, std::move(result));
}

void execution::apply_operation(uint64_t session, const operation& x, reply answer) {
  switch (x.what()) {
    case operation::kind::command:
      return state_.machine->apply(x.texts(), answer);
    case operation::kind::transaction:
      return apply_transaction(x, answer);
    case operation::kind::close:
      answer.status("OK");
      return state_.sessions.close(session);
    case operation::kind::keep_alive:
      return answer.status("OK");
    case operation::kind::versions:
      return tell_versions(x.texts(), answer);
  }
}

void execution::tell_versions(arguments keys, reply answer) const {
  answer.array(keys.size());
  for (size_t i = 0; i < keys.size(); ++i)
    answer.element(i).integer(static_cast<int64_t>(state_.machine->version(keys[i])));
}

/// All of it or nothing: it is one command, and only if no watched key changed.
void execution::apply_transaction(const operation& x, reply answer) {
  for (auto& [key, version] : x.watched())
    if (state_.machine->version(key) != version)
      return answer.no_array();
  answer.array(x.commands());
  for (size_t i = 0; i < x.commands(); ++i)
    state_.machine->apply(x.command(i), answer.element(i));
}

unsigned execution::answer(schema::Query::Reader asked, unsigned first, reply_sink<query_format>& sink) {
  auto count = asked.getOperations().getCount();
  auto whole = false;
  auto& each = ahead_.front(); // Its room is there already.
  for (operation_reader all{asked.getOperations()}; all.next(each);)
    whole |= each.what() == operation::kind::versions;
  response_writer<query_format> answers{{asked.getNumber()}, first, count - first, sink};
  auto i = first;
  for_each(asked.getOperations(), first, [&](auto& next) {
    if (answers.at_boundary() && !whole) {
      answers.finish();
      if (!sink.has_room())
        return false;
    }
    answer_operation(next, answers.next());
    ++i;
    return true;
  });
  answers.finish();
  reads_ += i - first;
  return i;
}

void execution::answer_operation(const operation& x, reply answer) const {
  if (x.what() == operation::kind::command)
    state_.machine->query(x.texts(), answer);
  else if (x.what() == operation::kind::versions)
    tell_versions(x.texts(), answer);
  else
    answer.error("ERR only single commands can be read");
}

bool execution::is_performed(schema::Request::Reader x) const {
  if (x.isOpen())
    return state_.sessions.opened_by(x.getOpen().getNumber()).has_value();
  if (x.isConfiguration())
    return x.getConfiguration().getNumber() <= state_.members.latest().number();
  auto commands = x.getCommands();
  auto last = commands.getFirstCid() + commands.getOperations().getCount() - 1;
  return state_.sessions.turn_of(commands.getSession(), last) == session_table::turn::performed;
}

} // namespace synod
