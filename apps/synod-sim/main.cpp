#include "run.hpp"

#include <chrono>
#include <cstdlib>
#include <iostream>

using namespace synod::simulation;

int main(int argc, char** argv) {
  auto known = synod::registry::built_in();
  run_options options;
  options.seed = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1;
  auto runs = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  if (argc > 3)
    options.faults = *parse_faults(argv[3]);
  auto traced = argc > 4;
  auto begin = std::chrono::steady_clock::now();
  double virt = 0;
  for (uint64_t i = 0; i < runs; ++i, ++options.seed) {
    auto x = run(options, known, {traced, traced ? stdout : nullptr});
    virt += double(x.at.count()) / 1e9;
    auto sec = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    std::cout << options.seed << ": " << to_string(x.faults) << " clients " << x.clients << " steps " << x.steps << " msgs "
              << x.messages << " ops " << x.operations << " unknown " << x.unknown << " slots " << x.slots << " faults "
              << x.fault_events << " starts " << x.starts << " undecided " << x.undecided << " at " << double(x.at.count()) / 1e9
              << "  ratio " << virt / sec << std::endl;
    if (x.broken) {
      std::cout << "BROKEN " << x.broken->invariant << ": " << x.broken->text << std::endl;
    }
  }
}
