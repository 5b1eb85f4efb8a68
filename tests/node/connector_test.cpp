#include "synod/actors/node/connector.hpp"

#include "synod/actors/node/door.hpp"
#include "synod/actors/node/remote_link.hpp"
#include "synod/actors/node/system_config.hpp"
#include "synod/actors/role/error_text.hpp"

#include <doctest/doctest.h>

#include <spdlog/sinks/null_sink.h>
#include <spdlog/spdlog.h>

#include <atomic>

using namespace synod;

namespace {

using namespace std::chrono_literals;

cluster named(const char* name) {
  cluster x;
  x.name = name;
  return x;
}

struct place {
  system_config settings;
  caf::actor_system system{settings};
};

/// A process with a door, and an actor behind it that tells its own number.
struct host : place {
  explicit host(uint64_t number, const char* of = "test") {
    REQUIRE(at_door.open({"127.0.0.1", 0}).empty());
    shown =
      system.spawn([number](caf::event_based_actor*) -> caf::behavior { return {[number](caf::get_atom) { return number; }}; });
    key = key_of(named(of));
  }
  ~host() {
    at_door.close();
    caf::anon_send_exit(shown, caf::exit_reason::user_shutdown);
  }

  caf::actor shown;
  cluster_key key = key_of(named("test"));
  std::atomic<int> let_in{0};
  std::vector<std::shared_ptr<remote_link>> links;
  std::shared_ptr<const cluster> config = std::make_shared<const cluster>(named("test"));
  door at_door{{key, "b", std::make_shared<turned_away>(config),
                std::make_shared<spdlog::logger>("b", std::make_shared<spdlog::sinks::null_sink_mt>()), [this](int socket) {
                  ++let_in;
                  links.push_back(remote_link::open(system, socket, caf::actor_cast<caf::strong_actor_ptr>(shown), nullptr));
                }}};
};

struct fixture : place {
  ~fixture() { self->send_exit(subject, caf::exit_reason::user_shutdown); }

  caf::expected<caf::strong_actor_ptr> connect(uint16_t port) {
    caf::expected<caf::strong_actor_ptr> got{caf::sec::runtime_error};
    self->request(subject, 30s, caf::connect_atom::value, std::string{"127.0.0.1"}, port)
      .receive([&](const caf::strong_actor_ptr& found) { got = found; }, [&](caf::error& why) { got = std::move(why); });
    return got;
  }
  uint64_t number_of(const caf::strong_actor_ptr& actor) {
    uint64_t number = 0;
    self->request(caf::actor_cast<caf::actor>(actor), 30s, caf::get_atom::value)
      .receive([&](uint64_t x) { number = x; }, [](const caf::error& why) { FAIL(text_of(why)); });
    return number;
  }

  caf::scoped_actor self{system};
  connector_actor subject = spawn_connector(system, key_of(named("test")), {});
};

} // namespace

TEST_CASE_FIXTURE(fixture, "a connector connects once as long as the link lasts, and again when it has ended") {
  host other{7};
  auto first = connect(other.at_door.port());
  REQUIRE(first);
  CHECK(number_of(*first) == 7);
  CHECK(connect(other.at_door.port()) == first);
  CHECK(other.let_in == 1);
  self->monitor(caf::actor_cast<caf::actor>(*first));
  remote_link::close_of(*first);
  self->receive([](const caf::down_msg&) {});
  auto second = connect(other.at_door.port());
  REQUIRE(second);
  CHECK(*second != *first);
  CHECK(number_of(*second) == 7);
  CHECK(other.let_in == 2);
}

TEST_CASE_FIXTURE(fixture, "a connector that is given another address leaves the first one") {
  host one{1}, other{2};
  auto first = connect(one.at_door.port());
  REQUIRE(first);
  self->monitor(caf::actor_cast<caf::actor>(*first));
  auto second = connect(other.at_door.port());
  REQUIRE(second);
  CHECK(number_of(*second) == 2);
  auto down = false;
  self->receive([&](const caf::down_msg&) { down = true; }, caf::after(30s) >> [] {});
  CHECK(down);
}

TEST_CASE_FIXTURE(fixture, "a tool's link ends with its connector") {
  host other{7};
  auto found = connect(other.at_door.port());
  REQUIRE(found);
  self->monitor(caf::actor_cast<caf::actor>(*found));
  self->send_exit(subject, caf::exit_reason::user_shutdown);
  auto down = false;
  self->receive([&](const caf::down_msg&) { down = true; }, caf::after(30s) >> [] {});
  CHECK(down);
}

TEST_CASE_FIXTURE(fixture, "where nobody is, or somebody of another cluster, there is no connection, and it is said which") {
  uint16_t port;
  {
    host gone{1};
    port = gone.at_door.port();
  }
  auto none = connect(port);
  REQUIRE(!none);
  CHECK(none.error() == caf::sec::cannot_connect_to_node);
}
