#!/usr/bin/python3
"""Members of a running cluster: added, removed, replaced one after another, moved to another address, while clients go on."""

import os
import shutil
import subprocess
import threading
import time

from cluster import BIN, Client, Cluster, Failure, Load, ReplyError, check, free_ports

# Small enough for snapshots to be taken and slots to be collected while the test runs.
EXTRA = '\n[replica]\nsnapshot-after = "256KiB"\n[acceptor]\nsegment-size = "64KiB"\n'
LONGEST_PAUSE = 3.0


def ctl(cluster, *args, config=None, limit=90):
    """Exit status, what was printed, and what was said on standard error."""
    done = subprocess.run([os.path.join(BIN, "synod-ctl"), "--config-file=" + (config or cluster.config), *args],
                          capture_output=True, text=True, timeout=limit)
    return done.returncode, done.stdout, done.stderr


def change(cluster, *args, **options):
    status, out, said = ctl(cluster, *args, **options)
    check(status == 0, "%s: %s%s" % (" ".join(args), out, said))
    return out


def refused(cluster, why, *args, **options):
    status, out, said = ctl(cluster, *args, **options)
    check(status == 1 and why in said, "%s gave %d, %r: expected %r" % (" ".join(args), status, out + said, why))


def file_for(cluster, name, others, port=None):
    """A cluster file for a node that joins: it names itself, and some others."""
    if name not in cluster.address:
        cluster.address[name], cluster.resp[name] = free_ports(2)
    path = os.path.join(cluster.dir, name + ".conf")
    cluster.write_config(path, [name, *others])
    return path


def begin(cluster, name, config, *options):
    """Starts a process of synod-node; gives what it says first."""
    cluster.launch(name, *options, config=config)
    return cluster.processes[name].stdout.readline()


def join(cluster, name, others):
    line = begin(cluster, name, file_for(cluster, name, others), "--join")
    check(line.startswith("ready node=" + name), "%s does not join: %r" % (name, line))


def leaves(cluster, name, limit=20):
    """A node that was removed ends by itself, in order."""
    process = cluster.processes.pop(name)
    status = process.wait(limit)
    process.stdout.close()
    check(status == 0, "%s, which was removed, ended with status %d" % (name, status))


class Writers:
    """Clients of the nodes that are named at the moment, which count: what was acknowledged is there, once."""

    def __init__(self, cluster, names, count=3):
        self.cluster = cluster
        self.names = list(names)
        self.acknowledged = {}
        self.unknown = {}
        self.pauses = {}
        self.load = Load()
        for i in range(count):
            self.load.run(self.write, i)

    def write(self, me):
        key, client, turn = "counter:%d" % me, None, me
        self.acknowledged[me] = self.unknown[me] = 0
        self.pauses[me] = 0.0
        last = time.monotonic()
        while not self.load.stopping.is_set():
            try:
                if client is None:
                    turn += 1
                    client = Client(self.cluster.resp[self.names[turn % len(self.names)]], timeout=5)
                client("INCR", key)
                client("SET", "%s:%d" % (key, self.acknowledged[me] % 500), "x" * 200)
                self.acknowledged[me] += 1
                now = time.monotonic()
                self.pauses[me], last = max(self.pauses[me], now - last), now
            except (OSError, ConnectionError, ReplyError):
                self.unknown[me] += 1
                if client is not None:
                    client.close()
                client = None

    def stop(self, at):
        self.load.stop()
        client = Client(self.cluster.resp[at], timeout=20)
        for me, count in self.acknowledged.items():
            have = int(client("GET", "counter:%d" % me))
            check(count <= have <= count + self.unknown[me],
                  "client %d: %d were acknowledged, %d of unknown outcome, and %d are there" % (me, count, self.unknown[me], have))
        client.close()
        return max(self.pauses.values())


def members(cluster, at):
    """The numbers of the configuration that the parts of a node know."""
    roles = cluster.status()[at]["roles"]
    return {roles["replica"]["configuration"], roles["leader"]["configuration"]}


def grown_and_back(cluster):
    writers = Writers(cluster, "abc")
    join(cluster, "d", "a")
    change(cluster, "add-node", "d")
    join(cluster, "e", "b")
    change(cluster, "add-node", "e")
    client = Client(cluster.resp["e"], timeout=10)
    client("SET", "five", "nodes")
    client.close()
    # Five acceptors bear two that are gone.
    writers.names = ["c", "d", "e"]
    cluster.kill("a")
    cluster.kill("b")
    time_to_write = cluster.wait_for_service(["c", "d", "e"])
    cluster.start("a", "b")
    change(cluster, "remove-node", "d", "--node=c")
    writers.names = ["a", "b", "c"]
    change(cluster, "remove-node", "e", "--node=a")
    leaves(cluster, "d")
    leaves(cluster, "e")
    pause = writers.stop("b")
    return "without two of five writes went on after %.1f s; longest pause with two killed %.1f s" % (time_to_write, pause)


def replaced_one_after_another(cluster):
    writers = Writers(cluster, "abc")
    leader = cluster.leader()
    order = sorted("abc", key=lambda each: each != leader)  # The active leader's node first.
    names = list("abc")
    for old, new in zip(order, "xyz"):
        other = next(each for each in names if each != old)
        join(cluster, new, other)
        writers.names = [each for each in names if each != old]
        change(cluster, "replace-node", old, new, config=file_for(cluster, new, [other]))
        names = [each for each in names if each != old] + [new]
        writers.names = names
        leaves(cluster, old)
    pause = writers.stop("z")
    check(pause < LONGEST_PAUSE, "a client waited %.1f s while nodes were replaced" % pause)
    # What they hold they hold by themselves.
    for each in "xyz":
        cluster.terminate(each)
    for each in "xyz":
        cluster.processes.pop(each, None)
        begin_again(cluster, each)
    cluster.wait_for_service(["x", "y", "z"])
    return "longest pause %.2f s" % pause


def begin_again(cluster, name):
    """A member that was stopped; its file still names one other node, and says nothing of the rest."""
    path = os.path.join(cluster.dir, name + ".conf")
    line = begin(cluster, name, path)
    check(line.startswith("ready node=" + name), "%s does not start again: %r" % (name, line))


def refusals(cluster):
    client = Client(cluster.resp["a"])
    client("SET", "k", "v")
    refused(cluster, "node 'd' has not joined", "add-node", "d")
    refused(cluster, "node 'a' is a member already", "add-node", "a")
    refused(cluster, "unknown node 'q'; members are: ", "remove-node", "q")
    refused(cluster, "is at 127.0.0.1:%d already" % cluster.address["b"], "set-address", "b", "127.0.0.1:%d" % cluster.address["b"])
    join(cluster, "d", "a")
    cluster.kill("c")
    cluster.kill("d")
    change(cluster, "remove-node", "c", "--node=a")  # It is gone for good, and two of two are reached.
    client("SET", "k", "w")
    cluster.kill("b")
    refused(cluster, "no majority would be left: of its 2 acceptors 1 are reached, and 2 are needed", "set-address", "b",
            "127.0.0.1:1", "--node=a")
    cluster.start("b")
    cluster.wait_for_service(["a", "b"])
    # Who was removed while it was away hears of it, and does not start any more then.
    line = begin(cluster, "c", cluster.config)
    check(line.startswith("ready"), "c does not start: %r" % line)
    leaves(cluster, "c")
    again = subprocess.run([cluster.program, "--config-file=" + cluster.config, "--node=c", "--data-dir=" + cluster.data("c")],
                           capture_output=True, text=True, timeout=20)
    check(again.returncode == 2 and "was removed from the cluster, and has left" in again.stderr, "c: %r" % again.stderr)
    shutil.rmtree(cluster.data("c"))
    joined = subprocess.run([cluster.program, "--config-file=" + cluster.config, "--node=c", "--data-dir=" + cluster.data("c"), "--join"],
                            capture_output=True, text=True, timeout=20)
    check(joined.returncode == 2 and "are given once" in joined.stderr, "c: %r" % joined.stderr)
    check(client("GET", "k") == b"w", "a value is gone")
    client.close()


def a_lost_disk(cluster):
    """A node that comes with an empty directory is told what to do, and does that."""
    client = Client(cluster.resp["a"])
    client("SET", "k", "v")
    cluster.terminate("c")
    shutil.rmtree(cluster.data("c"))
    begin(cluster, "c", cluster.config)
    deadline = time.monotonic() + 10
    while "synod-ctl replace-node c NAME" not in open(cluster.log("c")).read():
        check(time.monotonic() < deadline, "c is not told how to come back")
        time.sleep(0.05)
    cluster.kill("c")
    join(cluster, "c2", "a")
    change(cluster, "replace-node", "c", "c2")
    check(Client(cluster.resp["c2"])("GET", "k") == b"v", "c2 has not got the value")
    client.close()


def moved(cluster):
    """Another address, and another leader."""
    client = Client(cluster.resp["a"])
    cluster.leader()
    for each in "cab":
        change(cluster, "move-leader", each)
        check(cluster.leader() == each, "node %s does not lead" % each)
    cluster.terminate("c")
    with open(cluster.config) as f:
        text = f.read()
    port = free_ports(1)[0]
    elsewhere = os.path.join(cluster.dir, "moved.conf")
    with open(elsewhere, "w") as f:
        f.write(text.replace("127.0.0.1:%d" % cluster.address["c"], "127.0.0.1:%d" % port))
    change(cluster, "set-address", "c", "127.0.0.1:%d" % port)
    line = begin(cluster, "c", elsewhere)
    check(line.startswith("ready"), "c does not start at its new address: %r" % line)
    cluster.wait_for_service(["c"])
    cluster.kill("a")
    cluster.wait_for_service(["b", "c"])  # So these two reach each other.
    client.close()


if __name__ == "__main__":
    for scenario in (refusals, a_lost_disk, moved, grown_and_back, replaced_one_after_another):
        with Cluster(extra=EXTRA) as cluster:
            cluster.wait_for_service()
            print("%s: %s" % (scenario.__name__, scenario(cluster) or scenario.__doc__ or "done"), flush=True)
