// What all nodes of a cluster have to agree on.
#pragma once

#include "synod/actors/role/cluster.hpp"

#include <string>

namespace synod {

/// A line for each thing that two cluster files must not say differently, or else two majorities might decide, or two replicas
/// come to different states: the name, the nodes (ids, names, addresses, roles), WINDOW, how long sessions live, the state
/// machine and its options. The same whatever the order in a file.
std::string agreement_of(const cluster& config);

/// What the first line is in which they differ, on this side and on the other; empty: they are the same.
std::string disagreement(const std::string& here, const std::string& there);

} // namespace synod
