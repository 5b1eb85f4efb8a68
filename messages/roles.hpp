// The typed interface of every role: its table of contents.
#pragma once

#include "synod/messages/ballot.hpp"
#include "synod/messages/client.capnp.h"
#include "synod/messages/configuration.hpp"
#include "synod/messages/leadership.capnp.h"
#include "synod/messages/message.hpp"
#include "synod/messages/node.capnp.h"
#include "synod/messages/paxos.capnp.h"
#include "synod/messages/replica.capnp.h"

#include <caf/all.hpp>

#include <map>
#include <string>
#include <vector>

namespace synod {

/// From the node to each of its roles: the role `role` of node `node` is now
/// reached at `handle`; null: not any more. Stays in the process.
struct peer {
  node_id node = 0;
  std::string role;
  caf::strong_actor_ptr handle;
};

/// Pvalues by slot, one each: those with the highest ballot (pmax).
using pvalue_map = std::map<slot_number, message<schema::Pvalue>>;

/// From a scout to its leader: a majority promised `promised`. Stays in the process.
struct adopted {
  uint64_t scout = 0;
  ballot promised;
  uint64_t configuration = 0;    ///< the number of the latest one that was asked
  slot_number first_slot = 1;    ///< the pvalues tell of slots from here on
  slot_number decided_below = 1; ///< the highest that an acceptor of the majority knows
  slot_number first_kept = 1;    ///< slots below are decided, and were collected by an acceptor that would have told of them
  pvalue_map pvalues;
};

/// From a scout or commander to its leader: somebody promised a higher ballot. Stays in the process.
struct preempted {
  ballot by;
};

/// From a commander to its leader: its slot is decided, the commander has ended. Stays in the process.
struct decided {
  slot_number slot = 0;
  ballot under;
};

/// From a commander to its leader: so much is on the way to that acceptor that the p2a for the slot waits until some of it has
/// arrived. Stays in the process.
struct held_back {
  node_id acceptor = 0;
  slot_number slot = 0;
};

/// From a disk to the role that handed work to it (actors/role/disk.hpp): the work is done, or has failed. Stays in the process.
struct done_aside {
  uint64_t number = 0; ///< the role's own, of the work
  caf::error failure;
};

} // namespace synod

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(synod::peer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(synod::adopted)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(synod::preempted)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(synod::decided)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(synod::held_back)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(synod::done_aside)

CAF_BEGIN_TYPE_ID_BLOCK(synod, first_custom_type_id)
CAF_ADD_TYPE_ID(synod, (synod::message<synod::schema::P1a>) )
CAF_ADD_TYPE_ID(synod, (synod::message<synod::schema::P1b>) )
CAF_ADD_TYPE_ID(synod, (synod::message<synod::schema::Pvalue>) )
CAF_ADD_TYPE_ID(synod, (synod::message<synod::schema::P2b>) )
CAF_ADD_TYPE_ID(synod, (synod::message<synod::schema::AskLease>) )
CAF_ADD_TYPE_ID(synod, (synod::message<synod::schema::Lease>) )
CAF_ADD_TYPE_ID(synod, (synod::message<synod::schema::Leading>) )
CAF_ADD_TYPE_ID(synod, (synod::message<synod::schema::Received>) )
CAF_ADD_TYPE_ID(synod, (synod::message<synod::schema::HigherBallot>) )
CAF_ADD_TYPE_ID(synod, (synod::message<synod::schema::DecideAgain>) )
CAF_ADD_TYPE_ID(synod, (synod::message<synod::schema::Performed>) )
CAF_ADD_TYPE_ID(synod, (synod::message<synod::schema::AskHighest>) )
CAF_ADD_TYPE_ID(synod, (synod::message<synod::schema::Highest>) )
CAF_ADD_TYPE_ID(synod, (synod::message<synod::schema::Leased>) )
CAF_ADD_TYPE_ID(synod, (synod::message<synod::schema::Learn>) )
CAF_ADD_TYPE_ID(synod, (synod::message<synod::schema::Learned>) )
CAF_ADD_TYPE_ID(synod, (synod::message<synod::schema::Durable>) )
CAF_ADD_TYPE_ID(synod, (synod::message<synod::schema::AskSnapshot>) )
CAF_ADD_TYPE_ID(synod, (synod::message<synod::schema::SnapshotChunk>) )
CAF_ADD_TYPE_ID(synod, (synod::message<synod::schema::Operations>) )
CAF_ADD_TYPE_ID(synod, (synod::message<synod::schema::Replies>) )
CAF_ADD_TYPE_ID(synod, (synod::message<synod::schema::Request>) )
CAF_ADD_TYPE_ID(synod, (synod::message<synod::schema::Query>) )
CAF_ADD_TYPE_ID(synod, (synod::message<synod::schema::Opened>) )
CAF_ADD_TYPE_ID(synod, (synod::message<synod::schema::Responses>) )
CAF_ADD_TYPE_ID(synod, (synod::message<synod::schema::Answers>) )
CAF_ADD_TYPE_ID(synod, (synod::message<synod::schema::Ping>) )
CAF_ADD_TYPE_ID(synod, (synod::message<synod::schema::Pong>) )
CAF_ADD_TYPE_ID(synod, (synod::message<synod::schema::Hello>) )
CAF_ADD_TYPE_ID(synod, (synod::message<synod::schema::RoleStatus>) )
CAF_ADD_TYPE_ID(synod, (synod::message<synod::schema::NodeStatus>) )
CAF_ADD_TYPE_ID(synod, (synod::message<synod::schema::Change>) )
CAF_ADD_TYPE_ID(synod, (synod::message<synod::schema::ChangeState>) )

CAF_ADD_ATOM(synod, synod, perform_atom, "perform")   // to a client actor
CAF_ADD_ATOM(synod, synod, query_atom, "query")       // to a client actor
CAF_ADD_ATOM(synod, synod, propose_atom, "propose")   // replica to leader
CAF_ADD_ATOM(synod, synod, p2a_atom, "p2a")           // commander to acceptor
CAF_ADD_ATOM(synod, synod, decision_atom, "decision") // commander to replica; replica to followers
CAF_ADD_ATOM(synod, synod, forward_atom, "forward")   // replica to replica
CAF_ADD_ATOM(synod, synod, follow_atom, "follow")     // follower to replica
CAF_ADD_ATOM(synod, synod, status_atom, "status")
CAF_ADD_ATOM(synod, synod, explain_atom, "explain")
CAF_ADD_ATOM(synod, synod, tick_atom, "tick")     // to itself, by the actor system's clock
CAF_ADD_ATOM(synod, synod, sync_atom, "sync")     // acceptor to itself: what waits is to be made durable
CAF_ADD_ATOM(synod, synod, lease_atom, "lease")   // acceptor to itself: a lease that somebody waits for may be over
CAF_ADD_ATOM(synod, synod, later_atom, "later")   // leader to itself: acceptors that are asked later are to be asked
CAF_ADD_ATOM(synod, synod, pause_atom, "pause")   // replica to itself: a pause between slots, or between read rounds, is over
CAF_ADD_ATOM(synod, synod, expire_atom, "expire") // replica to itself: a deadline of the state machine has come
CAF_END_TYPE_ID_BLOCK(synod)

namespace synod {

/// What every role understands, one that a user brings too.
using role_actor =
  caf::typed_actor<caf::reacts_to<peer>,                                             // from its node
                   caf::replies_to<status_atom>::with<message<schema::RoleStatus>>>; // from its node, for synod-ctl

/// A role that remembers what became of slots (`role_definition::explains`).
using slot_actor =
  role_actor::extend<caf::replies_to<explain_atom, uint64_t>::with<message<schema::RoleStatus>>>; // from its node: of a slot

/// Accepts pvalues; never forgets what it promised. A mark is flow control: it comes back in the answer.
using acceptor_actor =
  slot_actor::extend<caf::reacts_to<message<schema::P1a>>,                        // from a leader, for its scout
                     caf::reacts_to<p2a_atom, message<schema::Pvalue>, uint64_t>, // from a leader, for a commander
                     caf::reacts_to<message<schema::AskLease>>,                   // from the active leader
                     caf::reacts_to<message<schema::AskHighest>>,                 // from a replica, for reads
                     caf::reacts_to<message<schema::Learn>>,                      // from a replica that is behind
                     caf::reacts_to<message<schema::Durable>>,                    // from a replica: garbage collection
                     caf::reacts_to<sync_atom>,                                   // from itself
                     caf::reacts_to<lease_atom>,                                  // from itself
                     caf::reacts_to<tick_atom>,                                   // from itself: it looks how full its disk is
                     caf::reacts_to<done_aside>>;                                 // from the disk: it is durable, or read

/// Gets slots decided under its ballots.
using leader_actor =
  slot_actor::extend<caf::reacts_to<propose_atom, message<schema::Pvalue>, uint64_t>, // from a replica; from a passive leader
                     caf::reacts_to<message<schema::P1b>>,                            // from an acceptor, to a scout
                     caf::reacts_to<message<schema::P2b>>,                            // from an acceptor, to commanders
                     caf::reacts_to<message<schema::Lease>>,                          // from an acceptor
                     caf::reacts_to<adopted>, caf::reacts_to<preempted>,              // from its scout or a commander
                     caf::reacts_to<decided>, caf::reacts_to<held_back>,              // from a commander
                     caf::reacts_to<message<schema::DecideAgain>>,                    // from a replica that cannot learn slots
                     caf::reacts_to<message<schema::Performed>>,                      // from the replica beside it, and others
                     caf::reacts_to<message<schema::Received>>,     // from a replica that decisions went to; from another leader
                     caf::reacts_to<message<schema::HigherBallot>>, // from a replica that knows of another active leader
                     caf::reacts_to<message<schema::Ping>>,         // from a passive leader
                     caf::reacts_to<message<schema::Pong>>,         // from the leader it watches
                     caf::reacts_to<later_atom>,                    // from itself
                     caf::reacts_to<tick_atom>>;

/// Performs the decided batches and answers clients.
using replica_actor =
  slot_actor::extend<caf::reacts_to<message<schema::Request>>,                         // from a client
                     caf::reacts_to<forward_atom, message<schema::Request>, uint64_t>, // from another replica
                     caf::reacts_to<message<schema::Query>>,                           // from a client: read-only
                     caf::reacts_to<decision_atom, message<schema::Pvalue>, uint64_t>, // from a leader, of a commander
                     caf::reacts_to<message<schema::Leading>>,                         // from the active leader
                     caf::reacts_to<message<schema::Received>>,      // from a replica or leader that it sent to; from a client
                     caf::reacts_to<message<schema::Highest>>,       // from an acceptor
                     caf::reacts_to<message<schema::Leased>>,        // from the leader beside it
                     caf::reacts_to<message<schema::Learned>>,       // from an acceptor
                     caf::reacts_to<message<schema::AskSnapshot>>,   // from a replica that is far behind
                     caf::reacts_to<message<schema::SnapshotChunk>>, // from the replica that it asked
                     caf::reacts_to<done_aside>,                     // from the disk: of a snapshot
                     caf::reacts_to<pause_atom>,                     // from itself: what waited goes on
                     caf::reacts_to<expire_atom, int64_t>,           // from itself: log time has to move on
                     caf::reacts_to<follow_atom, uint64_t>,          // from a follower: so many bytes may be on the way to it
                     caf::reacts_to<tick_atom>>;

/// Whoever sends requests and queries to replicas.
using client_actor = caf::typed_actor<caf::reacts_to<message<schema::Opened>>, caf::reacts_to<message<schema::Responses>>,
                                      caf::reacts_to<message<schema::Answers>>>;

/// A client for the other actors of its process (actors/client/client.hpp).
using session_actor =
  role_actor::extend<caf::replies_to<perform_atom, message<schema::Operations>>::with<message<schema::Replies>>,
                     caf::replies_to<query_atom, message<schema::Operations>>::with<message<schema::Replies>>, // read-only
                     caf::reacts_to<message<schema::Opened>>,                                                  // from a replica
                     caf::reacts_to<message<schema::Responses>>,                                               // from a replica
                     caf::reacts_to<message<schema::Answers>>,                                                 // from a replica
                     caf::reacts_to<tick_atom>>;

/// Lets clients of some protocol use the state machine.
using gateway_actor = role_actor::extend<caf::reacts_to<message<schema::Opened>>,    // from its replica
                                         caf::reacts_to<message<schema::Responses>>, // from its replica
                                         caf::reacts_to<message<schema::Answers>>,   // from its replica
                                         caf::reacts_to<tick_atom>>;

/// Whoever follows a replica's decisions, in the order in which it performs them (follow_atom). It returns the marks (peers.hpp).
using follower_actor = caf::typed_actor<caf::reacts_to<decision_atom, message<schema::Pvalue>, uint64_t>>;

/// The roles of one node: places them, connects them with those of other nodes.
using node_actor =
  caf::typed_actor<caf::replies_to<message<schema::Hello>, std::vector<caf::strong_actor_ptr>>::with<
                     message<schema::Hello>, std::vector<caf::strong_actor_ptr>>, // from the node at the other end
                   caf::reacts_to<message<schema::Performed>>,                    // from its replica; from a node that joins
                   caf::reacts_to<message<schema::Durable>>,                      // from its replica; to a node that was removed
                   caf::replies_to<message<schema::Change>>::with<message<schema::ChangeState>>, // from synod-ctl
                   caf::reacts_to<message<schema::Query>>,                                       // from synod-ctl, to its replica
                   caf::reacts_to<message<schema::AskSnapshot>>,                    // from synod-ctl, to its replica: a backup
                   caf::reacts_to<tick_atom, uint32_t>,                             // to itself: connect to that node
                   caf::reacts_to<done_aside>,                                      // what it wanted to remember is durable
                   caf::replies_to<status_atom>::with<message<schema::NodeStatus>>, // from synod-ctl
                   caf::replies_to<explain_atom, uint64_t>::with<message<schema::NodeStatus>>, // from synod-ctl: of a slot
                   caf::replies_to<caf::get_atom>::with<message<schema::Hello>>>; // from a node that joins, from synod-ctl

} // namespace synod

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(synod::ballot)
