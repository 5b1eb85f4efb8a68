#include "synod/actors/node/built_in.hpp"
#include "synod/actors/node/run.hpp"

int main(int argc, char** argv) {
  return synod::run_dev(synod::built_in(), argc, argv);
}
