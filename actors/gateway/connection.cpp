#include "synod/actors/gateway/connection.hpp"

#include "synod/actors/role/redis_text.hpp"

#include <strings.h>

#include <utility>

namespace synod {

namespace {

/// What a web page can have a browser send to a port of its host must not be performed, as if a client had asked for it.
bool is_of_browser(std::string_view name) {
  return (name.size() == 4 && ::strncasecmp(name.data(), "post", 4) == 0)
         || (name.size() == 5 && ::strncasecmp(name.data(), "host:", 5) == 0);
}

} // namespace

connection::connection(uint64_t id, address where, resp::limits limits, time_point now, gateway_services& services)
  : client_{id, std::move(where.remote), std::move(where.local), now, now},
    services_{services},
    parser_{limits},
    transaction_{limits.command_bytes} {}

void connection::receive(std::string_view bytes, time_point now) {
  client_.used = now;
  all_parsed_ = false;
  if (closing_)
    return;
  // The parsed command that waits still points into the parser.
  if (have_command_)
    backlog_.append(bytes);
  else
    parser_.feed(bytes);
  process();
}

bool connection::resume() {
  blocked_ = false;
  ask_postponed();
  return process();
}

/// Goes through the commands until one has to wait. False: not one was done with.
bool connection::process() {
  if (processing_)
    return false;
  processing_ = true;
  auto progress = false;
  while (!closing_ && !blocked() && (have_command_ || take_command())) {
    if (have_command_) {
      have_command_ = !dispatch(parser_.arguments());
      blocked_ = have_command_;
    }
    progress |= !blocked_;
  }
  processing_ = false;
  return progress;
}

/// Parses the next command; one that is none is answered here. False: more bytes are needed.
bool connection::take_command() {
  using outcome = resp::parser::outcome;
  switch (parser_.next()) {
    case outcome::command:
      have_command_ = true;
      return true;
    case outcome::incomplete:
      all_parsed_ = backlog_.empty();
      if (all_parsed_)
        return false;
      parser_.feed(std::exchange(backlog_, {}));
      return true;
    case outcome::too_large:
      say_error(parser_.error());
      transaction_.fail();
      return true;
    case outcome::broken:
      say_error("ERR " + parser_.error());
      closing_ = true;
      return true;
  }
  return false;
}

void connection::give_up(const char* error) {
  if (!have_command_ || !waits_for_room_)
    return;
  waits_for_room_ = false;
  have_command_ = false;
  arguments args{parser_.arguments()};
  if (transaction_.open())
    transaction_.discard(); // It was EXEC: whatever becomes of it, it ends the transaction.
  else if (services_.commands().find(args)->how == gateway_command::kind::watch)
    transaction_.watch_failed(args.subspan(1));
  say_error(error);
  end_command();
  resume();
}

/// CLIENT REPLY SKIP is about the next one.
void connection::end_command() {
  client_.skips_this = std::exchange(client_.skips_next, false);
}

// -- dispatching --------------------------------------------------------------

bool connection::dispatch(arguments args) {
  if (is_of_browser(args[0])) {
    services_.warn("a client that speaks HTTP is disconnected", client_.remote_address);
    closing_ = true;
    return true;
  }
  if (transaction_.waits())
    return false;
  auto found = services_.commands().look_up(args);
  auto done = true;
  if (found.error.empty())
    done = perform(*found.command, args);
  else
    refuse(found.command, found.error);
  if (done)
    end_command();
  return done;
}

void connection::refuse(const gateway_command* command, std::string_view error) {
  if (command && command->how == gateway_command::kind::exec) {
    transaction_.discard(); // Whatever becomes of EXEC, it ends the transaction.
    return say_error("EXECABORT Transaction discarded because of: " + std::string{error.substr(error.find(' ') + 1)});
  }
  transaction_.fail();
  say_error(error);
}

bool connection::perform(const gateway_command& command, arguments args) {
  client_.last_command = command.spec.name;
  switch (command.how) {
    case gateway_command::kind::machine:
    case gateway_command::kind::info:
      if (!transaction_.open())
        return submit(args, command);
      queue(args, command);
      return true;
    case gateway_command::kind::local:
      transaction_.open() ? queue(args, command) : answer_locally(command, args);
      return true;
    case gateway_command::kind::at_once:
      answer_locally(command, args);
      return true;
    case gateway_command::kind::watch:
      return watch(args.subspan(1));
    case gateway_command::kind::exec:
      return exec();
  }
  return true;
}

bool connection::submit(arguments args, const gateway_command& command) {
  auto as_read = command.spec.access == command_spec::read && decided_under_way_ == 0;
  if (!as_read && reads_under_way_ > 0)
    return false; // The reads before it must not see it.
  auto may_be_large = command.spec.access == command_spec::read && reply_bytes_ >= pending_limit_bytes / first_pending;
  if (!as_read && may_be_large && pending_.size() >= few_pending)
    return false;
  if (as_read ? !services_.submit_read(next_ticket(), args) : !services_.submit(next_ticket(), args))
    return wait_for_room();
  auto is_info = command.how == gateway_command::kind::info;
  begin_pending(is_info ? kind::info : kind::simple, as_read);
  if (is_info)
    pending_.back().bytes = services_.info(args.subspan(1));
  return true;
}

bool connection::wait_for_room() {
  waits_for_room_ = true;
  return false;
}

void connection::queue(arguments args, const gateway_command& command) {
  if (transaction_.queue(args, command))
    say_status("QUEUED");
  else
    say_error("ERR the transaction is larger than the limit of " + std::to_string(transaction_.limit_bytes())
              + " bytes (command-limit)");
}

bool connection::watch(arguments keys) {
  if (transaction_.open()) {
    say_error("ERR WATCH inside MULTI is not allowed");
    return true;
  }
  if (!transaction_.has_room_to_watch(keys)) {
    transaction_.watch_failed(keys);
    say_error("ERR the watched keys are larger than the limit of " + std::to_string(transaction_.limit_bytes())
              + " bytes (command-limit)");
    return true;
  }
  if (reads_under_way_ > 0)
    return false;
  if (!services_.submit_versions(next_ticket(), keys, decided_under_way_ > 0))
    return wait_for_room();
  transaction_.begin_watch(keys);
  begin_pending(kind::versions, false);
  return true;
}

bool connection::exec() {
  if (!transaction_.open()) {
    say_error("ERR EXEC without MULTI");
    return true;
  }
  if (transaction_.failed()) {
    transaction_.discard();
    say_error("EXECABORT Transaction discarded because of previous errors.");
    return true;
  }
  if (reads_under_way_ > 0)
    return false;
  if (!services_.submit_transaction(next_ticket(), transaction_))
    return wait_for_room();
  transaction_.begin_execution();
  begin_pending(kind::transaction, false);
  return true;
}

// -- answering here -------------------------------------------------------------

void connection::answer_locally(const gateway_command& command, arguments args) {
  std::string bytes;
  auto out = writer_to(bytes);
  perform_locally(command, args, out);
  if (out.full()) {
    resp::give_back(bytes);
    out.error("ERR the reply is larger than the limit of 60 MiB");
  }
  say(std::move(bytes));
}

void connection::perform_locally(const gateway_command& command, arguments args, resp::writer out) {
  local_context context{client_, transaction_, services_};
  command.answer(context, args, out);
  closing_ |= context.closes;
}

/// In its turn: at once, or behind the replies that are still to come.
void connection::say(std::string bytes) {
  if (bytes.empty() || client_.silent())
    return;
  if (pending_.empty()) {
    output_ += bytes;
  } else {
    held_bytes_ += bytes.size();
    pending_.push_back({next_ticket_++, kind::local, client_.version, false, false, true, std::move(bytes)});
  }
}

void connection::say_error(std::string_view text) {
  std::string bytes;
  writer_to(bytes).error(text);
  say(std::move(bytes));
}

void connection::say_status(std::string_view text) {
  std::string bytes;
  writer_to(bytes).status(text);
  say(std::move(bytes));
}

} // namespace synod
