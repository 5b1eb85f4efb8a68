// Whom a leader, its scouts and its commanders talk to, and their typed interfaces.
#pragma once

#include "synod/messages/outlet.hpp"
#include "synod/messages/roles.hpp"

#include <memory>
#include <vector>

namespace synod {

/// A receiver's handle with what is owed to it; renewed together when its host comes back.
template <class Handle>
struct destination {
  uint32_t node = 0;
  Handle handle;
  std::shared_ptr<outlet> flow;
};

/// The acceptors and replicas as they are reached now. Never changed: when a host comes or goes, the leader makes
/// a new one and gives it to its scout and commanders.
struct audience {
  std::vector<destination<acceptor_actor>> acceptors;
  std::vector<destination<replica_actor>> replicas;
  size_t majority = 1; ///< of all acceptors of the cluster, reached or not
};

using audience_ptr = std::shared_ptr<const audience>;

/// Gets one ballot adopted; ends with it.
using scout_actor = caf::typed_actor<caf::reacts_to<message<schema::P1b>>, // from its leader
                                     caf::reacts_to<audience_ptr>,         // from its leader: hosts came or went
                                     caf::reacts_to<tick_atom>>;

/// Gets one pvalue decided; ends with it.
using commander_actor =
  caf::typed_actor<caf::reacts_to<uint32_t, ballot>, // a p2b for its slot: acceptor and ballot, from its leader
                   caf::reacts_to<audience_ptr>,     // from its leader: hosts came or went
                   caf::reacts_to<tick_atom>>;

} // namespace synod

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(synod::audience_ptr)
