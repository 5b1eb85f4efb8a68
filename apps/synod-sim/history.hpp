// What clients asked and what they were told.
#pragma once

#include "random.hpp"

#include "synod/messages/client.capnp.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace synod::simulation {

/// One thing that a client asked for: a command or a transaction.
struct operation {
  enum class kind : uint8_t { command, transaction };

  static constexpr duration never = duration::max();

  operation() = default;
  operation(uint32_t by, kind is, std::vector<std::vector<std::string>> asked)
    : client{by}, what{is}, commands{std::move(asked)} {}

  uint32_t client = 0;
  uint64_t stream = 0; ///< the session or the connection of that client through which it was asked for
  uint64_t number = 0; ///< in the order in which operations were asked for
  kind what = kind::command;
  std::vector<std::vector<std::string>> commands; ///< one, or those of the transaction
  std::optional<bool> reads;                      ///< of a user's command: it only looks
  std::set<std::string> possible;                 ///< replies of a user's read, which only looks
  /// Of a transaction that depends on its first command's key: what GET told of it while it was watched.
  std::optional<std::string> expects;
  /// The keys that such a transaction watches, and since when.
  struct watch {
    std::vector<std::string> keys;
    duration asked{0};
    duration answered{0};
    uint64_t number = 0;    ///< of what was asked for with it
    bool in_stream = false; ///< behind what was asked for before, not only before the transaction
    int64_t earliest_log_time = 0;
  };
  std::optional<watch> watched;
  bool withdrawn = false; ///< it is certain to have no effect
  duration called{0};
  duration returned = never;        ///< never: its outcome is not known, it may take effect at any later time
  std::optional<std::string> reply; ///< none: it took effect, but its reply is not known
  uint64_t place = 0; ///< in the decided sequence, if it is there: where a search for an order looks first, no more than that
  // Log time when it took effect lies in between: that of what was decided before the call, and the latest that anybody
  // had put into a batch before it returned; of a write both are the log time of its slot. Milliseconds since 1970.
  int64_t earliest_log_time = 0;
  int64_t latest_log_time = INT64_MAX;
};

/// It only looks.
inline bool is_read(const operation& x) {
  auto looks = [](auto& command) {
    constexpr const char* names[] = {"GET", "MGET", "STRLEN", "EXISTS", "GETRANGE"};
    return std::find(std::begin(names), std::end(names), command.front()) != std::end(names);
  };
  return x.reads ? *x.reads : std::all_of(x.commands.begin(), x.commands.end(), looks);
}

/// In the order of calls.
using history = std::vector<operation>;

/// All that clients do, by groups of keys: no operation touches keys of two groups.
struct record_book {
  explicit record_book(unsigned group_count) : groups(group_count) {}
  std::vector<history> groups;
  uint64_t operations = 0;
  uint64_t unknown = 0; ///< operations whose outcome no one learned
};

/// A reply as text: `nil`, `OK`, `5`, `"bytes"`, `[a b]`, `ERR ...`, `none` for the null array.
std::string text_of(schema::Reply::Reader reply);

/// An operation as a user would write it.
std::string describe(const operation& x);

} // namespace synod::simulation
