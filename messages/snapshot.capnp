# Snapshots on disk: records, one message each. A head, sessions, pieces, an end.
@0xe3b1f0a97c5d2486;

using Client = import "client.capnp";
using Configurations = import "configuration.capnp".Configurations;
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("synod::schema");

struct SnapshotHead {
  # Whose state, and of which moment.
  formatVersion @0 :UInt32;
  cluster @1 :Text;
  stateMachine @2 :Text;     # its name
  token @3 :UInt64;          # random, of this snapshot: names it, seeds the checksums of all its records but this one
  slotOut @4 :UInt64;        # every slot below was performed
  logTime @5 :Int64;
  sessionsExpiredAt @6 :Int64; # the log time at which sessions were last looked at
  configurations @7 :Configurations; # the last ones
}

struct SnapshotSessions {
  # Some of the sessions, in no order.
  sessions @0 :List(Session);
  struct Session {
    id @0 :UInt64;
    number @1 :UInt64;       # that opened it
    nextCid @2 :UInt64;
    used @3 :Int64;          # log time
    keepResults @4 :Bool;
    results @5 :List(Result);
  }
  struct Result {
    cid @0 :UInt64;
    reply @1 :Client.Reply;
  }
}

struct SnapshotPiece {
  # What the state machine told, a piece of it, or a part of one.
  bytes @0 :Data;
  continues @1 :Bool;        # the piece goes on in the next record
}

struct SnapshotEnd {
  # Behind it there is nothing; without it a snapshot is not whole.
  sessions @0 :UInt64;       # how many there were
}
