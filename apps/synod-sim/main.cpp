#include "simulator.hpp"

int main(int argc, char** argv) {
  return synod::simulation::run_simulator(synod::registry::built_in(), argc, argv);
}
