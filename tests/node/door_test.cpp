#include "synod/actors/node/door.hpp"

#include "synod/actors/node/tcp.hpp"

#include <spdlog/sinks/null_sink.h>
#include <spdlog/spdlog.h>

#include <doctest/doctest.h>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>

using namespace synod;

namespace {

/// A client's socket; all that it waits for comes, so it waits without a limit that matters.
class visitor {
public:
  explicit visitor(uint16_t port) : socket_{connect_to({"127.0.0.1", port}, std::chrono::seconds{10})} { REQUIRE(socket_ >= 0); }
  ~visitor() { ::close(socket_); }
  visitor(const visitor&) = delete;
  visitor& operator=(const visitor&) = delete;

  void say(const std::string& bytes) {
    REQUIRE(::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
  }
  /// What comes, up to so many bytes; less: the door has closed.
  std::string hear(size_t count) {
    std::string all;
    char piece[4096];
    while (all.size() < count) {
      pollfd wait{socket_, POLLIN, 0};
      REQUIRE(::poll(&wait, 1, 20'000) == 1);
      auto size = ::recv(socket_, piece, std::min(sizeof piece, count - all.size()), 0);
      if (size <= 0)
        return all;
      all.append(piece, static_cast<size_t>(size));
    }
    return all;
  }
  bool is_sent_away() { return hear(1).empty(); }
  bool is_taken(const cluster_key& key) {
    admission greeting{admission::side::connects, key, "b", fresh_random_bytes()};
    while (greeting.wants() > 0) {
      say(greeting.output());
      greeting.input(hear(greeting.wants()));
    }
    return greeting.admitted();
  }

private:
  int socket_;
};

struct fixture {
  fixture() {
    door::options options;
    options.key = key;
    options.name = "a";
    options.refused = refused;
    options.log = log;
    options.let_in = [this](int socket) {
      std::lock_guard guard{mutex};
      let_in.push_back(socket);
      changed.notify_all();
    };
    subject = std::make_unique<door>(std::move(options));
    REQUIRE(subject->open({"127.0.0.1", 0}) == "");
  }
  ~fixture() {
    subject = nullptr;
    for (auto each : let_in)
      ::close(each);
  }

  int next_let_in() {
    std::unique_lock guard{mutex};
    REQUIRE(changed.wait_for(guard, std::chrono::seconds{20}, [this] { return !let_in.empty(); }));
    auto socket = let_in.back();
    let_in.pop_back();
    return socket;
  }

  cluster config{"test", {}, "key-value", false, "a secret of theirs", {}, {}, {}, {}, {}};
  cluster_key key = key_of(config);
  std::shared_ptr<turned_away> refused = std::make_shared<turned_away>(std::make_shared<const cluster>(config));
  std::shared_ptr<spdlog::logger> log = std::make_shared<spdlog::logger>("a", std::make_shared<spdlog::sinks::null_sink_mt>());
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<int> let_in;
  std::unique_ptr<door> subject;
};

} // namespace

TEST_CASE_FIXTURE(fixture, "who knows the key is let in, and no byte behind the greeting is taken from the connection") {
  visitor one{subject->port()};
  CHECK(one.is_taken(key));
  one.say("what comes behind");
  auto socket = next_let_in();
  pollfd wait{socket, POLLIN, 0};
  REQUIRE(::poll(&wait, 1, 20'000) == 1);
  char piece[100];
  CHECK(std::string(piece, static_cast<size_t>(::recv(socket, piece, sizeof piece, 0))) == "what comes behind");
  ::close(socket);
}

TEST_CASE_FIXTURE(fixture, "who does not know it is sent away, and others are let in meanwhile") {
  visitor slow{subject->port()};
  slow.say("syn");
  visitor stranger{subject->port()}, wrong{subject->port()}, right{subject->port()};
  stranger.say('\1' + std::string(200, '\0'));
  CHECK(stranger.is_sent_away());
  config.secret = "another secret";
  CHECK(!wrong.is_taken(key_of(config)));
  CHECK(wrong.is_sent_away());
  CHECK(right.is_taken(key));
  ::close(next_let_in());
}

TEST_CASE_FIXTURE(fixture, "so many wait and no more: the oldest goes") {
  std::vector<std::unique_ptr<visitor>> waiting;
  for (size_t i = 0; i < door::room(1 << 20); ++i)
    waiting.push_back(std::make_unique<visitor>(subject->port()));
  visitor right{subject->port()};
  CHECK(right.is_taken(key));
  CHECK(waiting.front()->is_sent_away());
  ::close(next_let_in());
}

TEST_CASE_FIXTURE(fixture, "who says nothing is sent away after a while") {
  door impatient{{key, "b", refused, log, nullptr, door::room(0), std::chrono::milliseconds{20}}};
  REQUIRE(impatient.open({"127.0.0.1", 0}) == "");
  visitor silent{impatient.port()};
  CHECK(silent.is_sent_away());
}

TEST_CASE_FIXTURE(fixture, "a door that is closed ends what waits") {
  visitor waiting{subject->port()};
  waiting.say("synod");
  subject->close();
  CHECK(waiting.is_sent_away());
}

TEST_CASE_FIXTURE(fixture, "a port that is taken is told") {
  door second{{key, "b", refused, log, nullptr}};
  CHECK(second.open({"127.0.0.1", subject->port()}) == "Address already in use");
}
