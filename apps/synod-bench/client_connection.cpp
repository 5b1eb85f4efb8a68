#include "client_connection.hpp"

#include <algorithm>
#include <mutex>
#include <utility>

namespace synod::bench {

namespace {

std::string text_of(const caf::error& why) {
  auto what = fault_of(why);
  return what == client_fault::not_performed     ? "(not-performed)"
         : what == client_fault::outcome_unknown ? "(outcome-unknown)"
                                                 : "(client-ended)";
}

} // namespace

// -- answers, in whatever thread ---------------------------------------------------

struct asking::inbox {
  std::mutex mutex;
  std::vector<std::pair<uint64_t, caf::message>> come;
  uv_async_t* wake = nullptr; // null: nobody waits any more
};

class asking::user : public caf::monitorable_actor {
public:
  user(caf::actor_config& config, std::shared_ptr<inbox> into, stages* watch)
    : caf::monitorable_actor{config}, into_{std::move(into)}, watch_{watch} {}

  void enqueue(caf::mailbox_element_ptr what, caf::execution_unit*) override {
    auto number = what->mid.request_id().integer_value();
    auto content = what->move_content_to_message();
    if (watch_ && (number & 1) == 0 && content.match_elements<message<schema::Replies>>())
      watch_->answered(what->sender ? what->sender->id() : 0, content.get_as<message<schema::Replies>>(0)->getReplies().size());
    std::lock_guard guard{into_->mutex};
    into_->come.emplace_back(number, std::move(content));
    if (into_->wake)
      uv_async_send(into_->wake);
  }

private:
  std::shared_ptr<inbox> into_;
  stages* watch_;
};

asking::asking(uv_loop_t& loop, caf::actor_system& system, stages* watch) : inbox_{std::make_shared<inbox>()} {
  uv_async_init(&loop, &wake_, [](uv_async_t* handle) { static_cast<asking*>(handle->data)->on_wake(); });
  wake_.data = this;
  inbox_->wake = &wake_;
  caf::actor_config config;
  user_ = caf::make_actor<user, caf::actor>(system.next_actor_id(), system.node(), &system, config, inbox_, watch);
}

asking::~asking() = default;

void asking::close() {
  std::lock_guard guard{inbox_->mutex};
  if (std::exchange(inbox_->wake, nullptr))
    uv_close(reinterpret_cast<uv_handle_t*>(&wake_), nullptr);
}

uint64_t asking::ask(client_connection& by, const session_actor& to, bool read, const operation_writer& operations) {
  last_ += 2;
  auto number = last_ | (read ? 1 : 0);
  asked_.emplace(number, &by);
  auto what = packed(operations);
  caf::actor_cast<caf::abstract_actor*>(to)->enqueue(
    caf::actor_cast<caf::strong_actor_ptr>(user_), caf::make_message_id(number),
    read ? caf::make_message(query_atom_v, what) : caf::make_message(perform_atom_v, what), nullptr);
  return number;
}

void asking::on_wake() {
  std::vector<std::pair<uint64_t, caf::message>> come;
  {
    std::lock_guard guard{inbox_->mutex};
    come.swap(inbox_->come);
  }
  std::vector<client_connection*> free;
  for (auto& [number, content] : come)
    if (auto found = asked_.extract(number)) {
      found.mapped()->on_answer(number, content);
      if (std::find(free.begin(), free.end(), found.mapped()) == free.end())
        free.push_back(found.mapped());
    }
  for (auto* each : free)
    each->on_free();
}

// -- a connection -------------------------------------------------------------------

void client_connection::connect() {
  connected_ = true;
  owner_.on_connected(*this);
}

void client_connection::append(const command& x, clock::time_point due) {
  if (x.read)
    reads_.operations.command({"GET", x.key});
  else
    writes_.operations.command({"SET", x.key, x.value});
  (x.read ? reads_ : writes_).due.push_back(due);
  ++under_way_;
}

void client_connection::flush() {
  send(false, writes_);
  send(true, reads_);
}

void client_connection::send(bool read, batch& what) {
  if (what.due.empty())
    return;
  auto number = asking_.ask(*this, to_, read, what.operations);
  asked_.emplace(number, asked{read, std::exchange(what.due, {})});
  what.operations.clear();
}

std::deque<connection::sent> client_connection::unanswered() const {
  std::deque<sent> all;
  for (auto& [number, each] : asked_)
    for (auto due : each.due)
      all.push_back({each.read, due});
  return all;
}

void client_connection::on_answer(uint64_t number, const caf::message& content) {
  auto found = asked_.extract(number);
  if (!found)
    return;
  auto& [read, due] = found.mapped();
  under_way_ -= due.size();
  auto* told = content.match_elements<message<schema::Replies>>() ? &content.get_as<message<schema::Replies>>(0) : nullptr;
  auto failure = told ? std::optional<std::string>{} : text_of(content.get_as<caf::error>(0));
  for (unsigned i = 0; i < due.size(); ++i) {
    auto error = failure;
    if (told && (*told)->getReplies()[i].isError())
      error = (*told)->getReplies()[i].getError().cStr();
    owner_.on_answered(read, due[i], error);
  }
}

} // namespace synod::bench
