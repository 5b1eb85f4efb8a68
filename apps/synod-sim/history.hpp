// What clients asked and what they were told.
#pragma once

#include "random.hpp"

#include "synod/messages/client.capnp.h"

#include <optional>
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
  kind what = kind::command;
  std::vector<std::vector<std::string>> commands; ///< one, or those of the transaction
  /// Of a transaction that depends on its first command's key: what GET told of it while it was watched.
  std::optional<std::string> expects;
  bool withdrawn = false; ///< it is certain to have no effect
  duration called{0};
  duration returned = never;        ///< never: its outcome is not known, it may take effect at any later time
  std::optional<std::string> reply; ///< none: it took effect, but its reply is not known
  uint64_t session = 0;             ///< of a command that is decided, with its cid
  uint64_t cid = 0;
  uint64_t place = 0; ///< in the decided sequence, if it is there: where a search for an order looks first, no more than that
  // Log time when it took effect lies in between: that of what was decided before the call, and the latest that anybody
  // had put into a batch before it returned. Milliseconds since 1970.
  int64_t earliest_log_time = 0;
  int64_t latest_log_time = INT64_MAX;
};

/// It only looks.
inline bool is_read(const operation& x) {
  return x.what == operation::kind::command && x.commands.front().front() == "GET";
}

/// In the order of calls.
using history = std::vector<operation>;

/// A reply as text: `nil`, `OK`, `5`, `"bytes"`, `[a b]`, `ERR ...`, `none` for the null array.
std::string text_of(schema::Reply::Reader reply);

/// An operation as a user would write it.
std::string describe(const operation& x);

} // namespace synod::simulation
