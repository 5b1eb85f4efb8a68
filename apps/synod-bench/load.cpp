#include "load.hpp"

#include <hiredis/read.h>

#include <netdb.h>
#include <netinet/in.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <utility>

namespace synod::bench {

namespace {

using std::chrono::duration;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds look_interval{200};
constexpr milliseconds connect_again{100};
constexpr seconds connect_limit{5}; // without one more connection
constexpr seconds stall_limit{30};  // without one more answer
constexpr seconds end_limit{10};    // for what is still under way
constexpr size_t read_bytes = 64u << 10;
constexpr uint32_t most_fill_pipeline = 64;
constexpr size_t fill_bytes = 1u << 20; // under way on each connection

double microseconds(load::clock::duration x) {
  return std::chrono::duration<double, std::micro>(x).count();
}

// Replies are looked at and not kept: hiredis is given something that is not null. Of an error its text is kept for the caller.
struct seen {
  std::optional<std::string> error;
};

seen& seen_by(const redisReadTask* task) {
  return *static_cast<seen*>(task->privdata);
}

void* of_string(const redisReadTask* task, char* text, size_t size) {
  if (task->type == REDIS_REPLY_ERROR && !task->parent)
    seen_by(task).error.emplace(text, size);
  return task->privdata;
}

redisReplyObjectFunctions reply_functions{
  of_string,
  [](const redisReadTask* task, int) { return task->privdata; },
  [](const redisReadTask* task, long long) { return task->privdata; },
  [](const redisReadTask* task) { return task->privdata; },
  [](void*) {},
};

/// What kind of an error this is, as can be printed whatever the server sent.
std::string kind_of(std::string_view error) {
  constexpr size_t most = 32;
  std::string kind{error.substr(0, std::min(error.find(' '), most))};
  std::replace_if(
    kind.begin(), kind.end(), [](char c) { return c < '!' || c > '~'; }, '?');
  return kind.empty() ? "(no text)" : kind;
}

} // namespace

// -- a connection -----------------------------------------------------------------

class load::connection {
public:
  connection(load& of, std::string name, const sockaddr_storage& to) : load_{of}, name_{std::move(name)}, to_{to} {}
  ~connection() { redisReaderFree(reader_); }
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  void connect() {
    uv_tcp_init(&load_.loop_, &socket_);
    socket_.data = connecting_.data = write_.data = this;
    uv_tcp_nodelay(&socket_, 1);
    auto failure =
      uv_tcp_connect(&connecting_, &socket_, reinterpret_cast<sockaddr*>(&to_),
                     [](uv_connect_t* request, int status) { static_cast<connection*>(request->data)->on_connected(status); });
    if (failure != 0)
      lose(uv_strerror(failure));
  }

  bool connected() const { return connected_; }
  size_t under_way() const { return under_way_.size(); }
  std::string& out() { return next_out_; }
  void note_sent(bool read, clock::time_point due) { under_way_.push_back({read, due}); }
  /// What was sent and not answered, the oldest first.
  const std::deque<sent>& unanswered() const { return under_way_; }

  /// Sends what was appended to `out`.
  void flush() {
    if (next_out_.empty() || writing_ || !connected_)
      return;
    auto buffer = uv_buf_init(next_out_.data(), static_cast<unsigned>(next_out_.size()));
    auto taken = uv_try_write(stream(), &buffer, 1);
    if (taken < 0 && taken != UV_EAGAIN)
      return lose(uv_strerror(taken));
    next_out_.erase(0, static_cast<size_t>(std::max(taken, 0)));
    if (next_out_.empty())
      return;
    out_.swap(next_out_);
    next_out_.clear();
    buffer = uv_buf_init(out_.data(), static_cast<unsigned>(out_.size()));
    writing_ = true;
    uv_write(&write_, stream(), &buffer, 1, [](uv_write_t* request, int status) {
      auto* self = static_cast<connection*>(request->data);
      self->writing_ = false;
      if (status == 0)
        self->flush();
    });
  }

  /// For good.
  void close() {
    closed_ = true;
    if (socket_.loop && !uv_is_closing(handle()))
      uv_close(handle(), nullptr);
    if (again_.loop && !uv_is_closing(reinterpret_cast<uv_handle_t*>(&again_)))
      uv_close(reinterpret_cast<uv_handle_t*>(&again_), nullptr);
  }

private:
  uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(&socket_); }
  uv_handle_t* handle() { return reinterpret_cast<uv_handle_t*>(&socket_); }

  void on_connected(int status) {
    if (closed_ || status == UV_ECANCELED)
      return;
    if (status != 0)
      return lose(uv_strerror(status));
    connected_ = true;
    redisReaderFree(reader_);
    reader_ = redisReaderCreateWithFunctions(&reply_functions);
    reader_->privdata = &seen_;
    uv_read_start(
      stream(),
      [](uv_handle_t* handle, size_t, uv_buf_t* buffer) {
        auto& bytes = static_cast<connection*>(handle->data)->load_.buffer_;
        *buffer = uv_buf_init(bytes.data(), static_cast<unsigned>(bytes.size()));
      },
      [](uv_stream_t* stream, ssize_t size, const uv_buf_t* buffer) {
        auto* self = static_cast<connection*>(stream->data);
        if (size < 0)
          self->lose(size == UV_EOF ? "closed by the server" : uv_strerror(static_cast<int>(size)));
        else
          self->on_bytes(buffer->base, static_cast<size_t>(size));
      });
    load_.on_connected();
    load_.on_free(*this);
  }

  void on_bytes(const char* bytes, size_t size) {
    redisReaderFeed(reader_, bytes, size);
    void* reply = nullptr;
    while (connected_) { // What an answer leads to may lose the connection.
      seen_.error.reset();
      if (redisReaderGetReply(reader_, &reply) != REDIS_OK)
        return load_.fail(name_ + ": not the Redis protocol: " + reader_->errstr);
      if (!reply)
        break;
      if (under_way_.empty())
        return load_.fail(name_ + ": " + seen_.error.value_or("a reply that nothing asked for"));
      auto [read, due] = under_way_.front();
      under_way_.pop_front();
      load_.on_answered(read, due, seen_.error);
    }
    load_.on_free(*this);
  }

  /// Closes, and connects again after a pause.
  void lose(const std::string& why) {
    if (closed_ || uv_is_closing(handle()))
      return;
    auto was_connected = std::exchange(connected_, false);
    if (load_.phase_ == phase::connecting)
      load_.fail(name_ + ": " + why);
    auto lost = std::exchange(under_way_, {});
    next_out_.clear();
    uv_close(handle(), [](uv_handle_t* handle) {
      auto* self = static_cast<connection*>(handle->data);
      if (self->closed_)
        return;
      uv_timer_init(&self->load_.loop_, &self->again_);
      self->again_.data = self;
      uv_timer_start(
        &self->again_,
        [](uv_timer_t* timer) {
          uv_close(reinterpret_cast<uv_handle_t*>(timer), [](uv_handle_t* ended) {
            auto* back = static_cast<connection*>(ended->data);
            back->again_ = {};
            if (!back->closed_)
              back->connect();
          });
        },
        connect_again.count(), 0);
    });
    if (was_connected)
      load_.on_lost(lost);
  }

  load& load_;
  std::string name_;
  sockaddr_storage to_;
  uv_tcp_t socket_{};
  uv_connect_t connecting_{};
  uv_write_t write_{};
  uv_timer_t again_{};
  redisReader* reader_ = nullptr;
  seen seen_;
  std::deque<sent> under_way_; // in the order of their replies
  std::string next_out_;       // to be sent
  std::string out_;            // being written
  bool writing_ = false;
  bool connected_ = false;
  bool closed_ = false;
};

// -- the whole --------------------------------------------------------------------

load::load(const options& x, progress tell) : options_{x}, tell_{std::move(tell)}, commands_{x}, buffer_(read_bytes) {
  uv_loop_init(&loop_);
}

load::~load() {
  uv_loop_close(&loop_);
  if (due_timer_ >= 0)
    ::close(due_timer_);
}

/// What is wrong, or nothing.
std::string load::resolve() {
  for (auto& each : options_.targets) {
    addrinfo hints{}, *found = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    if (auto failure = ::getaddrinfo(each.host.c_str(), each.port.c_str(), &hints, &found); failure != 0)
      return each.name() + ": " + ::gai_strerror(failure);
    auto& address = addresses_.emplace_back();
    std::memcpy(&address, found->ai_addr, found->ai_addrlen);
    ::freeaddrinfo(found);
  }
  return {};
}

std::string load::run() {
  if (auto problem = resolve(); !problem.empty())
    return problem;
  due_timer_ = ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (due_timer_ < 0)
    return std::strerror(errno);
  uv_timer_init(&loop_, &timer_);
  uv_poll_init(&loop_, &due_poll_, due_timer_);
  timer_.data = due_poll_.data = this;
  for (size_t i = 0; auto number : {SIGINT, SIGTERM}) {
    auto& each = signals_[i++];
    uv_signal_init(&loop_, &each);
    each.data = this;
    uv_signal_start(
      &each, [](uv_signal_t* signal, int) { static_cast<load*>(signal->data)->stop(); }, number);
  }
  uv_timer_start(
    &timer_, [](uv_timer_t* timer) { static_cast<load*>(timer->data)->look(); }, look_interval.count(), look_interval.count());
  uv_poll_start(&due_poll_, UV_READABLE, [](uv_poll_t* poll, int, int) {
    auto* self = static_cast<load*>(poll->data);
    uint64_t passed = 0;
    static_cast<void>(::read(self->due_timer_, &passed, sizeof passed));
    self->send_due();
  });
  for (uint32_t i = 0; i < options_.clients; ++i) {
    auto which = i % addresses_.size();
    connections_.push_back(std::make_unique<connection>(*this, options_.targets[which].name(), addresses_[which]));
    connections_.back()->connect();
  }
  phase_began_ = last_look_ = progress_ = clock::now();
  uv_run(&loop_, UV_RUN_DEFAULT);
  end_measurement();
  for (auto& each : connections_) {
    for (auto [read, due] : each->unanswered())
      note_lost(read, due, "(not answered)");
    each->close();
  }
  uv_walk(
    &loop_,
    [](uv_handle_t* handle, void*) {
      if (!uv_is_closing(handle))
        uv_close(handle, nullptr);
    },
    nullptr);
  uv_run(&loop_, UV_RUN_DEFAULT);
  connections_.clear();
  return problem_;
}

void load::fail(const std::string& why) {
  if (problem_.empty())
    problem_ = why;
  uv_stop(&loop_);
}

/// What is under way may be answered yet; asked once more, it is not waited for.
void load::stop() {
  measures() ? begin(phase::ending) : uv_stop(&loop_);
}

void load::end_measurement() {
  if (!measures())
    return;
  results_.seconds = duration<double>(clock::now() - phase_began_).count();
  if (has_rate() && !options_.requests)
    results_.not_sent = static_cast<uint64_t>(std::max(options_.rate * results_.seconds - static_cast<double>(sent_), 0.0));
}

void load::begin(phase next) {
  end_measurement();
  phase_ = next;
  phase_began_ = progress_ = clock::now();
  sent_ = 0;
  if (measures())
    measured_from_ = phase_began_;
  if (next == phase::ending)
    return end_if_done();
  if (has_rate())
    return send_due();
  for (auto& each : connections_)
    on_free(*each);
}

void load::on_connected() {
  progress_ = clock::now();
  if (phase_ == phase::connecting && std::all_of(connections_.begin(), connections_.end(), [](auto& x) { return x->connected(); })
      && connections_.size() == options_.clients)
    begin(options_.fill ? phase::filling : filled());
}

// -- sending ----------------------------------------------------------------------

/// Appends the next command of this phase; false: there is none for this connection.
bool load::append_next(connection& on, clock::time_point due) {
  switch (phase_) {
    case phase::filling:
      if (filled_ == options_.keys)
        return false;
      commands_.append_fill(on.out(), filled_++);
      on.note_sent(false, due);
      break;
    case phase::measuring:
      if (options_.requests && sent_ == *options_.requests)
        return false;
      [[fallthrough]];
    case phase::warming_up:
      on.note_sent(commands_.append_command(on.out()), due);
      break;
    default:
      return false;
  }
  ++under_way_;
  ++sent_;
  return true;
}

/// A connection may have room. Without a rate it sends as much as its pipeline has, when all before is answered.
void load::on_free(connection& x) {
  if (!x.connected())
    return;
  auto now = clock::now();
  if (has_rate()) {
    while (x.under_way() < options_.pipeline && due_at(sent_) <= now && append_next(x, due_at(sent_)))
      ;
    x.flush();
    if (due_at(sent_) > now)
      wait_for_due();
    return;
  }
  if (x.under_way() > 0)
    return;
  auto fill_pipeline = std::clamp<size_t>(fill_bytes / (options_.most_value_bytes + 1), 1, most_fill_pipeline);
  auto most = phase_ == phase::filling ? static_cast<uint32_t>(fill_pipeline) : options_.pipeline;
  for (uint32_t i = 0; i < most && append_next(x, now); ++i)
    ;
  x.flush();
}

/// With a rate: when the command of this number is.
load::clock::time_point load::due_at(uint64_t number) const {
  return phase_began_
         + std::chrono::duration_cast<clock::duration>(duration<double>(static_cast<double>(number) / options_.rate));
}

/// With a rate: sends all that is due and finds room. What finds none is sent by whoever is answered next.
void load::send_due() {
  if (!has_rate())
    return;
  auto now = clock::now();
  std::vector<connection*> with_more;
  for (size_t full = 0; full < connections_.size() && due_at(sent_) <= now;) {
    auto& x = *connections_[next_free_];
    next_free_ = (next_free_ + 1) % connections_.size();
    if (!x.connected() || x.under_way() >= options_.pipeline) {
      ++full;
    } else if (append_next(x, due_at(sent_))) {
      full = 0;
      with_more.push_back(&x);
    } else {
      break;
    }
  }
  for (auto* each : with_more)
    each->flush();
  wait_for_due();
}

void load::wait_for_due() {
  auto at = std::chrono::duration_cast<std::chrono::nanoseconds>(due_at(sent_).time_since_epoch()).count();
  itimerspec when{{0, 0}, {static_cast<time_t>(at / 1'000'000'000), static_cast<long>(at % 1'000'000'000)}};
  if (due_at(sent_) > clock::now())
    ::timerfd_settime(due_timer_, TFD_TIMER_ABSTIME, &when, nullptr);
}

// -- what becomes of it -------------------------------------------------------------

void load::on_answered(bool read, clock::time_point due, const std::optional<std::string>& error) {
  --under_way_;
  ++answered_;
  progress_ = clock::now();
  if (phase_ == phase::filling && error)
    return fail("a key was not written: " + *error);
  if (is_measured(due)) {
    results_.in_time += measures() && !error;
    if (error)
      results_.add_error(kind_of(*error));
    else
      (read ? results_.reads : results_.writes).add(microseconds(progress_ - due));
  }
  end_if_done();
}

/// What was sent before the measurement began is not part of it.
bool load::is_measured(clock::time_point due) const {
  return measured_from_ && due >= *measured_from_;
}

/// It took at least as long as it was waited for: left out it would make those that stop look fast.
void load::note_lost(bool read, clock::time_point due, const char* how) {
  if (!is_measured(due))
    return;
  results_.add_error(how);
  (read ? results_.reads : results_.writes).add(microseconds(clock::now() - due));
}

void load::on_lost(const std::deque<sent>& unanswered) {
  under_way_ -= unanswered.size();
  if (phase_ == phase::filling && !unanswered.empty())
    return fail("a connection was lost, and keys with it that were not written");
  results_.lost_connections += measured_from_.has_value();
  for (auto [read, due] : unanswered)
    note_lost(read, due, "(connection lost)");
  end_if_done();
}

void load::end_if_done() {
  auto all_sent = measures() && options_.requests && sent_ == *options_.requests;
  if (phase_ == phase::filling && filled_ == options_.keys && under_way_ == 0)
    begin(filled());
  else if (all_sent && under_way_ == 0)
    begin(phase::ending);
  else if (phase_ == phase::ending && under_way_ == 0)
    uv_stop(&loop_);
}

double load::share_done() const {
  auto passed = duration<double>(clock::now() - phase_began_);
  switch (phase_) {
    case phase::filling:
      return static_cast<double>(filled_) / static_cast<double>(options_.keys);
    case phase::warming_up:
      return options_.warm_up.count() > 0 ? passed / options_.warm_up : 1;
    case phase::measuring:
      return options_.requests ? static_cast<double>(sent_) / static_cast<double>(*options_.requests)
                               : passed / options_.duration;
    default:
      return 0;
  }
}

void load::look() {
  auto now = clock::now();
  auto passed = duration<double>(now - std::exchange(last_look_, now)).count();
  auto rate = static_cast<double>(answered_ - std::exchange(answered_at_last_look_, answered_)) / passed;
  static constexpr const char* names[] = {"connecting", "filling", "warming up", "measuring", "ending"};
  tell_(names[static_cast<size_t>(phase_)], std::min(share_done(), 1.0), rate);
  auto in_phase = now - phase_began_;
  if (phase_ == phase::connecting && now - progress_ > connect_limit) {
    fail("not connected within " + std::to_string(connect_limit.count()) + " s");
  } else if (phase_ != phase::ending && now - progress_ > stall_limit && (under_way_ > 0 || !has_rate())) {
    fail("nothing was answered for " + std::to_string(stall_limit.count()) + " s");
  } else if (phase_ == phase::warming_up && share_done() >= 1) {
    begin(phase::measuring);
  } else if (measures() && !options_.requests && share_done() >= 1) {
    begin(phase::ending);
  } else if (phase_ == phase::ending && in_phase > end_limit) {
    uv_stop(&loop_);
  }
}

} // namespace synod::bench
