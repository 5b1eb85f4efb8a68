// A replicated state that nothing was performed on.
#pragma once

#include "harness.hpp"

#include "synod/actors/replica/execution.hpp"
#include "synod/actors/replica/key_value/machine.hpp"

namespace synod::test {

inline replicated_state fresh(int64_t session_lifetime_ms = 1000) {
  return {std::make_unique<key_value::machine>(key_value::machine::limits{}, 1),
          session_table{session_lifetime_ms},
          0,
          1,
          three_members(),
          256};
}

} // namespace synod::test
