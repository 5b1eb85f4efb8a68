#include "end_checks.hpp"

#include "linearizability.hpp"

#include <spdlog/fmt/fmt.h>

namespace synod::simulation {

namespace {

uint64_t sum_of(const operation& x) {
  uint64_t sum = 0;
  for (auto& command : x.commands)
    sum = add_to_sum(sum, std::vector<std::string_view>(command.begin(), command.end()));
  return sum;
}

/// No write is asked for twice, so none may be performed twice; one that a gateway has turned away, never; one whose result
/// was told, once.
bool check_once(history& all, invariants& checks) {
  for (auto& x : all) {
    if (is_read(x))
      continue;
    auto found = checks.expected().find(sum_of(x));
    if (found.times > (x.withdrawn ? 0u : 1u)) {
      checks.fail("exactly-once", fmt::format("performed {} times{}: {}", found.times,
                                              x.withdrawn ? " although it was turned away" : "", describe(x)));
      return false;
    }
    auto told = x.returned != operation::never && !x.withdrawn && x.reply != "none";
    if (told && found.times == 0) {
      checks.fail("exactly-once", "its result was told, and it was not performed: " + describe(x));
      return false;
    }
    x.place = found.place;
    if (x.place != 0)
      x.earliest_log_time = x.latest_log_time = found.log_time;
  }
  return true;
}

/// What was asked for through one session or connection, and answered, was performed in the order of asking.
bool check_order(const record_book& book, invariants& checks) {
  std::vector<const operation*> performed;
  for (auto& all : book.groups)
    for (auto& x : all)
      if (x.place != 0 && x.stream != 0 && x.returned != operation::never)
        performed.push_back(&x);
  auto key = [](const operation* x) { return std::tuple{x->client, x->stream, x->number}; };
  std::sort(performed.begin(), performed.end(), [&](auto* a, auto* b) { return key(a) < key(b); });
  auto wrong = std::adjacent_find(performed.begin(), performed.end(), [](auto* a, auto* b) {
    return a->client == b->client && a->stream == b->stream && a->place >= b->place;
  });
  if (wrong == performed.end())
    return true;
  checks.fail("session-order",
              fmt::format("performed in the wrong order:\n    {}\n    {}", describe(**wrong), describe(**(wrong + 1))));
  return false;
}

/// It did not take effect, or nobody could tell.
bool tells_nothing(const operation& x) {
  return x.withdrawn || (x.place == 0 && x.returned == operation::never);
}

} // namespace

void check_histories(record_book& book, invariants& checks, uint64_t& undecided) {
  for (auto& all : book.groups)
    if (!check_once(all, checks))
      return;
  if (!check_order(book, checks))
    return;
  for (auto& all : book.groups) {
    std::erase_if(all, tells_nothing);
    for (auto& x : all)
      x.latest_log_time = std::min(x.latest_log_time, checks.latest_time());
    auto found = check_linearizable(all);
    undecided += found.what == verdict::kind::undecided;
    if (found.what == verdict::kind::broken)
      return checks.fail("linearizability", found.explanation);
  }
}

} // namespace synod::simulation
