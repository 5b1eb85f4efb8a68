# Leaders among each other: a passive leader pings the one it watches.
@0xc4df1f5b3f6b2a97;

using Cxx = import "/capnp/c++.capnp";
using Paxos = import "paxos.capnp";
$Cxx.namespace("synod::schema");

struct ClusterTime {
  # What the wall clocks of a quorum of acceptors show in the middle, milliseconds since 1970. An even number of them has two in
  # the middle, and either may be wrong. Both 0: not known.
  atLeast @0 :Int64;
  atMost @1 :Int64;
}

struct Ping {
  node @0 :UInt32;
  wallClock @1 :Int64;       # milliseconds since 1970
  asksToLead @2 :Bool;       # the sender does not hear the active leader, the receiver does: better the receiver leads
  ballot @3 :Paxos.Ballot;   # the sender's own while it is active, otherwise the one it watches
  clusterTime @4 :ClusterTime; # known to the active leader alone
}

struct Pong {
  node @0 :UInt32;
  ballot @1 :Paxos.Ballot;   # the highest one this leader knows of
  active @2 :Bool;           # it is this leader's own, and a majority answers it
  wallClock @3 :Int64;
  hears @4 :Bool;            # it is another's, and this leader hears from that one
  decidedBelow @5 :UInt64;   # this leader knows that every slot below is decided
  clusterTime @6 :ClusterTime;
  performedBelow @7 :UInt64; # by the replica beside this leader; 0: there is none, or it has not told
}
