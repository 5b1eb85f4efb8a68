#!/usr/bin/python3
"""Any subset of roles on a node: five processes, three of which hold only an acceptor, two a replica, a leader and a gateway;
a gateway alone; no collisions of slots from clients on all nodes; order and reads within a connection."""

import os
import subprocess
import time

from cluster import BIN, Client, Cluster, Load, ReplyError, check

APART = {"x": ["acceptor"], "y": ["acceptor"], "z": ["acceptor"], "p": ["replica", "leader", "gateway"],
         "q": ["replica", "leader", "gateway"]}


def separate_acceptors():
    with Cluster(APART) as cluster:
        cluster.wait_for_service("pq")
        p, q = cluster.client("p"), cluster.client("q")
        for i in range(200):
            (p if i % 2 else q)("SET", "k%d" % i, i)
        check([int(v) for v in p("MGET", *["k%d" % i for i in range(200)])] == list(range(200)), "every write is read")
        cluster.kill("y")
        check(p("INCR", "n") == 1, "one acceptor less does no harm")
        cluster.kill("p")
        took = cluster.wait_for_service("q")
        check(took < 3, "service after %.2f s" % took)
        check(int(q("GET", "k199")) == 199, "what was acknowledged is there")
        cluster.start("p", "y")
        cluster.wait_for_service("pq")
        check(int(cluster.client("p")("GET", "k199")) == 199, "a replica without an acceptor beside it learns everything")
        cluster.kill("x")
        cluster.wait_for_service("pq")
        check(cluster.client("q")("INCR", "n") == 2, "counted once")
    print("placement: three acceptors apart from two replicas")


def gateway_alone():
    layout = {"a": ["replica", "leader", "acceptor"], "b": ["replica", "leader", "acceptor"], "c": ["acceptor"], "g": ["gateway"]}
    with Cluster(layout) as cluster:
        cluster.wait_for_service("g")
        c = cluster.client("g")
        check(c("SET", "k", "v") == "OK" and c("GET", "k") == b"v", "a gateway alone serves")
        cluster.kill("a")
        took = cluster.wait_for_service("g")
        check(took < 6, "service by the other replica after %.2f s" % took)
        check(cluster.client("g")("GET", "k") == b"v", "what was acknowledged is there")
    print("placement: a gateway alone")


def missing_role():
    """What the cluster file gives a node and the node does not have, synod-ctl names."""
    with Cluster() as cluster:
        cluster.wait_for_service()
        check(all("silent" not in x for x in cluster.status().values()), "all roles are there")
        cluster.kill("c")
        whole = cluster.config
        cluster.config = whole + ".without"
        with open(whole) as f:
            parts = f.read().split('name = "c"')
        with open(cluster.config, "w") as f:
            f.write(parts[0] + 'name = "c"' + parts[1].replace(', "gateway"', ""))
        cluster.start("c")
        cluster.config = whole
        check(cluster.status()["c"]["silent"] == ["gateway"], "the gateway is missing: %s" % cluster.status()["c"])
        said = subprocess.run([os.path.join(BIN, "synod-ctl"), "--config-file=" + whole, "status"], stdout=subprocess.PIPE, text=True)
        check("role gateway of the cluster file is not there" in said.stdout, said.stdout)
    print("placement: a role that is missing is named")


def no_collisions():
    with Cluster() as cluster:
        cluster.wait_for_service()
        cluster.leader()
        # Whoever leads first may be preempted by one that was quicker; from here on nobody is.
        before = {name: x["roles"]["replica"]["slot collisions"] for name, x in cluster.status().items()}
        load = Load()

        def client(node, which):
            c = cluster.client(node)
            n = 0
            while not load.stopping.is_set():
                n += 1
                key = "%s:%d:%d" % (node, which, n % 50)
                replies = c.pipeline([["SET", key, n], ["GET", key], ["APPEND", key, "x"], ["STRLEN", key], ["GET", key]])
                check(replies == ["OK", str(n).encode(), len(str(n)) + 1, len(str(n)) + 1, b"%dx" % n],
                      "a connection sees its own writes in order: %s" % replies)
                check(c("GET", key) == b"%dx" % n, "also in a read of its own")
        for node in "abc":
            for which in range(4):
                load.run(client, node, which)
        time.sleep(5)
        load.stop()
        for name, x in cluster.status().items():
            replica = x["roles"]["replica"]
            print("node %s: %d commands, %d slots, %d collisions" % (name, replica["commands performed"], replica["slot_out"],
                                                                      replica["slot collisions"]))
            check(replica["slot collisions"] == before[name], "no collisions without faults")
    print("placement: no collisions of slots")


def no_majority():
    with Cluster(extra="[gateway]\nrequest-timeout = \"700ms\"\n") as cluster:
        cluster.wait_for_service()
        c = cluster.client("a")
        c("SET", "k", "v")
        cluster.kill("b")
        cluster.kill("c")
        try:
            c("SET", "k", "w")
            check(False, "acknowledged without a majority")
        except ReplyError as problem:
            check("may or may not have been performed" in str(problem), str(problem))
        try:
            c("GET", "k")
            check(False, "read without a majority")
        except ReplyError as problem:
            check("TIMEOUT" in str(problem), str(problem))
        check(c("PING") == "PONG", "the gateway itself answers")
        cluster.start("b")
        took = cluster.wait_for_service("a")
        check(took < 3, "service %.2f s after a majority was up" % took)
        check(c("GET", "k") in (b"v", b"w"), "one of the two")
    print("placement: no majority, no acknowledgement")


separate_acceptors()
gateway_alone()
missing_role()
no_collisions()
no_majority()
