#include "synod/actors/node/host.hpp"

int main(int argc, char** argv) {
  return synod::run_node(synod::registry::built_in(), argc, argv);
}
