#include "synod/actors/node/run.hpp"

#include "synod/actors/node/built_in.hpp"
#include "synod/actors/node/tcp.hpp"
#include "temporary_directory.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <fstream>

using namespace synod;
using namespace synod::test;

namespace {

constexpr unsigned whole_seconds = 30;

/// A program in a process of its own, with one more role, in a cluster of one node that has it.
struct fixture {
  fixture() {
    REQUIRE(::pipe(said.data()) == 0);
    auto free = listen_at({"127.0.0.1", 0}, 1);
    ::close(free.socket);
    std::ofstream{scratch.path() / "cluster.conf"} << "cluster = \"test\"\n[[node]]\nname = \"a\"\n"
                                                   << "address = \"127.0.0.1:" << free.port << "\"\n"
                                                   << "roles = [\"replica\", \"leader\", \"acceptor\", \"odd\"]\n";
  }
  ~fixture() {
    for (auto each : said)
      ::close(each);
  }

  void start(int (*program)(const registry&, int, char**), std::vector<std::string> arguments,
             std::function<caf::expected<caf::actor>(const role_context&)> spawn) {
    std::filesystem::create_directory(scratch.path() / "tmp");
    child = ::fork();
    REQUIRE(child >= 0);
    if (child > 0)
      return;
    ::alarm(whole_seconds);
    ::setenv("TMPDIR", (scratch.path() / "tmp").c_str(), 1);
    for (auto each : {STDOUT_FILENO, STDERR_FILENO})
      ::dup2(::open("/dev/null", O_WRONLY), each);
    auto known = built_in();
    known.add(role_definition{"odd", "does not serve", {}, std::move(spawn)});
    arguments.insert(arguments.begin(), {"program", "--config-file=" + (scratch.path() / "cluster.conf").string()});
    std::vector<char*> pointers;
    for (auto& each : arguments)
      pointers.push_back(each.data());
    ::_exit(program(known, static_cast<int>(pointers.size()), pointers.data()));
  }
  void say() const { static_cast<void>(::write(said[1], "x", 1)); }
  void hear() const {
    char got;
    REQUIRE(::read(said[0], &got, 1) == 1);
  }
  /// Its exit status; -1: a signal has ended it.
  int status() const {
    int how = 0;
    REQUIRE(::waitpid(child, &how, 0) == child);
    return WIFEXITED(how) ? WEXITSTATUS(how) : -1;
  }

  temporary_directory scratch;
  std::array<int, 2> said{};
  pid_t child = 0;
};

} // namespace

TEST_CASE_FIXTURE(fixture, "a signal ends a node that is long in starting") {
  start(run_node, {"--node=a", "--data-dir=" + (scratch.path() / "a").string()},
        [this](const role_context&) -> caf::expected<caf::actor> {
          say();
          for (;;)
            ::pause();
        });
  hear();
  ::kill(child, SIGTERM);
  CHECK(status() == 0);
}

TEST_CASE_FIXTURE(fixture, "a temporary directory goes, however its process ends") {
  int expected = 0;
  std::function<caf::expected<caf::actor>(const role_context&)> spawn;
  SUBCASE("by a signal, before it is ready") {
    spawn = [this](const role_context&) -> caf::expected<caf::actor> {
      say();
      for (;;)
        ::pause();
    };
  }
  SUBCASE("by a failure") {
    expected = 1;
    spawn = [this](const role_context& context) -> caf::expected<caf::actor> {
      say();
      context.environment->fatal("the test ends it");
      return caf::sec::runtime_error;
    };
  }
  start(run_dev, {}, spawn);
  hear();
  if (expected == 0)
    ::kill(child, SIGTERM);
  CHECK(status() == expected);
  CHECK(std::filesystem::is_empty(scratch.path() / "tmp"));
}
