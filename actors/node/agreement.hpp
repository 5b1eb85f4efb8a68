// What all nodes of a cluster have to agree on.
#pragma once

#include "synod/actors/role/cluster.hpp"

#include <optional>
#include <string>
#include <utility>

namespace synod {

/// A line for each thing that two cluster files must not say differently, or else two majorities might decide, or two replicas
/// come to different states: the name, the members (ids, names, roles), WINDOW, how long sessions live, the state machine and
/// its options. The same whatever the order in a file. (Addresses may differ: a node may be reached at one by its neighbour,
/// and at another from afar.)
std::string agreement_of(const cluster& config);

/// Of these, what must stay as it was when a data directory was begun: all but WINDOW. Other acceptors would be other majorities;
/// and what was decided is performed again at each start, so with other options of the state machine, or another lifetime of
/// sessions, it would not come to the state that clients were told of.
std::string lasting_agreement_of(const cluster& config);

/// The first line of each that the other has not: here, there. None: they are the same.
std::optional<std::pair<std::string, std::string>> disagreement(const std::string& here, const std::string& there);

/// The same for lasting agreements: when a data directory was begun, now. An option that the state machine did not have when the
/// directory was begun is no difference: a later version brought it, and its default is what was before.
std::optional<std::pair<std::string, std::string>> change_since(const std::string& begun, const std::string& now);

} // namespace synod
