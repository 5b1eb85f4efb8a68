#include "synod/actors/node/tcp.hpp"

#include <doctest/doctest.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

using namespace synod;

namespace {

unsigned limit_of(int socket) {
  unsigned limit = 0;
  socklen_t size = sizeof limit;
  REQUIRE(::getsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit, &size) == 0);
  return limit;
}

} // namespace

TEST_CASE("whoever connects and whoever is connected to gives up what is not acknowledged") {
  auto listening = listen_at({"127.0.0.1", 0}, 5);
  REQUIRE(listening.socket >= 0);
  auto connected = connect_to({"127.0.0.1", listening.port}, std::chrono::seconds{10});
  REQUIRE(connected >= 0);
  pollfd wait{listening.socket, POLLIN, 0};
  REQUIRE(::poll(&wait, 1, 20'000) == 1);
  auto accepted = accept_at(listening.socket);
  REQUIRE(accepted.socket >= 0);
  CHECK(limit_of(connected) == unacknowledged_limit.count());
  CHECK(limit_of(accepted.socket) == unacknowledged_limit.count());
  for (auto each : {listening.socket, connected, accepted.socket})
    ::close(each);
}

TEST_CASE("where somebody listens nobody else can, and that is found without listening") {
  auto listening = listen_at({"127.0.0.1", 0}, 5);
  REQUIRE(listening.socket >= 0);
  endpoint where{"127.0.0.1", listening.port};
  CHECK(listening_problem(where) == "Address already in use");
  ::close(listening.socket);
  CHECK(listening_problem(where) == "");
  CHECK(listening_problem({"192.0.2.1", 0}) == "Cannot assign requested address");
}

TEST_CASE("an address is the same however it is written") {
  for (auto* same : {"127.0.0.1", "localhost", "::ffff:127.0.0.1", "::ffff:7f00:1"})
    CHECK(plain_host(same) == "127.0.0.1");
  CHECK(plain_host("0:0:0::1") == plain_host("::1"));
  CHECK(plain_host("host.example.org") == "host.example.org");
  for (auto* any : {"0.0.0.0", "::", "0:0::0", "::ffff:0.0.0.0"})
    CHECK(is_any_address(any));
  for (auto* one : {"127.0.0.1", "::1", "localhost", "0.0.0.1"})
    CHECK(!is_any_address(one));
}
