#include "load.hpp"

#include "resp_connection.hpp"

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
constexpr seconds connect_limit{5}; // without one more connection
constexpr seconds stall_limit{30};  // without one more answer
constexpr seconds end_limit{10};    // for what is still under way
constexpr size_t read_bytes = 64u << 10;
constexpr uint32_t most_fill_pipeline = 64;
constexpr size_t fill_bytes = 1u << 20; // under way on each connection

double microseconds(load::clock::duration x) {
  return std::chrono::duration<double, std::micro>(x).count();
}

/// What kind of an error this is, as can be printed whatever the server sent.
std::string kind_of(std::string_view error) {
  constexpr size_t most = 32;
  std::string kind{error.substr(0, std::min(error.find(' '), most))};
  std::replace_if(
    kind.begin(), kind.end(), [](char c) { return c < '!' || c > '~'; }, '?');
  return kind.empty() ? "(no text)" : kind;
}

} // namespace

// -- the whole --------------------------------------------------------------------

load::load(const options& x, progress tell) : load{x, std::move(tell), {}} {}

load::load(const options& x, progress tell, transport through)
  : options_{x}, tell_{std::move(tell)}, transport_{std::move(through)}, commands_{x}, buffer_(read_bytes) {
  uv_loop_init(&loop_);
  if (!transport_.make)
    transport_.make = to_targets();
}

load::maker load::to_targets() {
  return [this](connection::owner& of, uv_loop_t& loop, uint32_t number) {
    auto which = number % addresses_.size();
    return std::make_unique<resp_connection>(of, loop, buffer_, options_.targets[which].name(), addresses_[which]);
  };
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
  phase_began_ = last_look_ = progress_ = clock::now();
  for (uint32_t i = 0; i < options_.clients; ++i) {
    connections_.push_back(transport_.make(*this, loop_, i));
    connections_.back()->connect();
  }
  uv_run(&loop_, UV_RUN_DEFAULT);
  end_measurement();
  transport_.ends();
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
  transport_.measures(false);
  results_.seconds = duration<double>(clock::now() - phase_began_).count();
  if (has_rate() && !options_.requests)
    results_.not_sent = static_cast<uint64_t>(std::max(options_.rate * results_.seconds - static_cast<double>(sent_), 0.0));
}

void load::begin(phase next) {
  end_measurement();
  phase_ = next;
  phase_began_ = progress_ = clock::now();
  sent_ = 0;
  if (measures()) {
    measured_from_ = phase_began_;
    transport_.measures(true);
  }
  if (next == phase::ending)
    return end_if_done();
  if (has_rate())
    return send_due();
  for (auto& each : connections_)
    on_free(*each);
}

void load::on_connected(connection& x) {
  progress_ = clock::now();
  if (phase_ == phase::connecting
      && std::all_of(connections_.begin(), connections_.end(), [](auto& each) { return each->connected(); })
      && connections_.size() == options_.clients)
    return begin(options_.fill ? phase::filling : filled());
  on_free(x);
}

// -- sending ----------------------------------------------------------------------

/// Appends the next command of this phase; false: there is none for this connection.
bool load::append_next(connection& on, clock::time_point due) {
  switch (phase_) {
    case phase::filling:
      if (filled_ == options_.keys)
        return false;
      on.append(commands_.fill(filled_++), due);
      break;
    case phase::measuring:
      if (options_.requests && sent_ == *options_.requests)
        return false;
      [[fallthrough]];
    case phase::warming_up:
      on.append(commands_.next(), due);
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
  if (due_at(sent_) > now)
    wait_for_due();
}

/// For the next one, which was not due when somebody looked. It may be by now: then the timer ends at once.
void load::wait_for_due() {
  auto at = std::chrono::duration_cast<std::chrono::nanoseconds>(due_at(sent_).time_since_epoch()).count();
  itimerspec when{{0, 0}, {static_cast<time_t>(at / 1'000'000'000), static_cast<long>(at % 1'000'000'000)}};
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

void load::on_unreachable(const std::string& why) {
  if (phase_ == phase::connecting)
    fail(why);
}

void load::on_lost(const std::string& why, const std::deque<sent>& unanswered) {
  on_unreachable(why); // To begin with all have to be there.
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
