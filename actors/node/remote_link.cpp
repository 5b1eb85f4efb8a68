#include "synod/actors/node/remote_link.hpp"

#include "synod/actors/role/error_text.hpp"
#include "synod/messages/roles.hpp"

#include <caf/actor_proxy.hpp>

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

namespace synod {

namespace {

constexpr size_t first_room = 256u << 10; // for what comes
constexpr size_t least_room = 64u << 10;
constexpr size_t most_reasons = 16; // that are told
constexpr auto too_many_actors = "it names too many actors";
constexpr size_t kept_bytes = 1u << 20; // of a buffer that was larger for a while

/// Tells the proxies of one link from those of others.
caf::node_id new_node_id() {
  static std::atomic<uint32_t> links{0};
  return caf::make_node_id(++links, caf::node_id::default_data::host_id_type{});
}

caf::error unreachable(const std::string& why) {
  caf::error plain{caf::exit_reason::remote_link_unreachable};
  return why.empty() ? plain : caf::error{plain.code(), plain.category(), caf::make_message(why)};
}

void answer_that_it_is_gone(const caf::strong_actor_ptr& asker, caf::message_id answer) {
  asker->enqueue(nullptr, answer, caf::make_message(caf::error{caf::sec::request_receiver_down}), nullptr);
}

/// Decisions: no role at the other end waits to go on with its part of the protocol. What this host has to do for its own clients
/// comes before two more system calls, and what they wake.
bool may_wait(const caf::type_erased_tuple& content) {
  return content.size() > 0 && content.match_element<caf::atom_value>(0)
         && content.get_as<caf::atom_value>(0) == decision_atom::value;
}

} // namespace

// -- actors at the other end ----------------------------------------------------

class remote_link::proxy : public caf::actor_proxy {
public:
  proxy(caf::actor_config& config, std::shared_ptr<remote_link> by) : actor_proxy{config}, by_{std::move(by)} {}

  void enqueue(caf::mailbox_element_ptr what, caf::execution_unit*) override {
    if (by_->loop_.in_loop())
      by_->send(id(), *what);
    else
      by_->loop_.post(
        loop_task{[self = caf::strong_actor_ptr{ctrl()}, by = by_, what = std::move(what)] { by->send(self->id(), *what); }});
  }
  void kill_proxy(caf::execution_unit* unit, caf::error reason) override { cleanup(std::move(reason), unit); }
  remote_link& by() const { return *by_; }

private:
  std::shared_ptr<remote_link> by_;
};

caf::strong_actor_ptr remote_link::actor_of(uint64_t handle) {
  if (auto found = proxies_.find(handle); found != proxies_.end())
    return found->second;
  if (proxies_.size() >= most_handles)
    return nullptr;
  caf::actor_config config;
  return proxies_[handle] = caf::make_actor<proxy, caf::strong_actor_ptr>(handle, node_, &system_, config, shared_from_this());
}

void remote_link::close_of(const caf::strong_actor_ptr& actor) {
  if (auto* link = link_of(actor))
    link->close();
}

bool remote_link::same_process(const caf::strong_actor_ptr& one, const caf::strong_actor_ptr& other) {
  auto *a = link_of(one), *b = link_of(other);
  return a && b && a->process_ == b->process_;
}

bool remote_link::is_gone(const caf::strong_actor_ptr& actor) {
  auto* link = link_of(actor);
  return link && !link->is_open();
}

/// Null: it is of this process.
remote_link* remote_link::link_of(const caf::strong_actor_ptr& actor) {
  auto* x = actor ? dynamic_cast<proxy*>(actor->get()) : nullptr;
  return x ? &x->by() : nullptr;
}

/// The actor at the other end has ended.
void remote_link::on_ended(uint64_t handle, caf::error reason) {
  if (auto found = proxies_.extract(handle); found)
    static_cast<proxy*>(found.mapped()->get())->kill_proxy(&loop_.unit(), std::move(reason));
}

// -- actors at this one -----------------------------------------------------------

/// Tells the link that an actor here has ended.
class remote_link::end_of_actor : public caf::attachable {
public:
  end_of_actor(std::weak_ptr<remote_link> whom, const remote_link* mark, uint64_t handle)
    : whom_{std::move(whom)}, mark_{mark}, handle_{handle} {}

  void actor_exited(const caf::error& reason, caf::execution_unit*) override {
    auto link = whom_.lock();
    if (!link)
      return;
    if (link->loop_.in_loop())
      return link->on_own_ended(handle_, reason);
    link->loop_.post(loop_task{[link, handle = handle_, reason] { link->on_own_ended(handle, reason); }});
  }
  bool matches(const token& what) override { return what.subtype == token::anonymous && what.ptr == mark_; }

private:
  std::weak_ptr<remote_link> whom_;
  const remote_link* mark_;
  uint64_t handle_;
};

uint64_t remote_link::handle_of(const caf::strong_actor_ptr& actor) {
  auto [found, is_new] = handles_of_own_.try_emplace(actor.get(), last_handle_ + 1);
  if (!is_new)
    return found->second;
  auto handle = ++last_handle_;
  own_.emplace(handle, caf::weak_actor_ptr{actor.get()});
  actor->get()->attach(caf::attachable_ptr{new end_of_actor{weak_from_this(), this, handle}});
  return handle;
}

void remote_link::on_own_ended(uint64_t handle, const caf::error& reason) {
  auto found = own_.find(handle);
  if (ended_ || found == own_.end())
    return;
  handles_of_own_.erase(found->second.get());
  own_.erase(found);
  ends_.emplace_back(handle, reason); // It may be about to be named in a message, or what it has sent is on its way here.
}

void remote_link::write_ends() {
  for (auto& [handle, reason] : std::exchange(ends_, {}))
    out_.ended(handle, reason);
}

/// Null: it has ended.
caf::strong_actor_ptr remote_link::own_actor(uint64_t handle) const {
  auto found = own_.find(handle);
  return found == own_.end() ? nullptr : found->second.lock();
}

// -- out --------------------------------------------------------------------------

void remote_link::send(uint64_t to, const caf::mailbox_element& what) {
  if (ended_ || !proxies_.contains(to) || !what.stages.empty()) // Nobody sends such that answers go to a third one.
    return refuse(what.sender, what.mid);
  auto from = what.sender ? handle_of(what.sender) : 0;
  if (auto problem = out_.message(to, from, what.mid, what.content())) {
    tell_lost(problem);
    if (!what.mid.is_response())
      return refuse(what.sender, what.mid);
    out_.message(to, from, what.mid, caf::make_message(problem)); // Whoever has asked is not to wait for it.
  }
  is_pressing_ |= !may_wait(what.content());
  if (from != 0 && what.mid.is_request() && asked_.size() < most_asked)
    asked_[{from, what.mid.response_id().integer_value()}] = caf::weak_actor_ptr{what.sender.get()};
  if (out_.bytes().size() + uv_stream_get_write_queue_size(reinterpret_cast<uv_stream_t*>(&stream_)) > most_unsent)
    end("it does not take what it is sent");
}

/// Each reason once.
void remote_link::tell_lost(const caf::error& why) {
  if (lost_.size() < most_reasons && lost_.insert(text_of(why)).second)
    loop_.warn("a message for another process is lost: " + text_of(why));
}

/// A request that has not reached its receiver; other messages are lost without a word.
void remote_link::refuse(const caf::strong_actor_ptr& sender, caf::message_id number) {
  if (sender && number.is_request())
    answer_that_it_is_gone(sender, number.response_id());
}

void remote_link::on_turn_end() {
  turn_left_ = loop_.is_behind() ? behind_bytes : turn_bytes;
  if (is_writing_)
    return;
  if (!is_pressing_ && loop_.is_busy() && ++turns_waited_ < most_turns)
    return;
  is_pressing_ = false;
  turns_waited_ = 0;
  write_ends();
  flush();
}

/// What the socket does not take at once goes when it does, and what comes meanwhile behind it.
void remote_link::flush() {
  auto& bytes = out_.bytes();
  if (ended_ || is_writing_ || bytes.empty())
    return;
  has_written_ = true;
  auto* stream = reinterpret_cast<uv_stream_t*>(&stream_);
  uv_buf_t now{bytes.data(), bytes.size()};
  auto taken = uv_try_write(stream, &now, 1);
  if (taken < 0 && taken != UV_EAGAIN)
    return end(uv_strerror(taken));
  if (static_cast<size_t>(std::max(taken, 0)) == bytes.size()) {
    bytes.clear();
    if (bytes.capacity() > kept_bytes)
      bytes.shrink_to_fit();
    return;
  }
  late_.swap(bytes);
  is_writing_ = true;
  auto begin = static_cast<size_t>(std::max(taken, 0));
  uv_buf_t rest{late_.data() + begin, late_.size() - begin};
  auto failure = uv_write(&writing_, stream, &rest, 1, [](uv_write_t* request, int status) {
    static_cast<remote_link*>(request->handle->data)->on_written(status);
  });
  if (failure != 0)
    on_written(failure);
}

void remote_link::on_written(int status) {
  is_writing_ = false;
  late_.clear();
  if (late_.capacity() > kept_bytes)
    late_.shrink_to_fit();
  if (status != 0)
    end(uv_strerror(status));
}

void remote_link::on_heartbeat() {
  if (++silent_for_ * heartbeat > longest_silence)
    return end("nothing has come for " + std::to_string(longest_silence.count()) + " s");
  if (!std::exchange(has_written_, false) && !is_writing_)
    out_.alive();
  flush(); // The loop may be about to wait.
}

// -- in -----------------------------------------------------------------------------

void remote_link::make_room() {
  if (in_begin_ == in_end_)
    in_begin_ = in_end_ = 0;
  if (in_size_ > kept_bytes && in_end_ == 0)
    in_size_ = 0; // It was larger for a while.
  if (in_size_ - in_end_ >= least_room)
    return;
  auto waiting = in_end_ - in_begin_;
  if (in_size_ - waiting >= least_room) {
    std::memmove(in_.get(), in_.get() + in_begin_, waiting);
  } else {
    in_size_ = std::max(first_room, 2 * in_size_);
    auto larger = std::make_unique_for_overwrite<char[]>(in_size_);
    if (waiting > 0)
      std::memcpy(larger.get(), in_.get() + in_begin_, waiting);
    in_ = std::move(larger);
  }
  in_begin_ = 0;
  in_end_ = waiting;
}

/// None: enough has come in this turn.
uv_buf_t remote_link::room() {
  if (turn_left_ == 0 || ended_)
    return {nullptr, 0};
  make_room();
  return {in_.get() + in_end_, std::min(in_size_ - in_end_, turn_left_)};
}

void remote_link::on_read(ssize_t size) {
  if (ended_ || size == 0 || size == UV_ENOBUFS)
    return;
  if (size < 0)
    return end(size == UV_EOF ? std::string{} : uv_strerror(static_cast<int>(size)));
  silent_for_ = 0;
  in_end_ += static_cast<size_t>(size);
  turn_left_ -= static_cast<size_t>(size);
  if (!read_frames())
    end("it has sent what cannot be read");
}

bool remote_link::read_frames() {
  while (!ended_ && in_end_ - in_begin_ >= frames::size_bytes) {
    uint32_t size = 0;
    std::memcpy(&size, in_.get() + in_begin_, sizeof size);
    if (size > frames::longest)
      return false;
    if (in_end_ - in_begin_ < frames::size_bytes + size)
      return true;
    std::string_view frame{in_.get() + in_begin_ + frames::size_bytes, size};
    in_begin_ += frames::size_bytes + size;
    if (!reader_.read(frame, *this))
      return false;
  }
  return true;
}

void remote_link::on_shown(uint64_t handle, uint64_t process) {
  process_ = process;
  if (auto up = std::exchange(up_, nullptr))
    up(handle == 0 ? nullptr : actor_of(handle));
}

void remote_link::on_message(uint64_t to, uint64_t from, caf::message_id number, caf::message content) {
  auto sender = from == 0 ? nullptr : actor_of(from);
  if (from != 0 && !sender)
    return end(too_many_actors);
  if (number.is_response())
    asked_.erase({to, number.integer_value()});
  if (auto receiver = own_actor(to))
    receiver->enqueue(std::move(sender), number, std::move(content), &loop_.unit());
  else
    refuse(sender, number);
}

void remote_link::on_unknown(uint64_t to, uint64_t from, caf::message_id number) {
  caf::error why{caf::sec::unknown_type};
  if (number.is_response())
    on_message(to, from, number, caf::make_message(why));
  else if (from != 0)
    refuse(actor_of(from), number);
}

// -- from begin to end ---------------------------------------------------------------

remote_link::remote_link(caf::actor_system& system, int socket, caf::strong_actor_ptr shown, when_up up)
  : system_{system},
    loop_{loop_scheduler::of(system)},
    socket_{socket},
    shown_{std::move(shown)},
    up_{std::move(up)},
    out_{system.types(), [this](const caf::strong_actor_ptr& actor) { return handle_of(actor); }},
    reader_{system.types()},
    node_{new_node_id()} {}

remote_link::~remote_link() {
  if (socket_ >= 0)
    ::close(socket_);
}

std::shared_ptr<remote_link> remote_link::open(caf::actor_system& system, int socket, caf::strong_actor_ptr shown, when_up up) {
  std::shared_ptr<remote_link> made{new remote_link{system, socket, std::move(shown), std::move(up)}};
  made->loop_.post(loop_task{[made] { made->begin(); }});
  return made;
}

void remote_link::close() {
  loop_.post(loop_task{[self = shared_from_this()] { self->end({}); }});
}

void remote_link::begin() {
  if (ended_)
    return;
  uv_tcp_init(&loop_.loop(), &stream_);
  uv_timer_init(&loop_.loop(), &timer_);
  stream_.data = timer_.data = this;
  open_handles_ = 2;
  loop_.enter(shared_from_this());
  if (loop_.residents() > most_links) {
    loop_.warn("another process is not connected: there are too many links");
    return end({});
  }
  if (auto failure = uv_tcp_open(&stream_, socket_); failure != 0)
    return end(uv_strerror(failure));
  socket_ = -1;
  uv_timer_start(
    &timer_, [](uv_timer_t* x) { static_cast<remote_link*>(x->data)->on_heartbeat(); }, heartbeat.count(), heartbeat.count());
  uv_read_start(
    reinterpret_cast<uv_stream_t*>(&stream_),
    [](uv_handle_t* x, size_t, uv_buf_t* buffer) { *buffer = static_cast<remote_link*>(x->data)->room(); },
    [](uv_stream_t* x, ssize_t size, const uv_buf_t*) { static_cast<remote_link*>(x->data)->on_read(size); });
  out_.shown(shown_ ? handle_of(shown_) : 0, loop_.process());
  shown_ = nullptr;
}

void remote_link::end(const std::string& why) {
  if (ended_.exchange(true))
    return;
  auto self = shared_from_this();
  auto closed = [](uv_handle_t* x) { static_cast<remote_link*>(x->data)->on_closed(); };
  if (open_handles_ > 0) {
    uv_close(reinterpret_cast<uv_handle_t*>(&stream_), closed);
    uv_close(reinterpret_cast<uv_handle_t*>(&timer_), closed);
  }
  for (auto& [handle, actor] : std::exchange(own_, {}))
    if (auto alive = actor.lock())
      alive->get()->detach({caf::attachable::token::anonymous, this});
  handles_of_own_.clear();
  for (auto& [whom, asker] : std::exchange(asked_, {}))
    if (auto alive = asker.lock())
      answer_that_it_is_gone(alive, caf::message_id{whom.second});
  for (auto& [handle, actor] : std::exchange(proxies_, {}))
    static_cast<proxy*>(actor->get())->kill_proxy(&loop_.unit(), unreachable(why));
  if (auto up = std::exchange(up_, nullptr))
    up(nullptr);
}

/// Proxies, and their users, may keep it for long.
void remote_link::on_closed() {
  if (--open_handles_ > 0)
    return;
  out_.bytes() = {};
  late_ = {};
  in_.reset();
  loop_.leave(*this);
}

} // namespace synod
