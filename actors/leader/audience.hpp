// Whom a leader, its scouts and its commanders talk to, and their typed interfaces.
#pragma once

#include "synod/actors/role/peers.hpp"

#include <memory>

namespace synod {

/// The acceptors and replicas as they are reached now, and whose votes count. Never changed: when a host comes or goes, or a
/// configuration is decided, the leader makes a new one and gives it to its scout and commanders.
struct audience {
  peers<acceptor_actor> acceptors;
  peers<replica_actor> replicas;
  configurations members; ///< reached or not; for all slots that are proposed for
  node_set spared{};      ///< of the acceptors: their disks are full, and the others are enough
  node_set later{};       ///< of the acceptors: their leader sends them p2a's a little later, unless they have to be sent again

  /// Those that are reached can give enough promises for all slots from this one on.
  bool reaches_promises(slot_number first) const { return members.promised(first, configurations::no_end, acceptors.nodes()); }
};

using audience_ptr = std::shared_ptr<const audience>;

/// An acceptor's p2b, as far as it concerns one slot. Stays in the process.
struct vote {
  node_id acceptor = 0;
  ballot under;
};

/// There is room on the way to an acceptor again for what was held back. Stays in the process.
struct credit {
  node_id acceptor = 0;
};

/// Gets one ballot adopted; ends with it.
using scout_actor = caf::typed_actor<caf::reacts_to<message<schema::P1b>>, // from its leader
                                     caf::reacts_to<audience_ptr>,         // from its leader: hosts came or went
                                     caf::reacts_to<tick_atom>>;           // from its leader: it is time to ask again

/// Gets one pvalue decided; ends with it.
using commander_actor = caf::typed_actor<caf::reacts_to<vote>,         // a p2b for its slot, from its leader
                                         caf::reacts_to<credit>,       // from its leader
                                         caf::reacts_to<audience_ptr>, // from its leader: hosts came or went
                                         caf::reacts_to<tick_atom>>;   // from its leader: it is time to send again

} // namespace synod

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(synod::audience_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(synod::vote)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(synod::credit)
