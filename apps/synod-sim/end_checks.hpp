// What is checked of clients' histories when a run has come to rest.
#pragma once

#include "history.hpp"
#include "invariants.hpp"

namespace synod::simulation {

/// Exactly once, the order of each session and connection, linearizability; the first that does not hold is told to
/// `checks`. Adds up the histories whose search was given up in `undecided`.
void check_histories(record_book& book, invariants& checks, uint64_t& undecided);

} // namespace synod::simulation
