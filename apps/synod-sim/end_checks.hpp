// What is checked of clients' histories when a run has come to rest.
#pragma once

#include "history.hpp"
#include "invariants.hpp"

namespace synod::simulation {

struct workload;

/// Exactly once, the order of each session and connection, linearizability; the first that does not hold is told to
/// `checks`. Of a user's workload its own check, too. Adds up the histories whose search was given up in `undecided`.
void check_histories(record_book& book, invariants& checks, const workload* of_user, uint64_t& undecided);

} // namespace synod::simulation
