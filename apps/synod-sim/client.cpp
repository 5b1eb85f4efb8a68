#include "client.hpp"

#include <algorithm>

namespace synod::simulation {

namespace {

using std::chrono::milliseconds;

constexpr const char* result_gone = "ERR the command was performed, its result is no longer kept";

void put(const std::vector<std::string>& command, capnp::List<capnp::Data>::Builder list) {
  for (unsigned i = 0; i < list.size(); ++i)
    list.set(i, as_data(command[i]));
}

void put(const operation& x, schema::Operation::Builder target) {
  if (x.what == operation::kind::command)
    return put(x.commands.front(), target.initArguments(static_cast<unsigned>(x.commands.front().size())));
  if (x.what == operation::kind::watch)
    return put(x.commands.front(), target.initVersions(static_cast<unsigned>(x.commands.front().size())));
  auto commands = target.initTransaction().initCommands(static_cast<unsigned>(x.commands.size()));
  for (unsigned i = 0; i < commands.size(); ++i)
    put(x.commands[i], commands.init(i, static_cast<unsigned>(x.commands[i].size())));
}

message<schema::Requests> build(uint64_t session, uint64_t first_cid, const std::vector<operation>& operations) {
  builder<schema::Requests> built;
  built->setSession(session);
  built->setFirstCid(first_cid);
  auto list = built->initOperations(static_cast<unsigned>(operations.size()));
  for (unsigned i = 0; i < list.size(); ++i)
    put(operations[i], list[i]);
  return built.finish();
}

std::string key(char kind, unsigned group) {
  return kind + std::to_string(group);
}

} // namespace

/// Where responses arrive.
class session_client::endpoint : public caf::monitorable_actor {
public:
  endpoint(caf::actor_config& config, session_client& of) : caf::monitorable_actor{config}, of_{of} {}

  void enqueue(caf::mailbox_element_ptr what, caf::execution_unit*) override {
    auto content = what->move_content_to_message();
    if (content.match_elements<message<schema::Responses>>())
      of_.on_responses(content.get_as<message<schema::Responses>>(0));
  }

private:
  session_client& of_;
};

session_client::session_client(stage& on, uint32_t index, record_book& book)
  : stage_{on},
    index_{index},
    book_{book},
    name_{fmt::format("client-{}", index)},
    random_{on.drawn.options.seed, "client", index} {
  strand_.process = ++on.processes;
  caf::actor_config config;
  auto& system = on.time.system();
  roles_.push_back(
    {"client", caf::make_actor<endpoint, caf::actor>(system.next_actor_id(), system.node(), &system, config, *this), &strand_});
}

// -- what it asks for ---------------------------------------------------------

void session_client::start() {
  stage_.time.after(random_.between(milliseconds{0}, milliseconds{500}), [this] { next(); });
  watch_progress(0, stage_.drawn.client_timeout);
}

void session_client::next() {
  if (finishing_)
    return;
  if (session_ == 0 && opening_ == 0) {
    opening_ = random_.next() | (uint64_t{1} << 63); // Never the number of a read.
    open_session();
  }
  if (session_ != 0 && writes_.size() + reads_.size() < stage_.drawn.pipeline)
    ask();
  stage_.time.after(random_.around(stage_.drawn.think), [this] { next(); });
}

void session_client::ask() {
  auto group = static_cast<unsigned>(random_.below(stage_.drawn.groups));
  auto roll = random_.below(100);
  if (roll < stage_.drawn.reads_percent) {
    auto kind = random_.of<char>({'r', 'c', 'l'});
    ask_read(group, operation{index_, operation::kind::command, {{"GET", key(kind, group)}}});
  } else if (roll < stage_.drawn.reads_percent + 5) {
    ask_read(group, operation{index_, operation::kind::watch, {{key('r', group)}}});
  } else {
    ask_write();
  }
}

void session_client::ask_read(unsigned group, operation x) {
  auto number = next_read_++;
  auto request = build(0, number, {x});
  reads_.emplace(number, read{begin(group, std::move(x)), request});
  send(query_atom_v, request);
}

/// One to three operations in one request.
void session_client::ask_write() {
  std::vector<operation> operations;
  std::vector<place> places;
  for (auto left = random_.below(4) == 0 ? random_.between(2, 3) : 1; left > 0; --left) {
    auto group = static_cast<unsigned>(random_.below(stage_.drawn.groups));
    operations.push_back(draw_write(group));
    places.push_back(begin(group, operations.back()));
  }
  send_write(std::move(places), build(session_, next_cid_, operations));
}

void session_client::send_write(std::vector<place> operations, message<schema::Requests> request) {
  for (size_t i = 0; i < operations.size(); ++i) {
    auto& x = book_.groups[operations[i].group][operations[i].index];
    x.session = session_;
    x.cid = next_cid_ + i;
  }
  writes_.push_back({next_cid_, std::move(operations), 0, std::move(request)});
  next_cid_ += writes_.back().operations.size();
  send(request_atom_v, writes_.back().request);
}

/// A transaction that is performed only if nobody has changed the key since it was looked at.
void session_client::ask_watched(place watch) {
  if (session_ == 0)
    return;
  operation x{
    index_, operation::kind::transaction, {{"SET", key('r', watch.group), fresh_value()}, {"INCR", key('c', watch.group)}}};
  x.version = at(watch).version;
  builder<schema::Requests> built;
  built->setSession(session_);
  built->setFirstCid(next_cid_);
  auto target = built->initOperations(1)[0];
  put(x, target);
  auto watched = target.getTransaction().initWatched(1);
  auto watched_key = key('r', watch.group);
  watched[0].setKey(as_data(watched_key));
  watched[0].setVersion(*at(watch).version);
  send_write({begin(watch.group, std::move(x))}, built.finish());
}

operation session_client::draw_write(unsigned group) {
  operation x;
  x.client = index_;
  auto count = random_.below(6) == 0 ? random_.between(2, 3) : 1;
  x.what = count > 1 ? operation::kind::transaction : operation::kind::command;
  for (; count > 0; --count) {
    x.commands.push_back(draw_command(group));
    if (x.commands.back().size() == 5 && x.what == operation::kind::transaction)
      x.commands.back().resize(3); // One log time for all of it: expiry only alone.
  }
  return x;
}

std::vector<std::string> session_client::draw_command(unsigned group) {
  auto number = [this](int64_t least, int64_t most) { return std::to_string(random_.between(least, most)); };
  auto roll = random_.below(100);
  if (roll < 25)
    return {"SET", key('r', group), fresh_value()};
  if (roll < 35)
    return {"SET", key('r', group), fresh_value(), "PX", number(10, 3000)};
  if (roll < 40)
    return {"SET", key('r', group), fresh_value(), "PXAT",
            std::to_string(random_.between(-200, 3000) + host::beginning_ms()
                           + std::chrono::duration_cast<milliseconds>(stage_.time.now()).count())};
  if (roll < 48)
    return {"GETSET", key('r', group), fresh_value()};
  if (roll < 53)
    return {"DEL", key('r', group)};
  if (roll < 78)
    return {"INCR", key('c', group)};
  if (roll < 80)
    return {"INCR", key('r', group)};
  if (roll < 91)
    return {"APPEND", key('l', group), fmt::format("{}.{};", index_, ++values_)};
  if (roll < 96)
    return {"DEL", key('l', group)};
  if (roll < 97)
    return {"DEL", key('c', group)};
  return {"GET", key(random_.of<char>({'r', 'c', 'l'}), group)};
}

std::string session_client::fresh_value() {
  auto large = stage_.drawn.large_value_bytes > 0 && random_.below(4) == 0;
  return fmt::format("v{}.{}", index_, ++values_)
         + (large ? std::string(1 + random_.below(stage_.drawn.large_value_bytes), 'x') : "");
}

void session_client::read_all() {
  for (unsigned group = 0; group < stage_.drawn.groups; ++group)
    for (auto kind : {'r', 'c', 'l'})
      ask_read(group, operation{index_, operation::kind::command, {{"GET", key(kind, group)}}});
}

std::string session_client::waits_for() const {
  if (!writes_.empty())
    return describe(at(writes_.front().operations[writes_.front().answered]));
  if (!reads_.empty())
    return describe(at(reads_.begin()->second.asked));
  return {};
}

session_client::place session_client::begin(unsigned group, operation x) {
  x.called = stage_.time.now();
  x.earliest_log_time = stage_.checks->expected().log_time();
  ++book_.operations;
  ++book_.unknown;
  book_.groups[group].push_back(std::move(x));
  return {group, book_.groups[group].size() - 1};
}

void session_client::end(place where, std::optional<std::string> reply) {
  auto& x = book_.groups[where.group][where.index];
  x.returned = stage_.time.now();
  x.reply = std::move(reply);
  x.latest_log_time = stage_.checks->latest_time();
  --book_.unknown;
}

// -- what it is told ----------------------------------------------------------

void session_client::on_responses(const message<schema::Responses>& responses) {
  if (responses->getRefused())
    return; // Too much waits at that replica: it is asked again later.
  ++progress_;
  if (responses->getSession() != 0)
    on_decided(responses);
  else if (opening_ != 0 && responses->getFirstCid() == opening_)
    on_opened(responses);
  else
    on_read(responses);
}

void session_client::on_opened(const message<schema::Responses>& responses) {
  opening_ = 0;
  auto replies = responses->getReplies();
  if (replies.size() != 1 || !replies[0].isInteger())
    return;
  session_ = static_cast<uint64_t>(replies[0].getInteger());
  next_cid_ = 1;
}

void session_client::on_decided(const message<schema::Responses>& responses) {
  if (responses->getSession() != session_)
    return;
  if (responses->getSessionEnded())
    return lose_session();
  auto replies = responses->getReplies();
  for (unsigned i = 0; i < responses->getAnswered() && !writes_.empty(); ++i) {
    auto cid = responses->getFirstCid() + i;
    auto& first = writes_.front();
    if (cid != first.first_cid + first.answered)
      continue; // Answered before.
    auto reply = text_of(replies[i]);
    end(first.operations[first.answered++], reply == result_gone ? std::nullopt : std::optional{reply});
    if (first.answered == first.operations.size())
      writes_.pop_front();
  }
}

void session_client::on_read(const message<schema::Responses>& responses) {
  auto found = reads_.find(responses->getFirstCid());
  if (found == reads_.end() || responses->getReplies().size() != 1)
    return;
  auto asked = found->second.asked;
  reads_.erase(found);
  auto reply = responses->getReplies()[0];
  end(asked, text_of(reply));
  if (at(asked).what != operation::kind::watch || !reply.isArray() || reply.getArray().size() != 1)
    return;
  book_.groups[asked.group][asked.index].version = static_cast<uint64_t>(reply.getArray()[0].getInteger());
  if (!finishing_)
    ask_watched(asked);
}

// -- replicas and the session -------------------------------------------------

void session_client::on_peer(uint32_t other, const std::string& role_name, const caf::strong_actor_ptr& handle) {
  if (role_name != "replica")
    return;
  if (handle)
    replicas_[other] = handle;
  else
    replicas_.erase(other);
  if (present_ && *present_ != other)
    return;
  present_.reset();
  stage_.time.after(random_.between(milliseconds{0}, milliseconds{100}), [this] {
    if (present_)
      return;
    turn();
    send_all();
  });
}

/// Turns to another replica, if there is one.
void session_client::turn() {
  if (replicas_.empty())
    return present_.reset();
  auto chosen = std::next(replicas_.begin(), static_cast<long>(random_.below(replicas_.size())));
  if (present_ && replicas_.size() > 1 && chosen->first == *present_ && ++chosen == replicas_.end())
    chosen = replicas_.begin();
  present_ = chosen->first;
}

/// Where nothing comes for too long, another replica is asked; each time in vain, the client waits longer.
void session_client::watch_progress(uint64_t before, duration patience) {
  stage_.time.after(patience, [this, before, patience] {
    auto in_vain = progress_ == before && (!idle() || opening_ != 0);
    if (in_vain) {
      turn();
      send_all();
    }
    watch_progress(progress_, in_vain ? std::min<duration>(2 * patience, std::chrono::seconds{5}) : stage_.drawn.client_timeout);
  });
}

void session_client::send_all() {
  if (opening_ != 0)
    open_session();
  for (auto& x : writes_) {
    ++book_.retries;
    send(request_atom_v, x.request);
  }
  for (auto& [number, x] : reads_)
    send(query_atom_v, x.request);
}

template <class... Ts>
void session_client::send(const Ts&... xs) {
  auto to = present_ ? replicas_.find(*present_) : replicas_.end();
  if (to == replicas_.end())
    return; // It is sent when there is one.
  caf::actor_cast<caf::abstract_actor*>(to->second)
    ->enqueue(caf::actor_cast<caf::strong_actor_ptr>(roles_.front().handle), caf::make_message_id(), caf::make_message(xs...),
              nullptr);
}

void session_client::open_session() {
  builder<schema::Requests> built;
  built->setFirstCid(opening_);
  built->initOperations(1)[0].initOpen().setKeepResults(true);
  send(request_atom_v, built.finish());
}

/// What was under way under it has an unknown outcome.
void session_client::lose_session() {
  session_ = 0;
  writes_.clear();
}

} // namespace synod::simulation
