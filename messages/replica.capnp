# The conversations of a replica with leaders, with other replicas and with acceptors.
@0xd2a6c1d09f6b4e13;

using Cxx = import "/capnp/c++.capnp";
using Paxos = import "paxos.capnp";
$Cxx.namespace("synod::schema");

struct Leading {
  # Active leader to every replica, when adopted and with every ping interval.
  ballot @0 :Paxos.Ballot;
  decidedBelow @1 :UInt64;   # the leader knows that every slot below is decided
  freeSlot @2 :UInt64;       # no slot from here on has a proposal at this leader
  clockAhead @3 :Bool;       # this node's clock is too far ahead of the others to be put into batches
}

struct Progress {
  # Replica to leader, or to a replica that forwards requests to it.
  node @0 :UInt32;
  slotOut @1 :UInt64;
  mark @2 :UInt64;           # flow control: the highest mark received from the addressee
  ballot @3 :Paxos.Ballot;   # set for a leader that calls itself the active one: a higher ballot that slots were decided under
}

struct Need {
  # Replica to leader: these slots are decided or should be, and acceptors alone cannot tell me their values: decide them again.
  firstSlot @0 :UInt64;
  endSlot @1 :UInt64;
}

struct AskHighest {
  # Replica to acceptor: one round for all reads that wait (paxos.md, read-only commands).
  round @0 :UInt64;
}

struct Highest {
  # Acceptor to replica: the highest slot it accepted durably; 0: none.
  acceptor @0 :UInt32;
  round @1 :UInt64;
  slot @2 :UInt64;
}

struct Learn {
  # Replica to acceptor: what did you accept from firstSlot on? Promises nothing; a value is chosen when a majority names the same ballot.
  firstSlot @0 :UInt64;
  withValues @1 :Bool;       # false: ballots alone are enough
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
  highest @3 :UInt64;        # the highest slot accepted durably
  decidedBelow @4 :UInt64;
  accepted @5 :List(Accepted);
  pvalues @6 :List(Data);    # in the order of `accepted` when values were asked for
}
