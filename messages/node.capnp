# Node actors among each other, and with synod-ctl.
@0x8f2f8d7a6b1c4d05;

using Log = import "log.capnp";
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("synod::schema");

struct Hello {
  # To another node, answered with the same. The first one asks for the other's; with the second one the sender takes the other,
  # and both bring the handles of roles beside it. So no role hears of a node before both have looked at each other.
  version @0 :UInt32;
  cluster @1 :Text;
  node @2 :Text;
  roles @3 :List(Text);      # role names, in the order of the handles
  refusal @4 :Text;          # why the other is not taken
  token @5 :UInt64;          # of the sender's data directory
  agreement @6 :Text;        # what its cluster file says that all must agree on, a line for each thing
  known @7 :Log.KnownNodes;  # the other nodes' data directories, as the sender knows them
  takes @8 :Bool;            # the sender has seen the other's greeting; in an answer: the handles are beside it
}

struct Entry {
  name @0 :Text;
  union {
    number @1 :Int64;
    text @2 :Text;
  }
}

struct RoleStatus {
  role @0 :Text;
  entries @1 :List(Entry);
}

struct NodeStatus {
  # What synod-ctl status shows of one node.
  node @0 :Text;
  version @1 :Text;
  roles @2 :List(RoleStatus);
  connections @3 :List(Connection);
  struct Connection {
    node @0 :Text;
    up @1 :Bool;
    problem @2 :Text;        # why it is not taken
  }
}
