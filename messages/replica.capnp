# The conversations of a replica with leaders, with other replicas and with acceptors.
@0xd2a6c1d09f6b4e13;

using Configurations = import "configuration.capnp".Configurations;
using Cxx = import "/capnp/c++.capnp";
using Leadership = import "leadership.capnp";
using Paxos = import "paxos.capnp";
$Cxx.namespace("synod::schema");

struct Leading {
  # Active leader to every replica, when adopted and with every ping interval.
  ballot @0 :Paxos.Ballot;
  decidedBelow @1 :UInt64;   # the leader knows that every slot below is decided
  freeSlot @2 :UInt64;       # no slot from here on has a proposal at this leader
  clusterTime @3 :Leadership.ClusterTime;
  full @4 :List(UInt32);     # acceptors without whose full disks there is no quorum: nothing new is taken until there is room
}

struct Received {
  # To whoever sent messages with marks: flow control.
  node @0 :UInt32;           # of the receiver; 0: a client or a follower
  mark @1 :UInt64;           # the highest mark received from the addressee
}

struct HigherBallot {
  # Replica to a leader that calls itself the active one: slots were decided under this ballot.
  ballot @0 :Paxos.Ballot;
}

struct DecideAgain {
  # Replica to leader: these slots are decided or should be, and acceptors alone cannot tell me their values.
  firstSlot @0 :UInt64;
  endSlot @1 :UInt64;
}

struct Performed {
  # Replica to leaders and to its node: how far it is, and so which configurations rule what may be proposed.
  node @0 :UInt32;           # of the replica
  below @1 :UInt64;          # it has performed every slot below
  configurations @2 :Configurations; # all that rule slots below `below` + WINDOW, from `below` on at least
}

struct AskHighest {
  # Replica to acceptor: one round for all reads that wait.
  round @0 :UInt64;
}

struct Highest {
  # Acceptor to replica: the highest slot it accepted durably; 0: none.
  acceptor @0 :UInt32;
  round @1 :UInt64;
  slot @2 :UInt64;
}

struct Leased {
  # Leader to the replica beside it: until then reads need not ask acceptors. Each goes for all that come before the next one.
  until @0 :Int64;           # ns, by environment::boot_clock: so long it holds the lease; 0: it does not, acceptors are to be asked
  freeSlot @1 :UInt64;       # no slot from here on has been proposed by this leader, or is known to be decided
  configuration @2 :UInt64;  # the number of the latest one that it knows
}

struct Learn {
  # Replica to acceptor: what did you accept from firstSlot on? Promises nothing; a value is chosen when a majority names the same ballot.
  firstSlot @0 :UInt64;
  withValues @1 :Bool;       # false: ballots alone are enough
  mark @2 :UInt64;           # flow control: the highest mark of a Learned received from this acceptor; 0: none
}

struct Accepted {
  slot @0 :UInt64;
  ballot @1 :Paxos.Ballot;
}

struct Learned {
  # Acceptor to replica: one piece of bounded size.
  acceptor @0 :UInt32;
  firstSlot @1 :UInt64;
  nextSlot @2 :UInt64;       # the piece covers [firstSlot, nextSlot)
  decidedBelow @3 :UInt64;
  accepted @4 :List(Accepted);
  pvalues @5 :List(Data);    # each an encoded Pvalue, in the order of `accepted`, when values were asked for
  mark @6 :UInt64;           # flow control: comes back in the next Learn
  firstKept @7 :UInt64;      # slots below are decided, and nothing is told of them: they were collected
}

struct Durable {
  # Replica to every acceptor: how far it holds on its disk what decided slots led to (PMMC section 4.2).
  node @0 :UInt32;           # of the replica
  below @1 :UInt64;          # a snapshot of the state that every slot below led to is durable there
  keepFrom @2 :UInt64;       # it is about to need slots from here on: better they are not collected yet; 0: none in particular
  configurations @3 :Configurations; # the last ones that it knows: whose replicas count
  latest @4 :UInt64;         # its latest snapshot's slot, which may be more than `below`; 0: it has none
}

struct AskSnapshot {
  # Replica to replica: a piece of a snapshot, of what acceptors have collected.
  above @0 :UInt64;          # slot_out of the one that asks: an earlier snapshot is of no use
  token @1 :UInt64;          # of the snapshot that it has a part of; 0: of none, any will do
  offset @2 :UInt64;         # of the piece in that snapshot's file
}

struct SnapshotChunk {
  # Replica to replica: the answer.
  node @0 :UInt32;           # of the one that answers
  token @1 :UInt64;          # of the snapshot; 0: nothing is given, ask another one or later
  slotOut @2 :UInt64;        # the snapshot is of the state that every slot below led to
  fileBytes @3 :UInt64;      # of the whole snapshot
  offset @4 :UInt64;
  bytes @5 :Data;
  checksum @6 :UInt64;       # XXH3 over the bytes, seeded with token + offset
}
