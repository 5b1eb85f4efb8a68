#include "synod/actors/node/socket_server.hpp"

#include "harness.hpp"

#include <doctest/doctest.h>
#include <spdlog/spdlog.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

using namespace synod;
using namespace synod::test;

namespace {

/// The process may open so many files more, as long as this lives.
class few_descriptors {
public:
  explicit few_descriptors(rlim_t count) {
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    auto lowest_free = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    REQUIRE(lowest_free >= 0);
    ::close(lowest_free);
    rlimit few{static_cast<rlim_t>(lowest_free) + count, before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  }
  ~few_descriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  few_descriptors(const few_descriptors&) = delete;
  few_descriptors& operator=(const few_descriptors&) = delete;

private:
  rlimit before_{};
};

} // namespace

TEST_CASE("a socket server for which there are no descriptors says so") {
  actor_world in;
  bool listened = false;
  for (rlim_t count = 0; count < 20 && !listened; ++count) {
    few_descriptors here{count};
    auto subject = socket_server::make(in.system, spdlog::default_logger());
    auto problem = subject->listen("127.0.0.1", 0);
    listened = problem.empty();
    CHECK(problem == (listened ? "" : "cannot listen at 127.0.0.1:0: too many open files"));
    CHECK((listened || count < 10));
  }
  CHECK(listened);
}
