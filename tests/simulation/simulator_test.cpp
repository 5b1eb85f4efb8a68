#include "simulation/mutants.hpp"

#include "shrink.hpp"
#include "workload.hpp"

#include "synod/actors/node/built_in.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>

using namespace synod;
using namespace synod::simulation;

namespace {

std::string traced(const run_options& options, const registry& known = built_in()) {
  auto* file = std::tmpfile();
  REQUIRE(file);
  run(options, known, {true, file});
  std::string text(static_cast<size_t>(std::ftell(file)), '\0');
  std::rewind(file);
  CHECK(std::fread(text.data(), 1, text.size(), file) == text.size());
  std::fclose(file);
  return text;
}

registry with_mutant(const std::string& name) {
  auto found = std::find_if(test::mutants().begin(), test::mutants().end(), [&](auto& x) { return x.name == name; });
  REQUIRE(found != test::mutants().end());
  return test::registry_with(*found);
}

run_options seed(uint64_t number) {
  run_options options;
  options.seed = number;
  return options;
}

} // namespace

TEST_CASE("faults are chosen by name") {
  fault_set chosen;
  CHECK(!parse_faults("all", chosen));
  CHECK(chosen.all());
  CHECK(!parse_faults("none", chosen));
  CHECK(chosen.none());
  CHECK(!parse_faults("drop,torn", chosen));
  CHECK(chosen.count() == 2);
  CHECK(chosen.test(static_cast<size_t>(fault::torn)));
  CHECK(!parse_faults("-kill,-power", chosen));
  CHECK(chosen.count() == fault_count - 2);
  CHECK_FALSE(chosen.test(static_cast<size_t>(fault::kill)));
  CHECK(!parse_faults("all,-clock", chosen));
  CHECK(chosen.count() == fault_count - 1);
  CHECK(parse_faults("drop,meteor", chosen) == "unknown fault 'meteor'");
  CHECK(parse_faults("", chosen).has_value());
  CHECK(parse_faults("drop,", chosen).has_value());
  for (auto& each : fault_descriptions()) {
    CHECK(!parse_faults(each.name, chosen));
    CHECK(to_string(chosen) == each.name);
  }
}

TEST_CASE("the same seed gives the same trace, another one another") {
  for (uint64_t number = 1; number <= 3; ++number) {
    auto first = traced(seed(number));
    CHECK(first.size() > 100'000);
    CHECK(first == traced(seed(number)));
    CHECK(first != traced(seed(number + 100)));
  }
}

TEST_CASE("what happens does not depend on whether it is traced") {
  auto known = built_in();
  auto silent = run(seed(7), known);
  auto loud = run(seed(7), known, {true, nullptr});
  CHECK(silent.numbers.steps == loud.numbers.steps);
  CHECK(silent.numbers.messages == loud.numbers.messages);
  CHECK(loud.last.size() == trace::kept_lines);
}

TEST_CASE("a run has what was chosen, and does what it says") {
  auto options = seed(3);
  options.nodes = 7;
  options.clients = 9;
  REQUIRE(!parse_faults("kill,drop", options.faults));
  options.draws_faults = false;
  auto x = run(options, built_in());
  CHECK(!x.broken);
  CHECK(x.acceptors == 7);
  CHECK(x.clients == 9);
  CHECK(x.faults == options.faults);
  CHECK(x.numbers.virtual_ms >= 60'000);
  CHECK(x.numbers.operations > 100);
  CHECK(x.numbers.slots > 10);
}

TEST_CASE("without faults nothing is lost, dropped or started twice") {
  auto options = seed(5);
  options.faults.reset();
  auto x = run(options, built_in());
  CHECK(!x.broken);
  CHECK(x.numbers.fault_events == 0);
  CHECK(x.numbers.unknown == 0);
  CHECK(x.numbers.starts == draw(options, built_in()).config->nodes.size());
}

TEST_CASE("clocks as wrong as they may be break nothing; where they are worse reads by a lease miss what was acknowledged") {
  workload one_counts; // And the others look: who asks a leader that is cut off for nothing but reads is answered.
  one_counts.machine = "key-value";
  one_counts.next = [](random_stream&, uint32_t client) -> std::vector<std::string> {
    if (client == 0)
      return {"INCR", "n"};
    return {"GET", "n"};
  };
  run_options options;
  options.of_user = &one_counts;
  options.draws_faults = false;
  options.clients = 6;
  REQUIRE(!parse_faults("partition,cut,drift", options.faults));
  auto run_with = [&](unsigned drift_beyond) {
    options.drift_beyond = drift_beyond;
    return run(options, built_in());
  };
  constexpr uint64_t most_runs = 100;
  uint64_t leased_rounds = 0;
  for (options.seed = 1; options.seed <= most_runs; ++options.seed) {
    auto within = run_with(0), beyond = run_with(20);
    CHECK_FALSE(within.broken);
    leased_rounds += within.numbers.leased_rounds;
    if (!beyond.broken)
      continue;
    CHECK(beyond.broken->invariant == "linearizability");
    CHECK(leased_rounds > 100);
    return;
  }
  FAIL("no seed shows what clocks beyond their bound lead to");
}

TEST_CASE("a failing seed fails again in the same way, and is made smaller") {
  auto known = with_mutant("forgets-ballot");
  auto first = run(seed(1), known, {true, nullptr});
  REQUIRE(first.broken);
  auto again = run(seed(1), known, {true, nullptr});
  REQUIRE(again.broken);
  CHECK(first.broken->invariant == again.broken->invariant);
  CHECK(first.broken->text == again.broken->text);
  CHECK(first.last == again.last);

  auto apart = run_apart(seed(1), known);
  REQUIRE(apart.what == outcome::kind::broken);
  CHECK(apart.invariant == first.broken->invariant);
  auto small = shrink(seed(1), apart, known);
  CHECK(small.faults.count() < first.faults.count());
  CHECK(small.clients.value_or(99) <= first.clients);
  CHECK(run(small, known).broken);
}

TEST_CASE("a run that crashes is a failure like any other") {
  auto known = built_in();
  auto role = *known.role("acceptor");
  role.spawn = [](const role_context&) -> caf::expected<caf::actor> {
    std::signal(SIGABRT, SIG_DFL); // doctest has a handler
    std::abort();
  };
  known.add(role);
  auto x = run_apart(seed(1), known);
  CHECK(x.what == outcome::kind::crashed);
  CHECK(x.signal == SIGABRT);
}

TEST_CASE("the command that repeats a run says which faults it has, or which it draws from") {
  auto options = seed(3);
  CHECK(command_line(options).find("--faults=all ") != std::string::npos);
  REQUIRE(!parse_faults("all,-kill,-clock", options.faults));
  CHECK(command_line(options).find("--faults=all,-kill,-clock ") != std::string::npos);
  options.draws_faults = false;
  REQUIRE(!parse_faults("kill,clock", options.faults));
  CHECK(command_line(options).find("--faults=kill,clock ") != std::string::npos);
}
