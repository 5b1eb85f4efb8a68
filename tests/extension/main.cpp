// bank-node and bank-dev: synod-node and synod-dev that know the bank, the auditor and the payer, too.
#include "auditor.hpp"
#include "bank.hpp"
#include "payer.hpp"

#include <synod/actors/node/built_in.hpp>
#include <synod/actors/node/run.hpp>

#include <string_view>

int main(int argc, char** argv) {
  auto known = synod::built_in();
  known.add(bank::bank_machine());
  known.add(bank::auditor_role());
  known.add(bank::payer_role());
  auto dev = std::string_view{argv[0]}.ends_with("bank-dev");
  return dev ? synod::run_dev(known, argc, argv) : synod::run_node(known, argc, argv);
}
