# Node actors among each other, and with synod-ctl.
@0x8f2f8d7a6b1c4d05;

using Configurations = import "configuration.capnp".Configurations;
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
  id @9 :UInt32;             # of the sender
  host @10 :Text;            # where the sender is found, as its cluster file says
  port @11 :UInt16;
  joins @12 :Bool;           # the sender is no member, and wants to be one
  configurations @13 :Configurations; # the last ones that the sender knows
}

struct Change {
  # synod-ctl to a node: the next configuration. Asked again and again until it is done or refused; the same token is the same change.
  token @0 :UInt64;
  union {
    addNode @1 :Text;        # its name; it has joined
    removeNode @2 :Text;
    replaceNode :group {
      node @3 :Text;
      by @4 :Text;           # that has joined
    }
    setAddress :group {
      node @5 :Text;
      host @6 :Text;
      port @7 :UInt16;
    }
    moveLeader @8 :Void;     # to the leader of the node that is asked: no change of the configuration
  }
}

struct ChangeState {
  # A node to synod-ctl: what has become of it.
  outcome @0 :Outcome;
  text @1 :Text;             # what it waits for, why it is refused, what was done
  enum Outcome {
    waits @0;
    done @1;
    refused @2;
  }
}

struct Entry {
  name @0 :Text;
  union {
    number @1 :Int64;
    text @2 :Text;
  }
}

struct RoleStatus {
  # What a role tells of itself; or of a slot, to synod-ctl explain.
  role @0 :Text;
  entries @1 :List(Entry);
}

struct NodeStatus {
  # What synod-ctl status, or explain, shows of one node.
  node @0 :Text;
  version @1 :Text;
  roles @2 :List(RoleStatus);
  connections @3 :List(Connection);
  struct Connection {
    node @0 :Text;
    up @1 :Bool;
    problem @2 :Text;        # why it is not taken
  }
  residentBytes @4 :UInt64;  # memory of the node's process; 0: not known
  uptimeMs @5 :UInt64;
}
