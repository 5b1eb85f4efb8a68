#include "shrink.hpp"

namespace synod::simulation {

run_options shrink(const run_options& failing, const outcome& first, const registry& known) {
  auto best = failing;
  auto fails = [&](const run_options& candidate) { return run_apart(candidate, known).what != outcome::kind::passed; };
  auto try_with = [&](auto change) {
    auto candidate = best;
    change(candidate);
    if (fails(candidate))
      best = candidate;
  };
  if (first.what == outcome::kind::broken) {
    // Nothing that the run did not have, and no more time than until it broke.
    try_with([&](auto& x) {
      x.faults = fault_set{first.faults};
      x.draws_faults = false;
      x.clients = first.clients;
    });
    auto seconds = std::chrono::seconds{first.numbers.virtual_ms / 1000 + 1};
    if (seconds < best.virtual_time)
      try_with([&](auto& x) { x.virtual_time = seconds; });
    if (first.acceptors > 3)
      try_with([&](auto& x) { x.nodes = 3; });
  }
  for (size_t i = 0; i < fault_count; ++i)
    if (best.faults.test(i))
      try_with([&](auto& x) { x.faults.reset(i); });
  for (unsigned clients : {1u, 2u, 3u, 5u, 8u})
    if (clients < best.clients.value_or(13))
      try_with([&](auto& x) { x.clients = clients; });
  return best;
}

std::string command_line(const run_options& options) {
  auto faults = options.draws_faults ? std::string{"all"} : to_string(options.faults);
  for (size_t i = 0; i < fault_count && options.draws_faults; ++i)
    if (!options.faults.test(i))
      faults += std::string{",-"} + fault_descriptions()[i].name;
  auto text = fmt::format("{} --seed={} --faults={} --virtual-seconds={}", options.program, options.seed, faults,
                          options.virtual_time.count());
  if (options.clients)
    text += fmt::format(" --clients={}", *options.clients);
  if (options.nodes)
    text += fmt::format(" --nodes={}", *options.nodes);
  return text;
}

} // namespace synod::simulation
