#include "synod/actors/node/remote_link.hpp"

#include "synod/actors/node/system_config.hpp"
#include "synod/actors/role/error_text.hpp"

#include <doctest/doctest.h>

#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <future>
#include <thread>

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
  fixture() { REQUIRE(found); }
  ~fixture() { caf::anon_send_exit(served, caf::exit_reason::user_shutdown); }

  /// That actor of the right one as the left one sees it, by a link of its own.
  caf::actor connected_to(const caf::actor& of_right) {
    int both[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, both) == 0);
    auto up = std::make_shared<std::promise<caf::strong_actor_ptr>>();
    left_end = remote_link::open(left.system, both[0], nullptr, [up](auto& other) { up->set_value(other); });
    right_end = remote_link::open(right.system, both[1], caf::actor_cast<caf::strong_actor_ptr>(of_right), nullptr);
    return caf::actor_cast<caf::actor>(up->get_future().get());
  }

  place left, right;
  std::shared_ptr<remote_link> left_end, right_end; // of the last one
  caf::actor served = right.echo();
  caf::actor found = connected_to(served);
  caf::scoped_actor self{left.system};
};

/// One process, and a bare socket as the other end.
struct half {
  half() {
    int both[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, both) == 0);
    socket = both[1];
    link = remote_link::open(here.system, both[0], nullptr, [up = up](auto& other) { up->set_value(other); });
  }
  ~half() { ::close(socket); }

  void write(std::string_view bytes) { REQUIRE(::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL) > 0); }
  /// As much as the link takes, while the test goes on.
  std::thread writes(std::string bytes) const {
    return std::thread{[to = socket, bytes = std::move(bytes)] {
      for (size_t at = 0; at < bytes.size();) {
        auto size = ::send(to, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
        if (size <= 0)
          return;
        at += static_cast<size_t>(size);
      }
    }};
  }
  std::string read(size_t size) {
    std::string bytes(size, '\0');
    REQUIRE(::recv(socket, bytes.data(), size, MSG_WAITALL) == static_cast<ssize_t>(size));
    return bytes;
  }

  std::shared_ptr<std::promise<caf::strong_actor_ptr>> up = std::make_shared<std::promise<caf::strong_actor_ptr>>();
  place here;
  int socket;
  std::shared_ptr<remote_link> link;
};

std::string shown(uint64_t handle) {
  std::string frame{"\x11\0\0\0\0", 5};
  frame.append(reinterpret_cast<const char*>(&handle), sizeof handle);
  return frame + "process.";
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
  auto reason = reason_of_end(self); // Where something was on its way to the other end, its system says more.
  CHECK((reason == "remote link unreachable" || reason == "connection reset by peer" || reason == "broken pipe"));
  CHECK(!left_end->is_open());
  self->request(found, 30s, uint64_t{1})
    .receive([](uint64_t) { FAIL("answered"); }, [](const caf::error& why) { CHECK(why == caf::sec::request_receiver_down); });
}

TEST_CASE_FIXTURE(fixture, "a request under way is refused when its link ends") {
  std::promise<void> asked;
  auto silent = right.system.spawn([&](caf::event_based_actor* actor) -> caf::behavior {
    auto kept = std::make_shared<std::vector<caf::response_promise>>();
    return {[=, &asked](uint64_t) {
      kept->push_back(actor->make_response_promise());
      asked.set_value();
      return kept->back();
    }};
  });
  auto names = right.system.spawn([silent](caf::event_based_actor*) -> caf::behavior {
    return {[silent](const std::string&) { return frames::handle_list{caf::actor_cast<caf::strong_actor_ptr>(silent)}; }};
  });
  auto names_remote = connected_to(names);
  caf::actor remote;
  self->request(names_remote, 30s, std::string{})
    .receive([&](const frames::handle_list& all) { remote = caf::actor_cast<caf::actor>(all.at(0)); },
             [](const caf::error& why) { FAIL(text_of(why)); });
  REQUIRE(remote);
  auto answer = self->request(remote, 30s, uint64_t{1});
  asked.get_future().get();
  remote_link::close_of(caf::actor_cast<caf::strong_actor_ptr>(remote));
  answer.receive([](uint64_t) { FAIL("answered"); },
                 [](const caf::error& why) { CHECK(why == caf::sec::request_receiver_down); });
  for (auto& each : {silent, names})
    caf::anon_send_exit(each, caf::exit_reason::user_shutdown);
}

TEST_CASE_FIXTURE(fixture, "an actor's end is told behind what it has sent, whatever thread it ran in") {
  for (auto detached : {false, true}) {
    std::promise<std::string> ended;
    auto watches = right.system.spawn([&](caf::event_based_actor* actor) -> caf::behavior {
      actor->set_down_handler([&](const caf::down_msg& down) { ended.set_value(text_of(down.reason)); });
      return {[=](uint64_t) { actor->monitor(actor->current_sender()); }};
    });
    auto remote = connected_to(watches);
    auto once = [remote](caf::event_based_actor* actor) { // It has no behavior: it ends at once.
      actor->send(remote, uint64_t{1});
      actor->quit(caf::exit_reason::user_shutdown);
    };
    if (detached)
      left.system.spawn<caf::detached>(once);
    else
      left.system.spawn(once);
    auto told = ended.get_future();
    REQUIRE(told.wait_for(30s) == std::future_status::ready);
    CHECK(told.get() == "user shutdown");
    caf::anon_send_exit(watches, caf::exit_reason::user_shutdown);
    remote_link::close_of(caf::actor_cast<caf::strong_actor_ptr>(remote));
  }
}

TEST_CASE_FIXTURE(fixture, "an actor that has ended can be named, and is told to have ended") {
  std::promise<std::string> ended;
  auto watches = right.system.spawn([&](caf::event_based_actor* actor) -> caf::behavior {
    actor->set_down_handler([&](const caf::down_msg& down) { ended.set_value(text_of(down.reason)); });
    return {[=](const frames::handle_list& all) { actor->monitor(all.at(0)); }};
  });
  auto remote = connected_to(watches);
  auto gone = left.echo();
  self->monitor(gone);
  caf::anon_send_exit(gone, caf::exit_reason::user_shutdown);
  reason_of_end(self);
  self->send(remote, frames::handle_list{caf::actor_cast<caf::strong_actor_ptr>(gone)});
  auto told = ended.get_future();
  REQUIRE(told.wait_for(30s) == std::future_status::ready);
  CHECK(told.get() == "user shutdown");
  CHECK(!remote_link::is_gone(caf::actor_cast<caf::strong_actor_ptr>(remote)));
  caf::anon_send_exit(watches, caf::exit_reason::user_shutdown);
}

TEST_CASE_FIXTURE(fixture, "a request may be answered with nothing, or with what cannot travel") {
  auto answers = right.system.spawn([](caf::event_based_actor*) -> caf::behavior {
    return {[](uint64_t) {}, [](const std::string&) { return std::vector<std::string>{"of CAF's own"}; }};
  });
  auto remote = connected_to(answers);
  self->request(remote, 30s, uint64_t{1}).receive([] {}, [](const caf::error& why) { FAIL(text_of(why)); });
  self->request(remote, 30s, std::string{})
    .receive([] { FAIL("answered"); }, [](const caf::error& why) { CHECK(why == caf::sec::unknown_type); });
  caf::anon_send_exit(answers, caf::exit_reason::user_shutdown);
}

TEST_CASE_FIXTURE(fixture, "what cannot travel is refused, and the link goes on") {
  self->request(found, 30s, caf::actor_cast<caf::strong_actor_ptr>(found))
    .receive([](uint64_t) { FAIL("answered"); }, [](const caf::error& why) { CHECK(why == caf::sec::request_receiver_down); });
  self->request(found, 30s, uint64_t{1}).receive([](uint64_t) {}, [](const caf::error& why) { FAIL(text_of(why)); });
}

TEST_CASE("another end that shows nobody, or goes away, is told of") {
  half one;
  one.write(shown(0));
  CHECK(one.up->get_future().get() == nullptr);
  half other;
  ::shutdown(other.socket, SHUT_RDWR);
  CHECK(other.up->get_future().get() == nullptr);
}

TEST_CASE("bytes that are no frame end the link") {
  for (auto bytes :
       {std::string(8, '\xff'), std::string{"\1\0\0\0\x77", 5}, std::string{"\0\0\0\0", 4}, std::string{"\3\0\0\0\2\0\0", 7}}) {
    half subject;
    subject.write(shown(5));
    auto actor = subject.up->get_future().get();
    REQUIRE(actor);
    caf::scoped_actor self{subject.here.system};
    self->monitor(caf::actor_cast<caf::actor>(actor));
    subject.write(bytes);
    CHECK(reason_of_end(self) == "it has sent what cannot be read");
  }
}

TEST_CASE("a link says from time to time that it is alive") {
  half subject;
  CHECK(subject.read(13) == shown(0).substr(0, 13));
  subject.read(8); // The process.
  CHECK(subject.read(5) == std::string("\1\0\0\0\4", 5));
  CHECK(subject.read(5) == std::string("\1\0\0\0\4", 5));
}

TEST_CASE("an end that takes nothing does not have this one keep all that it is sent") {
  half subject;
  subject.write(shown(5));
  auto actor = subject.up->get_future().get();
  caf::scoped_actor self{subject.here.system};
  self->monitor(caf::actor_cast<caf::actor>(actor));
  std::string large(16u << 20, 'x');
  for (size_t sent = 0; sent <= remote_link::most_unsent + (32u << 20); sent += large.size())
    self->send(caf::actor_cast<caf::actor>(actor), large);
  CHECK(reason_of_end(self) == "it does not take what it is sent");
}

TEST_CASE("an end that takes nothing for a while gets all, in order") {
  half subject;
  subject.write(shown(5));
  auto actor = caf::actor_cast<caf::actor>(subject.up->get_future().get());
  caf::scoped_actor self{subject.here.system};
  constexpr uint64_t count = 200;
  std::string large(300u << 10, 'x');
  for (uint64_t i = 0; i < count; ++i) {
    self->send(actor, large);
    self->send(actor, i);
  }
  uint64_t numbers = 0, larges = 0;
  while (numbers < count) {
    uint32_t size = 0;
    std::memcpy(&size, subject.read(sizeof size).data(), sizeof size);
    auto frame = subject.read(size);
    if (frame[0] != 2)
      continue;
    if (size > large.size()) {
      ++larges;
    } else {
      uint64_t number = 0; // Behind kind, ends, number of the message, count and type; as CAF writes it.
      for (size_t i = 28; i < 36; ++i)
        number = number << 8 | static_cast<uint8_t>(frame[i]);
      CHECK(number == numbers++);
    }
  }
  CHECK(larges == count);
}

TEST_CASE("an end that names too many actors at once is not believed") {
  half subject;
  subject.write(shown(1));
  auto actor = subject.up->get_future().get();
  caf::scoped_actor self{subject.here.system};
  self->monitor(caf::actor_cast<caf::actor>(actor));
  std::string list(1, '\2');
  list.append(24, '\0');    // To nobody, from nobody, no number.
  list.append("\1\0\0", 3); // One element, a list
  auto count = static_cast<uint32_t>(remote_link::most_handles + 1);
  list.append(reinterpret_cast<const char*>(&count), sizeof count);
  for (uint64_t handle = 1; handle <= count; ++handle)
    list.append(reinterpret_cast<const char*>(&handle), sizeof handle);
  auto size = static_cast<uint32_t>(list.size());
  auto writer = subject.writes(std::string(reinterpret_cast<const char*>(&size), sizeof size) + list);
  CHECK(reason_of_end(self) == "it has sent what cannot be read");
  writer.join();
}

TEST_CASE("an end that names ever more actors is not believed") {
  half subject;
  subject.write(shown(1));
  auto actor = subject.up->get_future().get();
  caf::scoped_actor self{subject.here.system};
  self->monitor(caf::actor_cast<caf::actor>(actor));
  std::string all;
  for (uint64_t sender = 1; sender <= remote_link::most_handles + 1; ++sender) {
    all.append("\x1a\0\0\0\2", 5); // A message, to nobody,
    all.append(8, '\0');           // from one more each time,
    all.append(reinterpret_cast<const char*>(&sender), sizeof sender);
    all.append(9, '\0'); // with nothing in it.
  }
  auto writer = subject.writes(all);
  CHECK(reason_of_end(self) == "it names too many actors");
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
