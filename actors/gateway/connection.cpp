#include "synod/actors/gateway/connection.hpp"

#include "synod/actors/role/redis_text.hpp"

#include <algorithm>

namespace synod {

using redis::equals_ignoring_case;
namespace errors = redis::errors;

/// No key ever has it: an EXEC that carries it performs nothing.
constexpr uint64_t no_version = UINT64_MAX;

connection::connection(uint64_t id, address where, resp::limits limits, int64_t now_ms, gateway_services& services)
  : id_{id},
    address_{std::move(where)},
    services_{services},
    parser_{limits},
    now_ms_{now_ms},
    created_ms_{now_ms},
    used_ms_{now_ms} {}

void connection::receive(std::string_view bytes, int64_t now_ms) {
  used_ms_ = now_ms_ = now_ms;
  if (closing_)
    return;
  // The parsed command that waits still points into the parser.
  if (have_command_)
    backlog_.append(bytes);
  else
    parser_.feed(bytes);
  process();
}

void connection::resume() {
  blocked_ = false;
  process();
}

/// Goes through the commands until one has to wait.
void connection::process() {
  if (processing_)
    return;
  processing_ = true;
  while (!closing_ && !blocked()) {
    if (!have_command_) {
      auto found = parser_.next();
      if (found == resp::parser::outcome::incomplete) {
        if (backlog_.empty())
          break;
        parser_.feed(std::exchange(backlog_, {}));
        continue;
      }
      if (found != resp::parser::outcome::command) {
        std::string bytes;
        writer_to(bytes).error(found == resp::parser::outcome::broken ? "ERR " + parser_.error() : parser_.error());
        answer_locally(bytes);
        multi_failed_ |= in_multi_;
        closing_ |= found == resp::parser::outcome::broken;
        continue;
      }
      have_command_ = true;
    }
    if (dispatch(parser_.arguments()))
      have_command_ = false;
    else
      blocked_ = true;
  }
  processing_ = false;
}

void connection::give_up(const char* error) {
  if (!have_command_ || !waits_for_room_)
    return;
  waits_for_room_ = false;
  have_command_ = false;
  if (in_multi_)
    reset_transaction(); // It was EXEC: whatever becomes of it, it ends the transaction.
  else if (last_command_ == "watch")
    watch_in_vain(arguments{parser_.arguments()}.subspan(1));
  std::string bytes;
  writer_to(bytes).error(error);
  answer_locally(bytes);
  resume();
}

// -- dispatching --------------------------------------------------------------

bool connection::dispatch(arguments args) {
  auto* spec = services_.find(args[0]);
  auto count = static_cast<int>(args.size());
  std::string bytes;
  if (!spec || (spec->arity >= 0 ? count != spec->arity : count < -spec->arity)) {
    multi_failed_ |= in_multi_;
    writer_to(bytes).error(spec ? errors::wrong_arity(args[0]) : gateway_errors::unknown_command(args));
    answer_locally(bytes);
    return true;
  }
  // EXEC's reply is put together from what it found: nothing goes ahead of that.
  if (!executing_.empty() || !watching_.empty())
    return false;
  last_command_ = spec->name;
  std::string_view name = spec->name;
  auto say = [&](auto write) {
    write(writer_to(bytes));
    answer_locally(bytes);
    return true;
  };
  if (name == "exec")
    return exec();
  if (name == "discard") {
    if (!in_multi_)
      return say([](auto out) { out.error("ERR DISCARD without MULTI"); });
    reset_transaction();
    return say([](auto out) { out.status("OK"); });
  }
  if (name == "multi") {
    if (in_multi_)
      return say([](auto out) { out.error("ERR MULTI calls can not be nested"); });
    in_multi_ = true;
    return say([](auto out) { out.status("OK"); });
  }
  if (name == "watch" && in_multi_)
    return say([](auto out) { out.error("ERR WATCH inside MULTI is not allowed"); });
  if (name == "quit") {
    say([](auto out) { out.status("OK"); });
    return closing_ = true;
  }
  if (name == "reset") {
    reset_transaction();
    version_ = 2;
    name_.clear();
    no_evict_ = no_touch_ = false;
    return say([](auto out) { out.status("RESET"); });
  }
  if (in_multi_)
    return dispatch_queued(args, *spec);
  if (name == "watch")
    return watch(args);
  if (name == "unwatch") {
    watched_.clear();
    return say([](auto out) { out.status("OK"); });
  }
  auto own = local_commands::specs();
  if (spec >= own.data() && spec < own.data() + own.size()) {
    local_commands::answer(*this, args, bytes);
    answer_locally(bytes);
    return true;
  }
  return dispatch_machine(args, *spec);
}

/// Between MULTI and EXEC: kept, within the limit of one command.
bool connection::dispatch_queued(arguments args, const command_spec& spec) {
  auto own = local_commands::specs();
  queued command{{args.begin(), args.end()}, &spec >= own.data() && &spec < own.data() + own.size()};
  for (auto each : args)
    multi_bytes_ += each.size() + 32;
  std::string bytes;
  if (multi_bytes_ > parser_.bounds().command_bytes) {
    multi_failed_ = true;
    multi_.clear();
    writer_to(bytes).error("ERR the transaction is larger than the limit of " + std::to_string(parser_.bounds().command_bytes)
                           + " bytes (command-limit)");
  } else {
    multi_.push_back(std::move(command));
    writer_to(bytes).status("QUEUED");
  }
  answer_locally(bytes);
  return true;
}

bool connection::dispatch_machine(arguments args, const command_spec& spec) {
  gateway_services::ticket whose{id_, next_ticket_};
  auto as_read = spec.access == command_spec::read && decided_under_way_ == 0;
  if (!as_read && reads_under_way_ > 0)
    return false; // The reads before it must not see it.
  auto taken = as_read ? services_.submit_read(whose, args) : services_.submit(whose, args);
  if (taken)
    begin_pending(as_read ? kind::read : kind::decided);
  else if (!std::exchange(waits_for_room_, true))
    waits_since_ms_ = now_ms_;
  return taken;
}

bool connection::watch(arguments args) {
  if (reads_under_way_ > 0)
    return false;
  auto decided = decided_under_way_ > 0;
  if (!services_.submit_versions({id_, next_ticket_}, args.subspan(1), decided)) {
    if (!std::exchange(waits_for_room_, true))
      waits_since_ms_ = now_ms_;
    return false;
  }
  for (auto key : args.subspan(1))
    watching_.emplace_back(key);
  begin_pending(kind::versions);
  return true;
}

/// What a WATCH that got an error was to protect is not performed.
template <class Keys>
void connection::watch_in_vain(const Keys& keys) {
  for (auto& key : keys)
    watched_.emplace_back(key, no_version);
}

bool connection::exec() {
  std::string bytes;
  if (!in_multi_) {
    writer_to(bytes).error("ERR EXEC without MULTI");
  } else if (multi_failed_) {
    reset_transaction();
    writer_to(bytes).error("EXECABORT Transaction discarded because of previous errors.");
  } else {
    if (reads_under_way_ > 0)
      return false;
    std::vector<std::vector<std::string>> commands;
    for (auto& each : multi_)
      if (!each.local)
        commands.push_back(each.arguments);
    if (!services_.submit_transaction({id_, next_ticket_}, commands, watched_)) {
      if (!std::exchange(waits_for_room_, true))
        waits_since_ms_ = now_ms_;
      return false;
    }
    executing_ = std::move(multi_);
    if (executing_.empty())
      executing_.emplace_back(); // So that the connection waits for the answer all the same.
    reset_transaction();
    begin_pending(kind::transaction);
    return true;
  }
  answer_locally(bytes);
  return true;
}

void connection::reset_transaction() {
  in_multi_ = multi_failed_ = false;
  multi_.clear();
  multi_bytes_ = 0;
  watched_.clear();
}

// -- replies ------------------------------------------------------------------

void connection::begin_pending(kind what) {
  waits_for_room_ = false;
  pending_.push_back({next_ticket_++, what, false, {}});
  if (what == kind::read)
    ++reads_under_way_;
  else
    ++decided_under_way_;
}

void connection::answer_locally(const std::string& bytes) {
  if (pending_.empty())
    output_ += bytes;
  else
    pending_.push_back({next_ticket_++, kind::local, true, bytes});
}

void connection::deliver(uint64_t ticket, schema::Reply::Reader reply) {
  if (pending_.empty() || ticket < pending_.front().ticket || ticket - pending_.front().ticket >= pending_.size())
    return;
  auto& x = pending_[ticket - pending_.front().ticket];
  std::string bytes;
  if (x.what == kind::transaction) {
    bytes = merge_exec(reply);
  } else if (x.what == kind::versions && reply.isArray()) {
    auto versions = reply.getArray();
    for (unsigned i = 0; i < versions.size() && i < watching_.size(); ++i)
      watched_.emplace_back(watching_[i], static_cast<uint64_t>(versions[i].getInteger()));
    writer_to(bytes).status("OK");
  } else if (x.what == kind::versions) {
    watch_in_vain(watching_);
    writer_to(bytes).reply(reply);
  } else if (ticket == pending_.front().ticket) {
    // The common case writes where the bytes leave from.
    auto before = output_.size();
    writer_to(output_).reply(reply);
    note_reply(output_.size() - before);
  } else {
    writer_to(bytes).reply(reply);
  }
  if (!bytes.empty())
    note_reply(bytes.size());
  finish(ticket, std::move(bytes));
}

void connection::deliver_error(uint64_t ticket, std::string_view text) {
  if (pending_.empty() || ticket < pending_.front().ticket || ticket - pending_.front().ticket >= pending_.size())
    return;
  if (pending_[ticket - pending_.front().ticket].what == kind::versions)
    watch_in_vain(watching_);
  std::string bytes;
  writer_to(bytes).error(text);
  finish(ticket, std::move(bytes));
}

/// The larger the replies, the fewer commands are begun before they are read.
void connection::note_reply(size_t bytes) {
  reply_bytes_ = (7 * reply_bytes_ + bytes) / 8;
  pending_limit_ = std::clamp<size_t>(pending_limit_bytes / (reply_bytes_ + 1), 2, most_pending);
}

/// Marks it done and moves what is complete, in order, to the output.
void connection::finish(uint64_t ticket, std::string bytes) {
  auto& x = pending_[ticket - pending_.front().ticket];
  if (x.done)
    return;
  x.done = true;
  x.bytes = std::move(bytes);
  if (x.what == kind::transaction)
    executing_.clear();
  if (x.what == kind::versions)
    watching_.clear();
  if (x.what == kind::read)
    --reads_under_way_;
  else
    --decided_under_way_;
  while (!pending_.empty() && pending_.front().done) {
    output_ += pending_.front().bytes;
    pending_.pop_front();
  }
}

/// The state machine's replies, and between them those of the local commands that were queued.
std::string connection::merge_exec(schema::Reply::Reader reply) const {
  std::string bytes;
  auto out = writer_to(bytes);
  if (!reply.isArray()) {
    out.reply(reply);
    return bytes;
  }
  auto replies = reply.getArray();
  auto commands = executing_.size() == 1 && executing_[0].arguments.empty() ? 0 : executing_.size();
  out.array(commands);
  unsigned next = 0;
  for (size_t i = 0; i < commands; ++i) {
    if (!executing_[i].local) {
      if (next < replies.size())
        out.reply(replies[next++]);
      continue;
    }
    std::vector<std::string_view> args{executing_[i].arguments.begin(), executing_[i].arguments.end()};
    local_commands::answer(const_cast<connection&>(*this), args, bytes);
  }
  return bytes;
}

} // namespace synod
