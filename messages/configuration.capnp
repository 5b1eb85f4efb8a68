# Who takes part, and from which slot on.
@0x9d3c61e8b07fa254;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("synod::schema");

struct Configuration {
  # The nodes that serve a range of slots. Decided at slot s, it rules from s + WINDOW on.
  number @0 :UInt64;         # 0: the one that the cluster began with; each change counts one up
  nodes @1 :List(Node);
  struct Node {
    id @0 :UInt32;           # given once, never again
    name @1 :Text;
    host @2 :Text;           # where other nodes find it
    port @3 :UInt16;
    roles @4 :List(Text);
    since @5 :UInt64;        # the number of the configuration that took it in
    token @6 :UInt64;        # of its data directory, which it was added with; 0: it was there when the cluster began
  }
  removed @2 :List(UInt32);  # ids of nodes that were members: given once, never again
}

struct Configurations {
  # The last ones, in ascending order.
  list @0 :List(Ruling);
  struct Ruling {
    firstSlot @0 :UInt64;    # it rules from here on
    configuration @1 :Configuration;
  }
}
