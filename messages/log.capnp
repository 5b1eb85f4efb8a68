# Records on disk. An accepted pvalue is logged as the Pvalue it came as (paxos.capnp).
@0x9c55a9f3d46e7b21;

using Configurations = import "configuration.capnp".Configurations;
using Cxx = import "/capnp/c++.capnp";
using Paxos = import "paxos.capnp";
$Cxx.namespace("synod::schema");

struct Promise {
  # The acceptor's ballot, when a p1a raised it.
  ballot @0 :Paxos.Ballot;
}

struct Collected {
  # The acceptor's first kept slot, when it went up.
  firstKept @0 :UInt64;
}

struct SegmentStart {
  # The first record of every segment of the log. What must outlive the segments before is carried on in it.
  formatVersion @0 :UInt32;
  cluster @1 :Text;
  node @2 :Text;
  segment @3 :UInt64;
  size @4 :UInt64;           # of the file, bytes; fixed when the segment is begun
  promised @5 :Paxos.Ballot; # the acceptor's ballot when this segment was begun
  token @6 :UInt64;          # of the log: random, seeds the checksums of all its records but those of this kind
  firstKept @7 :UInt64;      # the acceptor's first kept slot then
}

struct LogExtent {
  # Kept beside the segments, and there before the first of them.
  lastSegment @0 :UInt64;    # every segment up to this one is there, if only prepared
  token @1 :UInt64;          # of the log
  firstSegment @2 :UInt64;   # the log begins with this one; those before it are free to be used again
}

struct Identity {
  # Whose data directory this is.
  formatVersion @0 :UInt32;
  cluster @1 :Text;
  node @2 :Text;
  id @3 :UInt32;             # of the node: its name in votes, ballots and messages
  token @4 :UInt64;          # of this directory: random, never 0; another directory of the same node has another one
  holds @5 :List(Text);      # what was in it when its node had started last; without one of these it is not whole
  agreement @6 :Text;        # what the cluster file said, when it was begun, that must not change; a line for each thing
}

struct KnownNodes {
  # The data directories that other nodes had when this one met them, or when others did who told it.
  nodes @0 :List(Known);
  struct Known {
    node @0 :Text;
    token @1 :UInt64;
  }
}

struct KnownConfigurations {
  # What a node knows of decided configurations.
  beginning @0 :Configurations; # the one that the cluster began with; empty: this node was not there
  last @1 :Configurations;   # the last ones
  left @2 :Bool;             # the node was removed, and has ended
}

struct Incarnation {
  # How often the leader of this node has been started.
  number @0 :UInt32;
}
