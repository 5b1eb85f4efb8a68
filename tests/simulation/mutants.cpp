#include "simulation/mutants.hpp"

#include "synod/actors/node/built_in.hpp"

namespace synod::test {

const std::vector<mutant>& mutants() {
  static const std::vector<mutant> all = [] {
    std::vector<mutant> found;
    for (auto part : {wrong_acceptors(), wrong_leaders(), wrong_replicas(), wrong_gateways()})
      found.insert(found.end(), part.begin(), part.end());
    return found;
  }();
  return all;
}

registry registry_with(const mutant& wrong) {
  auto known = built_in();
  known.add(wrong.role());
  return known;
}

} // namespace synod::test
