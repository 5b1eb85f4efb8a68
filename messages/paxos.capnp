# The Synod conversation: leaders (for their scouts and commanders) and acceptors.
@0xb7d0c6a1f2e34851;

using Cxx = import "/capnp/c++.capnp";
using Client = import "client.capnp";
$Cxx.namespace("synod::schema");

struct Ballot {
  # <round, leader id>, ordered lexicographically; all zero is the bottom, below every ballot.
  round @0 :UInt64;
  leader @1 :UInt32;       # the id of the leader's node
  incarnation @2 :UInt32;  # which start of that leader: from 1, durable, so that no ballot is used twice (C1)
}

struct Batch {
  # The value of one slot: commands executed in order, all at once. An empty one is a no-op.
  time @0 :Int64;            # log time, as the proposer carries it on, milliseconds since 1970; 0: it does not move
  requests @1 :List(Client.Request);
}

struct Pvalue {
  # <ballot, slot, value>. The one block that travels from a replica's propose through p2a and the acceptor's log to the decision.
  ballot @0 :Ballot;
  slot @1 :UInt64;
  decidedBelow @2 :UInt64;   # every slot below this one was decided when the proposer wrote this
  value @3 :Batch;
  configuration @4 :UInt64;  # the number of the one that rules the slot: whose acceptors choose
  proposer @5 :UInt32;       # the node whose replica made it, or whose leader filled a hole with it
}

struct P1a {
  # Leader, for a scout, to an acceptor: promise nothing below `ballot`, and say what you accepted from `firstSlot` on.
  ballot @0 :Ballot;
  scout @1 :UInt64;          # which scout of the leader asks; comes back in the answer
  firstSlot @2 :UInt64;
  endSlot @3 :UInt64;        # slots from here on are not asked for; 0: no end
}

struct P1b {
  # Acceptor to leader: its ballot and one piece of what it accepted, at most about 1 MiB.
  acceptor @0 :UInt32;
  ballot @1 :Ballot;
  scout @2 :UInt64;
  firstSlot @3 :UInt64;      # the piece covers slots from here ...
  nextSlot @4 :UInt64;       # ... up to, not including, this one; 0: this piece is the last
  decidedBelow @5 :UInt64;   # the acceptor knows that every slot below is decided
  pvalues @6 :List(Data);    # each an encoded Pvalue, one per slot, the one with the highest ballot
  wallClock @7 :Int64;       # of the acceptor's host, milliseconds since 1970
  firstKept @8 :UInt64;      # slots below are decided, and nothing is told of them: they were collected
  full @9 :Bool;             # as in P2b
}

struct AskLease {
  # Active leader to acceptors, again and again: promise no leader of another node a higher ballot for a while.
  ballot @0 :Ballot;         # that it is active under
  asked @1 :Int64;           # when, by the leader's own clock, nanoseconds; comes back in the answer
  givesUp @2 :Bool;          # it leads no longer under this ballot, nor an earlier one of its own: others need not wait
}

struct Lease {
  # Acceptor to leader: granted, for as long as the cluster file says, from when it was asked.
  acceptor @0 :UInt32;
  ballot @1 :Ballot;         # its own, which is durable, and the leader's
  asked @2 :Int64;
  waits @3 :Ballot;          # not the bottom: another leader asks to have this one promised, so nothing is granted any more
}

struct P2b {
  # Acceptor to leader: accepted, durably, under `ballot`; or, when `ballot` is higher than the leader's, preempted. Without slots,
  # and not higher: nothing was accepted, for want of room; or it tells how full its disk is.
  acceptor @0 :UInt32;
  ballot @1 :Ballot;
  slots @2 :List(UInt64);    # all that one sync made durable
  mark @3 :UInt64;           # flow control: the highest mark received from this leader; 0: none
  wallClock @4 :Int64;       # of the acceptor's host, milliseconds since 1970
  full @5 :Bool;             # its disk has less room than its reserve: better it gets nothing new
}
