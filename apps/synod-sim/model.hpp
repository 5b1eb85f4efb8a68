// What the key-value store should do, written down a second time, as simply as possible.
#pragma once

#include "history.hpp"

#include <map>

namespace synod::simulation {

/// The values of a few keys, for checking histories against. Knows the commands of the workload, and transactions with watched
/// keys. Shares nothing with the real state machine.
class model {
public:
  /// Everything that can have happened when `x` takes effect now and its reply is the one it got: one successor for
  /// each log time that makes a difference. Empty: it cannot be. `index` tells it from all other operations.
  std::vector<model> after(const operation& x, size_t index) const;

  /// The same text for the same state, but for log time: of two that differ in that alone, everything that can follow
  /// the later one can follow the earlier one.
  std::string text() const;
  int64_t log_time() const { return now_; }

private:
  struct value {
    std::string bytes;
    int64_t expires = 0;   // log time; 0: never
    size_t written_by = 0; // tells equal values apart
  };

  using words = std::vector<std::string>;

  bool expired(const value& x) const { return x.expires != 0 && x.expires <= now_; }
  value* find(const std::string& key);
  std::string told(const std::string& key);
  void write(const std::string& key, std::string bytes, int64_t expires);
  void set_expiry(const std::string& key, int64_t expires);

  // Each gives the reply; none: it knows no such command.
  std::optional<std::string> perform(const operation& x);
  std::optional<std::string> perform(const words& command);
  std::optional<std::string> look(const words& command);
  std::optional<std::string> set_one(const words& command);
  std::optional<std::string> set_some(const words& command);
  std::optional<std::string> change(const words& command);
  std::optional<std::string> take_or_move(const words& command);
  std::optional<std::string> expire(const words& command);
  std::string set(const words& command);
  std::string add(const std::string& key, int64_t difference, bool as_float);

  std::map<std::string, value> values_;
  int64_t now_ = 0;      // log time is at least this
  size_t performed_ = 0; // the operation that is being performed
};

} // namespace synod::simulation
