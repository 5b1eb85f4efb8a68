// What the key-value store should do, written down a second time, as simply as possible.
#pragma once

#include "history.hpp"

#include <map>

namespace synod::simulation {

/// The values of a few keys, for checking histories against. Knows the commands of the workload: GET, SET with PX or
/// PXAT, GETSET, INCRBY, APPEND, DEL, transactions with watched keys. Shares nothing with the real state machine.
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

  bool expired(const value& x) const { return x.expires != 0 && x.expires <= now_; }
  value* find(const std::string& key);
  std::optional<std::string> perform(const operation& x, size_t index);
  std::optional<std::string> perform(const std::vector<std::string>& command, size_t index);

  std::map<std::string, value> values_;
  int64_t now_ = 0; // log time is at least this
};

} // namespace synod::simulation
