// What all nodes of a cluster have to agree on.
#pragma once

#include "synod/actors/role/cluster.hpp"

#include <optional>
#include <string>
#include <utility>

namespace synod {

/// A line for each thing that two cluster files must not say differently, or else two majorities might decide, or two replicas
/// come to different states: the name, the members (ids, names, roles; of the latest configuration that is known), WINDOW, how
/// long sessions live, leases where there are any, the state machine and its options; what the cluster was restored from. The
/// same whatever the order in a file. (Addresses may differ: a node may be reached at one by its neighbour, and at another from
/// afar.)
std::string agreement_of(const cluster& config);

/// All but the members. It must stay as it was when a data directory was begun, and so must the members, until others are
/// decided: what was decided is performed again at each start, so with other options of the state machine, or another lifetime of
/// sessions, it would not come to the state that clients were told of; a configuration rules from WINDOW slots on; an acceptor
/// that starts again keeps to the leases that it may have granted. Other acceptors would be other majorities.
std::string without_members(const std::string& agreement);

/// What the cluster was restored from, as that says; empty: nothing.
std::string origin_in(const std::string& agreement);

/// The first line of each that the other has not: here, there. None: they are the same.
std::optional<std::pair<std::string, std::string>> disagreement(const std::string& here, const std::string& there);

/// The same for lasting agreements: when a data directory was begun, now. An option that the state machine did not have when the
/// directory was begun is no difference: a later version brought it, and its default is what was before. Nor is WINDOW, where the
/// directory does not say it.
std::optional<std::pair<std::string, std::string>> change_since(const std::string& begun, const std::string& now);

} // namespace synod
