# Clients and gateways with replicas: sessions, commands, reads, replies.
@0xa95bd9b76b8d30cf;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("synod::schema");

struct Watched {
  key @0 :Data;
  version @1 :UInt64;        # as the state machine's version() told it
}

struct Operation {
  # What the state machine performs. Arguments are byte strings, the first one names the command.
  union {
    arguments @0 :List(Data);
    transaction :group {
      # Performed as one, if every watched key still has its version.
      commands @1 :List(List(Data));
      watched @2 :List(Watched);
    }
    open :group {
      # A new session; its id is the reply. Only in Requests with session 0.
      keepResults @3 :Bool;  # keep the last replies in the replicated state: the client may turn to another replica
    }
    close @4 :Void;          # the session ends
    keepAlive @5 :Void;      # the session is still in use
    versions @6 :List(Data); # of these keys, for a later transaction; the reply is a list of integers
  }
}

struct Requests {
  # Client or gateway to replica; replica to replica when forwarded. Commands <session, firstCid + i, operations[i]>.
  # In a query the same, with firstCid as a number of the client's own choice that comes back.
  session @0 :UInt64;        # 0: opens a session, firstCid is then a random number that names the request
  firstCid @1 :UInt64;
  operations @2 :List(Operation);
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

struct Responses {
  # Replica to client: replies to commands <session, firstCid + i>, in order; or to a query.
  session @0 :UInt64;
  firstCid @1 :UInt64;
  replies @2 :List(Reply);
  sessionEnded @3 :Bool;     # the session is not known (any more): nothing of it will be performed
  refused @4 :Bool;          # not taken, not performed: the replica's queue is full
  answered @5 :UInt32;       # so many of `replies`, from the front, are given; the others follow in a further message
}
