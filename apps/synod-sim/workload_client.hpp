// What all clients have in common: what they ask for, and a record of what they were told.
#pragma once

#include "history.hpp"
#include "simulated_host.hpp"

namespace synod::simulation {

/// Something that asks, and that can be told to stop.
class workload_client {
public:
  workload_client(stage& on, uint32_t index, record_book& book)
    : stage_{on}, index_{index}, random_{on.drawn.options.seed, "client", index}, book_{book} {}
  virtual ~workload_client() = default;

  virtual void start() = 0;
  /// Begins nothing new.
  void finish() { finishing_ = true; }
  /// Writes once more and reads every key, and asks for each of that until it is answered.
  virtual void ask_last() = 0;
  /// What it still waits for; empty: nothing.
  virtual std::string waits_for() const = 0;
  /// The run is over.
  virtual void end_process() {}

protected:
  /// Of an operation in the book.
  struct place {
    unsigned group;
    size_t index;
  };

  /// Keys: a register, a counter and a log in each group.
  static std::string key(char kind, unsigned group) { return kind + std::to_string(group); }

  unsigned some_group() { return static_cast<unsigned>(random_.below(stage_.drawn.groups)); }
  operation draw_read(unsigned group);
  operation draw_write(unsigned group);
  /// The user's workload draws, not this one.
  bool of_user() const { return stage_.drawn.options.of_user != nullptr; }
  operation draw_of_user();
  /// What is asked for at the end; of a user's workload there may be none.
  std::optional<operation> last_write(unsigned group);
  std::vector<std::pair<unsigned, operation>> last_reads();
  /// To be performed only if nobody has changed the register since it was looked at, with what it was told then.
  operation checked_transaction(place looked, std::vector<std::string> watched);
  /// The keys that it watches.
  std::vector<std::string> draw_watched(unsigned group);

  place begin(unsigned group, operation x);
  /// It took effect; its reply may have been lost.
  void end(place where, std::optional<std::string> reply);
  /// It is certain to have no effect, now or later.
  void withdraw(place where);
  operation& at(place where) { return book_.groups[where.group][where.index]; }
  const operation& at(place where) const { return book_.groups[where.group][where.index]; }

  stage& stage_;
  uint32_t index_;
  random_stream random_;
  bool finishing_ = false;

private:
  std::vector<std::string> draw_command(unsigned group);
  std::vector<std::string> draw_set(unsigned group);
  std::vector<std::string> draw_more(unsigned group);
  std::string fresh_value();
  std::string fresh_number();
  /// The next one that reads, or that writes.
  std::optional<operation> draw_of_user(bool reads);

  record_book& book_;
  uint64_t values_ = 0;
};

} // namespace synod::simulation
