#include "synod/actors/node/connector.hpp"

#include "synod/actors/node/system_config.hpp"

#include <doctest/doctest.h>

#include <future>

using namespace synod;

TEST_CASE("an exception out of what holds the connections ends the process with its text") {
  std::promise<std::string> ended;
  system_config config;
  caf::actor_system system{config};
  auto broker = connection_broker(system);
  watch_connection_broker(system, [&](const std::string& why) { ended.set_value(why); });
  system.middleman().backend().post([broker] { // A message that there is no memory for.
    auto* actor = static_cast<caf::io::broker*>(caf::actor_cast<caf::abstract_actor*>(broker));
    actor->become([](int) { throw std::bad_alloc{}; });
    caf::anon_send(broker, 1);
  });
  auto told = ended.get_future();
  REQUIRE(told.wait_for(std::chrono::seconds{20}) == std::future_status::ready);
  CHECK(told.get() == "what connects this node with others has ended: there is no memory left");
}
