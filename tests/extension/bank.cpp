#include "bank.hpp"

#include <charconv>
#include <map>

namespace bank {

namespace {

/// Commands: BANK.OPEN account amount; BANK.MOVE from to amount; BANK.BALANCE account; BANK.TOTAL.
class machine : public synod::state_machine {
public:
  explicit machine(int64_t most) : most_{most} {}

  std::span<const synod::command_spec> commands() const override {
    using synod::command_spec;
    static constexpr command_spec all[] = {
      {"bank.open", 3, command_spec::write, 1, 1, 1, "bank", "1.0.0", "Opens an account."},
      {"bank.move", 4, command_spec::write, 1, 2, 1, "bank", "1.0.0", "Moves money between accounts."},
      {"bank.balance", 2, command_spec::read, 1, 1, 1, "bank", "1.0.0", "Tells what an account holds."},
      {"bank.total", 1, command_spec::read, 0, 0, 0, "bank", "1.0.0", "Tells what all accounts hold."},
    };
    return all;
  }

  void apply(synod::arguments command, synod::reply answer) override {
    auto amount = number(command.back());
    if (!amount || *amount < 0 || *amount > most_)
      return query(command, answer);
    if (command.size() == 3) {
      auto fresh = accounts_.try_emplace(std::string{command[1]}, *amount).second;
      return fresh ? answer.status("OK") : answer.error("ERR the account exists");
    }
    auto from = accounts_.find(command[1]), to = accounts_.find(command[2]);
    if (from == accounts_.end() || to == accounts_.end())
      return answer.error("ERR no such account");
    if (from->second < *amount)
      return answer.error("ERR not enough money");
    from->second -= *amount;
    to->second += *amount;
    answer.integer(from->second);
  }

  void query(synod::arguments command, synod::reply answer) const override {
    if (command.size() == 1) {
      int64_t total = 0;
      for (auto& [name, amount] : accounts_)
        total += amount;
      return answer.integer(total);
    }
    if (command.size() != 2)
      return answer.error("ERR the amount is not a number from 0 to " + std::to_string(most_));
    auto found = accounts_.find(command[1]);
    found == accounts_.end() ? answer.nil() : answer.integer(found->second);
  }

  void snapshot(const std::function<void(std::string_view)>& write) const override {
    for (auto& [name, amount] : accounts_)
      write(std::to_string(amount) + " " + name);
  }

  std::optional<std::string> restore(const std::function<std::string()>& read) override {
    accounts_.clear();
    for (auto piece = read(); !piece.empty(); piece = read()) {
      auto space = piece.find(' ');
      auto amount = number(std::string_view{piece}.substr(0, space));
      if (space == std::string::npos || !amount)
        return "an account is not AMOUNT NAME";
      accounts_[piece.substr(space + 1)] = *amount;
    }
    return std::nullopt;
  }

private:
  static std::optional<int64_t> number(std::string_view text) {
    int64_t value = 0;
    auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    return failure == std::errc{} && end == text.data() + text.size() ? std::optional{value} : std::nullopt;
  }

  int64_t most_;
  std::map<std::string, int64_t, std::less<>> accounts_;
};

} // namespace

synod::state_machine_definition bank_machine() {
  using kind = synod::option_spec::kind;
  return {"bank",
          "accounts that never go below zero",
          {{"most", kind::number, "1000000", "largest amount", 1}},
          [](const synod::option_values& options, uint64_t) { return std::make_unique<machine>(options.number("most")); }};
}

} // namespace bank
