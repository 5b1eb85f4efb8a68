#include "synod/actors/node/host.hpp"

int main(int argc, char** argv) {
  return synod::run_dev(synod::registry::built_in(), argc, argv);
}
