#!/usr/bin/python3
"""Leases: the active leader's node reads without asking other nodes, and never what another leader's writes have replaced.

Under load, the leader's process is stopped until another leader has taken over and written, and goes on; it is killed; leadership
is moved. Whatever is read, at any node, is no older than what was acknowledged before the read was sent. How fast reads are, and how
long a change of leader takes, is told only."""

import os
import signal
import subprocess
import time

from cluster import BIN, Cluster, Load, ReplyError, check

LEASE = 1.0
EXTRA = '\n[leader]\nlease = "%s"\n'


class Register:
    """A key that is set to growing numbers by one client."""

    def __init__(self, key):
        self.key, self.acknowledged, self.tried = key, 0, 0

    def look(self, floor, value, where):
        check(floor <= int(value or 0) <= self.tried,
              "%s is %s at %s, and %d was acknowledged before" % (self.key, value, where, floor))


def connected(cluster, node, load, use):
    """Calls `use` with a connection to that node, and with a new one whenever that breaks or a command fails."""
    while not load.stopping.is_set():
        try:
            c = cluster.client(node, timeout=20)
        except OSError:
            time.sleep(0.02)
            continue
        try:
            while not load.stopping.is_set():
                use(c)
        except (OSError, ConnectionError, ReplyError):
            c.close()


def write(cluster, node, load, register):
    def one(c):
        register.tried += 1
        n = register.tried
        c("SET", register.key, n)
        register.acknowledged = n
    connected(cluster, node, load, one)


def read(cluster, node, load, registers, counts):
    def one(c):
        for each in registers:
            floor = each.acknowledged
            each.look(floor, c("GET", each.key), node)
            counts[node] = counts.get(node, 0) + 1
    connected(cluster, node, load, one)


def wait_for_lease(cluster, among, limit=20):
    """The node whose leader holds it."""
    begin = time.monotonic()
    while time.monotonic() - begin < limit:
        for name, x in cluster.status().items():
            if name in among and x.get("roles", {}).get("leader", {}).get("lease") == "held":
                return name
        time.sleep(0.02)
    check(False, "no leader of %s holds the lease within %s s" % (among, limit))


def leased_rounds(cluster, node):
    return cluster.status()[node]["roles"]["replica"]["leased read rounds"]


def us_per_read(cluster, node, reads=2000):
    c = cluster.client(node)
    begin = time.monotonic()
    for _ in range(reads):
        c("GET", "some key")
    c.close()
    return (time.monotonic() - begin) / reads * 1e6


def taken_over(cluster, others, what):
    took = cluster.wait_for_service(others, limit=20)
    print("%s: the others serve after %.2f s" % (what, took), flush=True)


def stop_and_go_on(cluster, register, turn):
    """Another leader writes while the one with the lease is stopped; reads that were sent to it meanwhile must see that."""
    leader = wait_for_lease(cluster, "abc")
    others = [n for n in "abc" if n != leader]
    connections = [cluster.client(leader, timeout=20) for _ in range(20)]
    for c in connections:  # Sessions, and what there is to connect, are there.
        c("GET", register.key)
    cluster.signal(leader, signal.SIGSTOP)
    taken_over(cluster, others, "stopped %s" % leader)
    c = cluster.client(others[turn % 2])
    register.tried += 1
    c("SET", register.key, register.tried)
    register.acknowledged = register.tried
    floor = register.acknowledged
    for each in connections[:10]:
        each.send(["GET", register.key])
    cluster.signal(leader, signal.SIGCONT)
    for each in connections[10:]:
        each.send(["GET", register.key])
    for each in connections:
        value = each.read()
        if not isinstance(value, ReplyError):
            register.look(floor, value, leader + ", which was stopped")
        each.close()
    c.close()


def refused(cluster, name):
    """What was granted before a restart counts after it, so the cluster file must go on to say the same."""
    cluster.terminate(name)
    changed = os.path.join(cluster.dir, "changed.conf")
    with open(cluster.config) as f:
        text = f.read()
    for lease in ("2s", "0ms"):
        with open(changed, "w") as f:
            f.write(text.replace(EXTRA % "1s", EXTRA % lease))
        done = subprocess.run([cluster.program, "--config-file=" + changed, "--node=" + name, "--data-dir=" + cluster.data(name)],
                              capture_output=True, text=True, timeout=20)
        check(done.returncode == 2 and "lease 1000 ms" in done.stderr,
              "with another lease %s started: %d, %s" % (name, done.returncode, done.stderr))
    cluster.start(name)


def main():
    with Cluster(extra=EXTRA % "1s") as cluster:
        cluster.wait_for_service()
        leader = wait_for_lease(cluster, "abc")
        before = leased_rounds(cluster, leader)
        times = {n: us_per_read(cluster, n) for n in "abc"}
        print("a read takes %.0f us at the leader's node, %s us at the others"
              % (times[leader], ", ".join("%.0f" % t for n, t in times.items() if n != leader)), flush=True)
        check(leased_rounds(cluster, leader) >= before + 1000, "reads at the leader's node were not answered by its lease")

        load, counts = Load(), {}
        registers = [Register("register:%s" % n) for n in "abc"]
        for node, register in zip("abc", registers):
            load.run(write, cluster, node, load, register)
            load.run(read, cluster, node, load, registers, counts)
        mine = Register("mine")
        for turn in range(4):
            time.sleep(0.5)
            stop_and_go_on(cluster, mine, turn)
            check(not load.problems, "a client found: %s" % load.problems)
        for short in (0.2, 0.9, 1.1):
            leader = wait_for_lease(cluster, "abc")
            cluster.signal(leader, signal.SIGSTOP)
            time.sleep(short * LEASE)
            cluster.signal(leader, signal.SIGCONT)
            cluster.wait_for_service(limit=20)
        for _ in range(2):
            leader = wait_for_lease(cluster, "abc")
            cluster.kill(leader)
            taken_over(cluster, [n for n in "abc" if n != leader], "killed %s" % leader)
            cluster.start(leader)
            cluster.wait_for_service(limit=20)
        leader = wait_for_lease(cluster, "abc")
        to = next(n for n in "abc" if n != leader)
        begin = time.monotonic()
        subprocess.run([os.path.join(BIN, "synod-ctl"), "--config-file=" + cluster.config, "move-leader", to], check=True,
                       stdout=subprocess.DEVNULL, timeout=60)
        check(wait_for_lease(cluster, to) == to, "%s does not lead" % to)
        print("moved from %s to %s, which holds the lease after %.2f s" % (leader, to, time.monotonic() - begin), flush=True)
        load.stop()
        check(min(counts.get(n, 0) for n in "abc") > 100, "there were too few reads: %s" % counts)
        print("%d reads, %d writes under load" % (sum(counts.values()), sum(r.acknowledged for r in registers)))
        cluster.kill(*"abc")
        cluster.start(*"abc")
        cluster.wait_for_service(limit=20)
        for each in registers:
            c = cluster.client("a")
            each.look(each.acknowledged, c("GET", each.key), "a")
            c.close()
        refused(cluster, "c")
        cluster.wait_for_service(limit=20)
        for name in "abc":
            check(cluster.terminate(name) == 0, "node %s did not end in order" % name)


main()
