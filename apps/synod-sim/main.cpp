#include "simulator.hpp"

#include "synod/actors/node/built_in.hpp"

int main(int argc, char** argv) {
  return synod::simulation::run_simulator(synod::built_in(), argc, argv);
}
