# Node actors among each other, and with synod-ctl.
@0x8f2f8d7a6b1c4d05;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("synod::schema");

struct Hello {
  # To a node just connected to, with the sender's role handles beside it; answered with the same.
  version @0 :UInt32;
  cluster @1 :Text;
  node @2 :Text;             # empty: a tool that only asks for the status
  roles @3 :List(Text);      # role names, in the order of the handles
  refusal @4 :Text;          # set in an answer: why the other was not taken
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
  }
}
