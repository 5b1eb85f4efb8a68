# Records on disk. An accepted pvalue is logged as the Pvalue it came as (paxos.capnp).
@0x9c55a9f3d46e7b21;

using Cxx = import "/capnp/c++.capnp";
using Paxos = import "paxos.capnp";
$Cxx.namespace("synod::schema");

struct Promise {
  # The acceptor's ballot, when a p1a raised it.
  ballot @0 :Paxos.Ballot;
}

struct SegmentStart {
  # The first record of every segment of the log.
  formatVersion @0 :UInt32;
  cluster @1 :Text;
  node @2 :Text;
  segment @3 :UInt64;
  size @4 :UInt64;           # of the file, bytes; fixed when the segment is begun
  firstSegment @5 :UInt64;   # the first one that the log kept when this one was begun
}

struct Identity {
  # Whose data directory this is.
  formatVersion @0 :UInt32;
  cluster @1 :Text;
  node @2 :Text;
  id @3 :UInt32; # of the node: its name in votes, ballots and messages
}

struct Incarnation {
  # How often the leader of this node has been started.
  number @0 :UInt32;
}
