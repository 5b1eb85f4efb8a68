#include "synod/actors/node/remote_link.hpp"

#include "synod/actors/node/system_config.hpp"
#include "synod/actors/role/error_text.hpp"

#include <doctest/doctest.h>

#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <future>

using namespace synod;

namespace {

using namespace std::chrono_literals;

/// One process.
struct place {
  /// An actor that sends back what it is sent.
  caf::actor echo() {
    return system.spawn([](caf::event_based_actor*) -> caf::behavior {
      return {[](const std::string& text) { return text; }, [](uint64_t x) { return x; }};
    });
  }

  system_config settings;
  caf::actor_system system{settings};
};

/// Two processes, and a link between them; the left one connects.
struct fixture {
  fixture() {
    int both[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, both) == 0);
    std::promise<caf::strong_actor_ptr> up;
    left_end = remote_link::open(left.system, both[0], nullptr, [&](auto& other) { up.set_value(other); });
    right_end = remote_link::open(right.system, both[1], caf::actor_cast<caf::strong_actor_ptr>(served), nullptr);
    found = caf::actor_cast<caf::actor>(up.get_future().get());
    REQUIRE(found);
  }
  ~fixture() { caf::anon_send_exit(served, caf::exit_reason::user_shutdown); }

  place left, right;
  caf::actor served = right.echo();
  std::shared_ptr<remote_link> left_end, right_end;
  caf::actor found; // the served one, as the left end sees it
  caf::scoped_actor self{left.system};
};

/// One process, and a bare socket as the other end.
struct half {
  half() {
    int both[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, both) == 0);
    socket = both[1];
    link = remote_link::open(here.system, both[0], nullptr, [this](auto& other) { up.set_value(other); });
  }
  ~half() { ::close(socket); }

  void write(std::string_view bytes) { REQUIRE(::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL) > 0); }
  std::string read(size_t size) {
    std::string bytes(size, '\0');
    REQUIRE(::recv(socket, bytes.data(), size, MSG_WAITALL) == static_cast<ssize_t>(size));
    return bytes;
  }

  place here;
  int socket;
  std::promise<caf::strong_actor_ptr> up;
  std::shared_ptr<remote_link> link;
};

std::string shown(uint64_t handle) {
  std::string frame{"\x09\0\0\0\0", 5};
  frame.append(reinterpret_cast<const char*>(&handle), sizeof handle);
  return frame;
}

/// Waits for the end of what is monitored.
std::string reason_of_end(caf::scoped_actor& self) {
  std::string reason;
  self->receive([&](const caf::down_msg& down) { reason = text_of(down.reason); }, caf::after(30s) >> [&] { reason = "no end"; });
  return reason;
}

} // namespace

TEST_CASE_FIXTURE(fixture, "requests are answered across a link, many and large ones") {
  for (uint64_t i = 0; i < 1000; ++i)
    self->request(found, 30s, i).receive([&](uint64_t x) { CHECK(x == i); }, [](const caf::error& why) { FAIL(text_of(why)); });
  for (size_t size : {size_t{0}, size_t{70} << 10, size_t{1} << 20, size_t{9} << 20})
    self->request(found, 30s, std::string(size, 'x'))
      .receive([&](const std::string& x) { CHECK(x.size() == size); }, [](const caf::error& why) { FAIL(text_of(why)); });
}

TEST_CASE_FIXTURE(fixture, "messages come in their order, however many are under way") {
  constexpr uint64_t count = 20000;
  std::promise<bool> in_order;
  auto receiver = left.system.spawn([&](caf::event_based_actor* actor) -> caf::behavior {
    auto next = std::make_shared<uint64_t>(0);
    auto right_so_far = std::make_shared<bool>(true);
    return {[=, this](caf::tick_atom) {
              for (uint64_t i = 0; i < count; ++i)
                actor->send(found, i);
            },
            [=, &in_order](uint64_t x) {
              *right_so_far &= x == (*next)++;
              if (*next == count)
                in_order.set_value(*right_so_far);
            }};
  });
  caf::anon_send(receiver, caf::tick_atom::value);
  auto told = in_order.get_future();
  REQUIRE(told.wait_for(30s) == std::future_status::ready);
  CHECK(told.get());
  caf::anon_send_exit(receiver, caf::exit_reason::user_shutdown);
}

TEST_CASE_FIXTURE(fixture, "an actor that has ended is told of at the other end, and a request to it is refused") {
  self->monitor(found);
  caf::anon_send_exit(served, caf::exit_reason::user_shutdown);
  CHECK(reason_of_end(self) == "user shutdown");
  self->request(found, 30s, uint64_t{1})
    .receive([](uint64_t) { FAIL("answered"); }, [](const caf::error& why) { CHECK(why == caf::sec::request_receiver_down); });
  CHECK(left_end->is_open());
}

TEST_CASE_FIXTURE(fixture, "a link that ends ends what was reached by it") {
  self->monitor(found);
  right_end->close();
  CHECK(reason_of_end(self) == "remote link unreachable");
  CHECK(!left_end->is_open());
  self->request(found, 30s, uint64_t{1})
    .receive([](uint64_t) { FAIL("answered"); }, [](const caf::error& why) { CHECK(why == caf::sec::request_receiver_down); });
}

TEST_CASE_FIXTURE(fixture, "what cannot travel is refused, and the link goes on") {
  self->request(found, 30s, caf::actor_cast<caf::strong_actor_ptr>(found))
    .receive([](uint64_t) { FAIL("answered"); }, [](const caf::error& why) { CHECK(why); });
  self->request(found, 30s, uint64_t{1}).receive([](uint64_t) {}, [](const caf::error& why) { FAIL(text_of(why)); });
}

TEST_CASE("another end that shows nobody, or goes away, is told of") {
  half one;
  one.write(shown(0));
  CHECK(one.up.get_future().get() == nullptr);
  half other;
  ::shutdown(other.socket, SHUT_RDWR);
  CHECK(other.up.get_future().get() == nullptr);
}

TEST_CASE("bytes that are no frame end the link") {
  for (auto bytes :
       {std::string(8, '\xff'), std::string{"\1\0\0\0\x77", 5}, std::string{"\0\0\0\0", 4}, std::string{"\3\0\0\0\2\0\0", 7}}) {
    half subject;
    subject.write(shown(5));
    auto actor = subject.up.get_future().get();
    REQUIRE(actor);
    caf::scoped_actor self{subject.here.system};
    self->monitor(caf::actor_cast<caf::actor>(actor));
    subject.write(bytes);
    CHECK(reason_of_end(self) == "it has sent what cannot be read");
  }
}

TEST_CASE("a link says from time to time that it is alive") {
  half subject;
  CHECK(subject.read(13) == shown(0));
  CHECK(subject.read(5) == std::string("\1\0\0\0\4", 5));
  CHECK(subject.read(5) == std::string("\1\0\0\0\4", 5));
}

TEST_CASE("an end that takes nothing does not have this one keep all that it is sent") {
  half subject;
  subject.write(shown(5));
  auto actor = subject.up.get_future().get();
  caf::scoped_actor self{subject.here.system};
  self->monitor(caf::actor_cast<caf::actor>(actor));
  std::string large(16u << 20, 'x');
  for (size_t sent = 0; sent <= remote_link::most_unsent + (32u << 20); sent += large.size())
    self->send(caf::actor_cast<caf::actor>(actor), large);
  CHECK(reason_of_end(self) == "it does not take what it is sent");
}

TEST_CASE("an end that names ever more actors is not believed") {
  half subject;
  subject.write(shown(1));
  auto actor = subject.up.get_future().get();
  caf::scoped_actor self{subject.here.system};
  self->monitor(caf::actor_cast<caf::actor>(actor));
  std::string all;
  for (uint64_t sender = 1; sender <= remote_link::most_handles + 1; ++sender) {
    all.append("\x1a\0\0\0\2", 5); // A message, to nobody,
    all.append(8, '\0');           // from one more each time,
    all.append(reinterpret_cast<const char*>(&sender), sizeof sender);
    all.append(9, '\0'); // with nothing in it.
  }
  std::thread writer{[&] {
    for (size_t at = 0; at < all.size();) {
      auto size = ::send(subject.socket, all.data() + at, all.size() - at, MSG_NOSIGNAL);
      if (size <= 0)
        return;
      at += static_cast<size_t>(size);
    }
  }};
  CHECK(reason_of_end(self) == "it has sent what cannot be read");
  writer.join();
}

TEST_CASE("a process ends with links that are open, that open, and that nobody has closed") {
  for (int i = 0; i < 20; ++i) {
    int both[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, both) == 0);
    place here, there;
    remote_link::open(here.system, both[0], nullptr, nullptr);
    remote_link::open(there.system, both[1], nullptr, nullptr);
  }
}
