#include "synod/actors/node/door.hpp"

#include "synod/actors/node/tcp.hpp"

#include <spdlog/spdlog.h>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <utility>

namespace synod {

namespace {

constexpr int backlog = 511;
constexpr std::chrono::milliseconds no_descriptors_pause{100};

} // namespace

door::~door() {
  close();
}

std::string door::open(const endpoint& where) {
  auto listening = listen_at(where, backlog);
  if (!listening.problem.empty())
    return listening.problem;
  listener_ = listening.socket;
  port_ = listening.port;
  wake_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (wake_ < 0)
    return std::string{"cannot make an event: "} + std::strerror(errno);
  thread_ = std::thread{[this] { run(); }};
  return {};
}

void door::close() {
  if (thread_.joinable()) {
    static_cast<void>(::eventfd_write(wake_, 1)); // Its counter is 0: it takes 1.
    thread_.join();
  }
  for (auto& each : waiting_)
    ::close(each.socket);
  waiting_.clear();
  for (auto* each : {&listener_, &wake_})
    if (auto number = std::exchange(*each, -1); number >= 0)
      ::close(number);
}

void door::run() {
  std::vector<pollfd> polled;
  for (;;) {
    polled.assign({{wake_, POLLIN, 0}, {accepts_ ? listener_ : -1, POLLIN, 0}});
    for (auto& each : waiting_)
      polled.push_back({each.socket, POLLIN, 0});
    auto found = ::poll(polled.data(), polled.size(), milliseconds_to_wait());
    if (polled[0].revents != 0)
      return;
    accepts_ = true;
    if (found > 0) {
      auto next = polled.begin() + 2;
      for (auto each = waiting_.begin(); each != waiting_.end(); ++next)
        each = next->revents != 0 && !go_on(*each) ? waiting_.erase(each) : std::next(each);
      if (polled[1].revents != 0)
        accept_all();
    }
    drop_late();
  }
}

int door::milliseconds_to_wait() const {
  auto limit = accepts_ ? std::chrono::milliseconds::max() : no_descriptors_pause;
  if (!waiting_.empty())
    limit = std::min(limit, std::chrono::ceil<std::chrono::milliseconds>(waiting_.front().until - clock::now()));
  return limit == std::chrono::milliseconds::max() ? -1 : static_cast<int>(std::max<int64_t>(0, limit.count()));
}

void door::accept_all() {
  for (size_t i = 0; i < options_.most_waiting; ++i) { // Then the others have a turn.
    auto came = accept_at(listener_);
    if (came.out_of_descriptors)
      return do_without_descriptors();
    if (came.socket < 0)
      return;
    if (waiting_.size() >= options_.most_waiting)
      make_room();
    waiting_.push_back({came.socket, came.from.host, to_string(came.from), clock::now() + options_.wait_limit,
                        admission{admission::side::accepts, options_.key, options_.name, fresh_random_bytes()}});
  }
}

void door::do_without_descriptors() {
  if (auto line = told_.line("a connection of another node cannot be taken: too many open files (ulimit -n)", clock::now()))
    options_.log->warn("{}", *line);
  if (waiting_.empty())
    accepts_ = false;
  else
    make_room();
}

void door::make_room() {
  std::map<std::string, size_t> hosts;
  for (auto& each : waiting_)
    ++hosts[each.host];
  auto most = std::max_element(hosts.begin(), hosts.end(), [](auto& a, auto& b) { return a.second < b.second; })->first;
  auto oldest = std::find_if(waiting_.begin(), waiting_.end(), [&](auto& x) { return x.host == most; });
  end(*oldest, "too many connections wait that have not shown where they come from");
  waiting_.erase(oldest);
}

void door::drop_late() {
  while (!waiting_.empty() && waiting_.front().until <= clock::now()) {
    end(waiting_.front(), "it has not shown in time where it comes from");
    waiting_.pop_front();
  }
}

/// False: it waits no longer.
bool door::go_on(waiting& x) {
  std::array<char, admission::hello_bytes> piece;
  auto left = x.greeting.wants() - x.bytes.size();
  auto size = ::recv(x.socket, piece.data(), left, 0); // Not a byte more: what comes behind is for others.
  if (size < 0 && (errno == EAGAIN || errno == EINTR))
    return true;
  if (size <= 0) {
    end(x, "it has closed the connection before it has shown where it comes from");
    return false;
  }
  x.bytes.append(piece.data(), static_cast<size_t>(size));
  if (static_cast<size_t>(size) < left)
    return true;
  x.greeting.input(std::exchange(x.bytes, {}));
  auto sent = send(x);
  if (!x.greeting.refusal().empty() || !sent) {
    end(x, x.greeting.refusal().empty() ? "it takes no bytes" : x.greeting.refusal());
    return false;
  }
  if (!x.greeting.admitted())
    return true;
  options_.refused->let_in(x.greeting.other());
  options_.let_in(x.socket);
  return false;
}

/// A few bytes, for which a new connection has room.
bool door::send(waiting& x) {
  auto bytes = x.greeting.output();
  return bytes.empty() || ::send(x.socket, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

void door::end(waiting& x, const std::string& why) {
  ::close(x.socket);
  if (auto line = options_.refused->refused(x.from, x.greeting.other(), why, clock::now()))
    options_.log->warn("{}", *line);
}

} // namespace synod
