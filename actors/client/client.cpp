#include "synod/actors/client/client.hpp"

#include "synod/actors/role/robust.hpp"
#include "synod/messages/status.hpp"

#include <algorithm>

namespace synod {

namespace {

constexpr std::chrono::milliseconds tick_interval{50};
constexpr auto category = caf::atom("synod");

client_session::options seeded(client_session::options x, environment& by) {
  x.seed = by.random();
  return x;
}

} // namespace

client::client(caf::actor_config& config, environment_ptr environment, options x)
  : session_actor::base{config},
    environment_{std::move(environment)},
    options_{x},
    session_{seeded(x.session, *environment_), *this},
    replicas_{x.session.outstanding_limit_bytes} {}

client::behavior_type client::make_behavior() {
  robust_part(*this, environment_);
  set_exit_handler([this](caf::exit_msg& x) { quit(x.reason); }); // Also when that ends as it should.
  delayed_send(this, tick_interval, tick_atom_v);
  return {
    [this](const peer& x) { on_peer(x); },
    [this](status_atom) { return status(); },
    [this](perform_atom, const operations& x) {
      uint64_t asked = 0;
      auto promise = wait(asked);
      session_.perform(asked, x, clock().now());
      return promise;
    },
    [this](query_atom, const operations& x) {
      uint64_t asked = 0;
      auto promise = wait(asked);
      session_.query(asked, x, clock().now());
      return promise;
    },
    [this](const message<schema::Opened>& opened) { session_.on_opened(opened, clock().now()); },
    [this](const message<schema::Responses>& responses) {
      note_mark(responses->getMark());
      session_.on_responses(responses, clock().now());
    },
    [this](const message<schema::Answers>& answers) {
      note_mark(answers->getMark());
      session_.on_answers(answers, clock().now());
    },
    [this](tick_atom) { on_tick(); },
  };
}

void client::on_exit() {
  session_.end();
  replicas_.clear();
  marks_.take();
}

// -- who asks -------------------------------------------------------------------

client::answer_promise client::wait(uint64_t& asked) {
  asked = ++last_asked_;
  return asked_[asked] = make_response_promise<message<schema::Replies>>();
}

void client::answer(uint64_t asked, message<schema::Replies> replies) {
  if (auto waits = asked_.extract(asked))
    waits.mapped().deliver(std::move(replies));
}

void client::fail(uint64_t asked, client_fault what, const std::string& why) {
  if (auto waits = asked_.extract(asked))
    waits.mapped().deliver(client_error(what, why));
}

// -- replicas -------------------------------------------------------------------

template <class Message>
void client::ask_replica(const Message& x) {
  if (auto* to = used_ ? replicas_.find(*used_) : nullptr)
    send(to->handle, x);
}

void client::ask(const message<schema::Request>& x) {
  ask_replica(x);
}

void client::ask(const message<schema::Query>& x) {
  ask_replica(x);
}

void client::on_peer(const peer& x) {
  if (x.role != "replica")
    return;
  replicas_.renew(x);
  auto is_beside = x.node == options_.beside && x.handle;
  if (used_ && *used_ != x.node && !is_beside)
    return;
  if (is_beside)
    used_.reset();
  choose_replica();
  if (used_)
    session_.on_replica(clock().now());
}

/// The next one, in the order of nodes; at first the one beside it.
void client::choose_replica() {
  auto before = std::exchange(used_, std::nullopt);
  if (replicas_.empty())
    return;
  auto next = std::find_if(replicas_.begin(), replicas_.end(), [&](auto& x) { return before && x.node > *before; });
  auto& chosen = before ? (next == replicas_.end() ? *replicas_.begin() : *next)
                        : *(replicas_.find(options_.beside) ? replicas_.find(options_.beside) : &*replicas_.begin());
  used_ = chosen.node;
}

void client::on_tick() {
  delayed_send(this, tick_interval, tick_atom_v);
  return_marks(*this, marks_, options_.beside);
  auto now = clock().now();
  if (session_.gives_up(now)) {
    choose_replica();
    session_.on_replica(now);
  }
  session_.on_tick(now);
}

/// Flow control: the replica sends as much as was taken here.
void client::note_mark(uint64_t mark) {
  if (mark == 0)
    return;
  marks_.note(current_sender(), mark);
  if (marks_.urgent())
    return_marks(*this, marks_, options_.beside);
}

message<schema::RoleStatus> client::status() const {
  auto number = [](auto x) { return static_cast<int64_t>(x); };
  return role_status("client", {{"session", std::to_string(session_.session())},
                                {"operations under way", number(session_.under_way())},
                                {"bytes outstanding", number(session_.outstanding_bytes())}});
}

// -- what it is asked, and says ---------------------------------------------------

message<schema::Operations> packed(const operation_writer& operations) {
  builder<schema::Operations> built{operations.size_bytes()};
  operations.write(*built);
  return built.finish();
}

message<schema::Operations> command(arguments words) {
  operation_writer one;
  one.command(words);
  return packed(one);
}

caf::error client_error(client_fault what, const std::string& why) {
  return {static_cast<uint8_t>(what), category, caf::make_message(why)};
}

std::optional<client_fault> fault_of(const caf::error& x) {
  return x && x.category() == category ? std::optional{static_cast<client_fault>(x.code())} : std::nullopt;
}

} // namespace synod
