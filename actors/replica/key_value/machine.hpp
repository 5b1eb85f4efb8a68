// The key-value state machine: Redis's string commands on a store.
#pragma once

#include "synod/actors/replica/key_value/store.hpp"
#include "synod/actors/role/state_machine.hpp"

#include <random>

namespace synod::key_value {

/// Strings with expiry, with Redis 7's commands, replies and error texts.
class machine : public state_machine {
public:
  struct limits {
    size_t value_bytes = 8u << 20;        ///< largest value, also what APPEND and SETRANGE may grow one to
    size_t store_bytes = size_t{4} << 30; ///< keys and values with their overhead; growing commands are refused above
  };

  /// `seed` is for RANDOMKEY alone, which changes nothing.
  machine(limits bounds, uint64_t seed) : limits_{bounds}, random_{static_cast<std::minstd_rand::result_type>(seed | 1)} {}

  std::span<const command_spec> commands() const override;
  void begin_batch(int64_t now, uint64_t sequence) override;
  void foresee(std::span<const arguments> commands) const override;
  void apply(arguments command, reply answer) override;
  void query(arguments command, reply answer) const override;
  uint64_t version(std::string_view key) const override;
  std::optional<int64_t> next_deadline() const override { return data_.next_deadline(); }
  void snapshot(const std::function<void(std::string_view)>& write) const override;
  std::unique_ptr<snapshot_source> begin_snapshot() override;
  std::optional<std::string> restore(const std::function<std::string()>& read) override;

  store& data() { return data_; }
  const store& data() const { return data_; }
  const limits& bounds() const { return limits_; }
  uint64_t random() const { return random_(); }

private:
  bool restore_head(std::string_view& rest);
  std::optional<std::string> restore_pieces(const std::function<std::string()>& read);

  store data_;
  limits limits_;
  mutable std::minstd_rand random_;
};

/// One command: how it is told to clients and how it is performed.
struct command {
  command_spec spec;
  void (*apply)(machine&, arguments, reply) = nullptr;       ///< set for writes
  void (*query)(const machine&, arguments, reply) = nullptr; ///< set for the others
  bool grows = false;                                        ///< refused when the store is full
};

std::span<const command> string_commands();
std::span<const command> key_commands();
std::span<const command> information_commands();

/// EX, PX, EXAT or PXAT.
bool is_expiry(std::string_view word);
/// The log time that such a word means with its number; `problem` is set to the error text if the number is not one.
int64_t parse_expiry(std::string_view word, std::string_view number, int64_t now, std::string_view command, std::string& problem);

} // namespace synod::key_value
