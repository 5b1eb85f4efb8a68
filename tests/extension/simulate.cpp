// bank-sim: synod-sim for the bank and the auditor.
#include "auditor.hpp"
#include "bank.hpp"

#include <synod/actors/node/built_in.hpp>
#include <synod/simulation/simulator.hpp>

namespace {

using synod::simulation::asked_command;
using synod::simulation::random_stream;

constexpr const char* accounts[] = {"anna", "bert", "cleo", "dora", "emil"};

std::vector<std::string> next(random_stream& random, uint32_t) {
  auto account = [&] { return std::string{accounts[random.below(std::size(accounts))]}; };
  auto amount = [&] { return std::to_string(random.between(0, 100)); };
  switch (random.below(5)) {
    case 0:
      return {"BANK.OPEN", account(), amount()};
    case 1:
      return {"BANK.BALANCE", account()};
    case 2:
      return {"BANK.TOTAL"};
    default:
      return {"BANK.MOVE", account(), account(), amount()};
  }
}

/// Money comes with the accounts and stays.
std::optional<std::string> check(const synod::state_machine& bank, std::span<const asked_command> all) {
  int64_t least = 0, most = 0, total = 0;
  for (auto& x : all)
    if (x.command[0] == "BANK.OPEN") {
      auto amount = std::stoll(x.command[2]);
      least += x.reply == "OK" ? amount : 0;
      most += x.reply == "OK" || !x.reply ? amount : 0;
    }
  bank.snapshot([&](std::string_view account) { total += std::stoll(std::string{account}); });
  if (total < least || total > most)
    return "accounts were opened with " + std::to_string(least) + " to " + std::to_string(most) + ", they hold "
           + std::to_string(total);
  return std::nullopt;
}

} // namespace

int main(int argc, char** argv) {
  auto known = synod::built_in();
  known.add(bank::bank_machine());
  known.add(bank::auditor_role());
  return synod::simulation::run_simulator(known, {"bank", {{"most", "1000"}}, {"auditor"}, next, check}, argc, argv);
}
