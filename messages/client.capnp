# Clients and gateways with replicas: sessions, commands, queries, replies.
@0xa95bd9b76b8d30cf;

using Configuration = import "configuration.capnp".Configuration;
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("synod::schema");

struct Operations {
  # What the state machine performs, one after the other: commands, transactions and what else messages/operations.hpp tells of,
  # which packs and reads them. Argument by argument they would take twice the bytes.
  count @0 :UInt32;
  packed @1 :Data;
}

struct Open {
  # Opens a session. The same number opens one session, however often it is asked for while that lasts.
  number @0 :UInt64;         # a random one of the client's own choice
  keepResults @1 :Bool;      # keep the last replies in the replicated state: the client may turn to another replica
  replaces @2 :UInt64;       # the client's session before, which ends in the same step: what is still under way of it is not
                             # performed behind anything of the new one; 0: none
}

struct Commands {
  # <session, firstCid + i, operation i>: a session's commands with consecutive numbers.
  session @0 :UInt64;
  firstCid @1 :UInt64;       # from 1
  operations @2 :Operations;
}

struct Request {
  # Client or gateway to replica; replica to replica when forwarded; in the batch of a slot (paxos.capnp).
  union {
    open @0 :Open;
    commands @1 :Commands;
    configuration @2 :Configuration; # is to be the next one; skipped if another one has its number already
  }
}

struct Query {
  # Client or gateway to replica: read-only operations, which take no slot.
  number @0 :UInt64;         # of the client's own choice; comes back
  operations @1 :Operations; # commands and versions
}

struct Reply {
  # What the state machine answers; a gateway writes it in its client's protocol.
  union {
    nil @0 :Void;
    status @1 :Text;
    error @2 :Text;
    integer @3 :Int64;
    bulk @4 :Data;
    array @5 :List(Reply);
    noArray @6 :Void;        # the null array of RESP2: a transaction that was not performed
  }
}

struct Replies {
  # Client actor to whoever asked it for operations: a reply to each, in their order.
  replies @0 :List(Reply);
}

struct Opened {
  # Replica to client: what became of an Open.
  number @0 :UInt64;         # its
  union {
    session @1 :UInt64;      # the session's id
    refused @2 :Void;        # not taken: the replica's queue is full
    tooMany @3 :Void;        # there are as many sessions as there may be
  }
  why @4 :Text;              # it is refused, in words; empty: for want of room in the queue
}

struct Responses {
  # Replica to client: replies to commands <session, firstCid + i>, in order.
  session @0 :UInt64;
  firstCid @1 :UInt64;
  replies @2 :List(Reply);
  answered @3 :UInt32;       # so many of `replies`, from the front, are given; the others follow in a further message
  sessionEnded @4 :Bool;     # the session is not known (any more): nothing of it will be performed
  refused @5 :Bool;          # not taken, not performed: the replica's queue is full, or `why`
  mark @6 :UInt64;           # flow control: comes back in Received
  why @7 :Text;              # it is refused, in words; empty: for want of room in the queue
}

struct Answers {
  # Replica to client: replies to the operations of a query, from the one at `first` on.
  number @0 :UInt64;         # the query's
  first @1 :UInt32;
  replies @2 :List(Reply);
  answered @3 :UInt32;       # so many of `replies`, from the front, are given; the others follow in a further message
  refused @4 :Bool;          # nothing was read: too much waits at the replica
  mark @5 :UInt64;           # flow control: comes back in Received
}
