// What became of the load.
#pragma once

#include "latencies.hpp"

#include <map>
#include <string>

namespace synod::bench {

/// Of the commands that were sent while it was measured.
struct results {
  latencies reads;
  latencies writes;
  std::map<std::string, uint64_t> errors; ///< error replies by their first word, and what was lost with a connection
  uint64_t lost_connections = 0;
  double seconds = 0;    ///< measured
  uint64_t in_time = 0;  ///< so many were answered within them
  uint64_t not_sent = 0; ///< with a rate: so many more were due, and no connection had room for them

  static constexpr size_t most_kinds_of_errors = 64; ///< of further ones only the number is known
  void add_error(std::string kind) {
    if (errors.size() >= most_kinds_of_errors && !errors.contains(kind))
      kind = "others";
    ++errors[kind];
  }
};

} // namespace synod::bench
