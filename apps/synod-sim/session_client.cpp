#include "session_client.hpp"

#include "synod/messages/operations.hpp"

#include <algorithm>

namespace synod::simulation {

namespace {

using std::chrono::milliseconds;

constexpr const char* result_gone = "ERR the command was performed, its result is no longer kept";
constexpr uint64_t in_order = 1; // all that one client writes

using watched_keys = std::vector<std::pair<std::string, uint64_t>>;

void put(const operation& x, const watched_keys& watched, operation_writer& into) {
  if (x.what == operation::kind::command)
    into.command(x.commands.front());
  else
    into.transaction(watched, x.commands);
}

} // namespace

/// What a client needs of its process.
class session_client::host_environment : public environment {
public:
  host_environment(stage& on, const random_stream& random) : stage_{on}, random_{random} {}

  caf::actor_system& system() override { return stage_.time.system(); }
  uint64_t random() override { return random_.next(); }
  void fatal(const std::string& why) override { stage_.checks->fail("client", why); }

  // Not a client's.
  int64_t wall_clock_us() const override { none(); }
  std::chrono::nanoseconds boot_clock() const override { none(); }
  disk& files() override { none(); }
  const std::filesystem::path& data_directory() const override { none(); }
  caf::expected<std::shared_ptr<sockets>> listen(const endpoint&) override { none(); }
  std::unique_ptr<state_machine> make_state_machine() override { none(); }
  spdlog::logger& log() override { none(); }

private:
  [[noreturn]] static void none() { throw std::logic_error{"a client has no clock, no files and no log"}; }

  stage& stage_;
  random_stream random_;
};

session_client::session_client(stage& on, uint32_t index, record_book& book)
  : workload_client{on, index, book}, name_{fmt::format("client-{}", index)} {
  strand_.process = ++on.processes;
  user_ = make_client_endpoint(on.time, [this](uint64_t number, const caf::message& content) { take(number, content); });
  client::options options;
  options.session.patience = std::chrono::duration_cast<milliseconds>(on.drawn.client_timeout);
  options.session.lifetime = on.drawn.config->options_of("replica").duration("session-lifetime");
  auto environment = std::make_shared<host_environment>(on, random_stream{on.drawn.options.seed, "client's environment", index});
  on.time.as(strand_, [&] {
    auto asked = caf::actor_cast<caf::actor>(on.time.system().spawn<client>(environment, options));
    on.time.pin(asked, strand_);
    roles_.push_back({"client", asked, &strand_});
  });
}

void session_client::end_process() {
  asked_.clear();
  stage_.time.as(strand_, [&] { caf::anon_send_exit(roles_.front().handle, caf::exit_reason::user_shutdown); });
  roles_.clear();
  stage_.time.drain({&strand_});
}

void session_client::on_peer(uint32_t other, const std::string& role_name, const caf::strong_actor_ptr& handle) {
  if (role_name != "replica")
    return;
  auto node = stage_.drawn.config->nodes[other].id;
  stage_.time.as(strand_, [&] { caf::anon_send(roles_.front().handle, peer{node, role_name, handle}); });
}

// -- what it asks for ---------------------------------------------------------

void session_client::start() {
  stage_.time.after(random_.between(milliseconds{0}, milliseconds{500}), [this] { next(); });
}

void session_client::next() {
  if (finishing_)
    return;
  if (asked_.size() < stage_.drawn.pipeline)
    ask();
  stage_.time.after(random_.around(stage_.drawn.think), [this] { next(); });
}

void session_client::ask() {
  if (of_user())
    return ask_of_user();
  auto group = some_group();
  auto roll = random_.below(100);
  if (roll < stage_.drawn.reads_percent)
    ask_read(group, draw_read(group));
  else if (roll < stage_.drawn.reads_percent + 5)
    look_at(group);
  else
    ask_write();
}

void session_client::ask_read(unsigned group, operation x) {
  operation_writer alone;
  put(x, {}, alone);
  send(query_atom_v, {.operations = {begin(group, std::move(x))}}, alone);
}

/// The first half of a transaction that is performed only if the register is still what it is now: what it is, and versions.
void session_client::look_at(unsigned group) {
  operation x{index_, operation::kind::command, {{"GET", key('r', group)}}};
  auto watched = draw_watched(group);
  operation_writer both;
  put(x, {}, both);
  both.versions(watched);
  send(query_atom_v, {.operations = {begin(group, std::move(x))}, .watched = std::move(watched)}, both);
}

/// One to three operations in one request.
void session_client::ask_write() {
  std::vector<std::pair<unsigned, operation>> drawn;
  for (auto left = random_.below(4) == 0 ? random_.between(2, 3) : 1; left > 0; --left) {
    auto group = some_group();
    drawn.emplace_back(group, draw_write(group));
  }
  ask_writes(std::move(drawn));
}

void session_client::ask_of_user() {
  std::vector<std::pair<unsigned, operation>> writes;
  for (auto left = random_.below(4) == 0 ? random_.between(2, 3) : 1; left > 0; --left)
    if (auto x = draw_of_user(); is_read(x))
      ask_read(0, std::move(x));
    else
      writes.emplace_back(0, std::move(x));
  if (!writes.empty())
    ask_writes(std::move(writes));
}

void session_client::ask_writes(std::vector<std::pair<unsigned, operation>>&& drawn) {
  operation_writer operations;
  request asked;
  for (auto& [group, x] : drawn) {
    x.stream = in_order;
    put(x, {}, operations);
    asked.operations.push_back(begin(group, std::move(x)));
  }
  send(perform_atom_v, std::move(asked), operations);
}

/// The second half.
void session_client::ask_checked(const request& looked, schema::Reply::Reader versions) {
  auto told = versions.isArray() ? versions.getArray().size() : 0;
  if (told != looked.watched.size())
    return;
  auto x = checked_transaction(looked.operations.front(), looked.watched);
  x.stream = in_order;
  watched_keys watched;
  for (unsigned i = 0; i < told; ++i)
    watched.emplace_back(looked.watched[i], static_cast<uint64_t>(versions.getArray()[i].getInteger()));
  operation_writer alone;
  put(x, watched, alone);
  send(perform_atom_v, {.operations = {begin(looked.operations.front().group, std::move(x))}}, alone);
}

void session_client::ask_last() {
  ask_last_write();
  for (auto& [group, x] : last_reads())
    ask_read(group, std::move(x));
}

/// Until it is performed.
void session_client::ask_last_write() {
  auto group = some_group();
  auto x = last_write(group);
  last_write_ = x.has_value(); // The user's workload never writes.
  if (!x)
    return;
  x->stream = in_order;
  operation_writer alone;
  put(*x, {}, alone);
  send(perform_atom_v, {.operations = {begin(group, *x)}, .last = true}, alone);
}

std::string session_client::waits_for() const {
  if (!asked_.empty())
    return describe(at(asked_.begin()->second.operations.front()));
  return last_write_ ? name_ + " has not written" : "";
}

template <class Atom>
void session_client::send(Atom what, request asked, const operation_writer& operations) {
  asked_.emplace(++last_asked_, std::move(asked));
  stage_.time.as(strand_, [&] {
    caf::actor_cast<caf::abstract_actor*>(roles_.front().handle)
      ->enqueue(caf::actor_cast<caf::strong_actor_ptr>(user_), caf::make_message_id(last_asked_),
                caf::make_message(what, packed(operations)), nullptr);
  });
}

// -- what it is told ----------------------------------------------------------

void session_client::take(uint64_t number, const caf::message& content) {
  auto found = asked_.extract(number);
  if (!found)
    return;
  if (content.match_elements<message<schema::Replies>>())
    on_replies(found.mapped(), content.get_as<message<schema::Replies>>(0));
  else
    on_fault(found.mapped(), content.get_as<caf::error>(0));
}

void session_client::on_replies(const request& asked, const message<schema::Replies>& told) {
  auto replies = told->getReplies();
  for (unsigned i = 0; i < asked.operations.size(); ++i) {
    auto reply = text_of(replies[i]);
    end(asked.operations[i], reply == result_gone ? std::nullopt : std::optional{reply});
  }
  last_write_ &= !asked.last;
  if (!asked.watched.empty() && !finishing_)
    ask_checked(asked, replies[static_cast<unsigned>(asked.operations.size())]);
}

/// What had no session, or too much beside it, takes no effect; what was under way in a session that has ended may.
void session_client::on_fault(const request& asked, const caf::error& why) {
  auto what = fault_of(why);
  if (what != client_fault::not_performed && what != client_fault::outcome_unknown)
    return stage_.checks->fail("client", fmt::format("{} was not answered: {}", name_, stage_.time.system().render(why)));
  if (what == client_fault::not_performed)
    for (auto each : asked.operations)
      withdraw(each);
  if (asked.last)
    ask_last_write();
}

} // namespace synod::simulation
