#!/usr/bin/python3
"""Disks that fill up, to the brim, under load, and have room again; and one that fails.

While one of three disks is full nobody notices. While two are, writes are refused with an error that says so, reads go on at every
node, nothing that was acknowledged is lost and nothing happens twice; nodes are killed and started again meanwhile. With room there,
all goes on by itself. A node whose disk fails ends with the reason, and the others go on.

Each node has a small file system of its own, which takes the right to mount one: skipped where there is none."""

import os
import re
import shutil
import subprocess
import sys
import time

from cluster import Cluster, Load, ReplyError, check, wait_until
from disks import Disk, among_own_mounts

DISK = 48 << 20
RESERVE = 12 << 20
EXTRA = """
[replica]
snapshot-after = "1MiB"
[acceptor]
segment-size = "1MiB"
disk-reserve = "%s"
"""
REFUSED = re.compile(r"DISKFULL the command was not performed: the disks of too many nodes are full \(([a-c, ]+)\)")
UNTOLD = ("UNKNOWN", "TRYAGAIN", "TIMEOUT", "DISKFULL")

FAILING_SYNC = r"""
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/syscall.h>
int fdatasync(int file) {
  if (access(getenv("SYNC_FAILS_IF_THERE"), F_OK) != 0)
    return syscall(SYS_fdatasync, file);
  errno = EIO;
  return -1;
}
"""


def skip(why):
    print("skipped: " + why)
    sys.exit(77)


class SmallDisks(Cluster):
    """Every node has a disk of its own, of DISK bytes."""

    def __init__(self, reserve):
        super().__init__(extra=EXTRA % reserve)
        try:
            self.disks = {name: Disk(os.path.join(self.dir, "disk-" + name), DISK) for name in self.layout}
        except OSError as problem:
            shutil.rmtree(self.dir, ignore_errors=True)
            skip(str(problem))

    def __exit__(self, kind, value, trace):
        for name in list(self.processes):
            self.kill(name)
        for disk in self.disks.values():
            disk.close()
        super().__exit__(kind, value, trace)

    def data(self, name):
        return os.path.join(self.disks[name].path, "data")

    def fill(self, name, left=0):
        self.disks[name].fill(left)

    def free(self, name):
        self.disks[name].free()

    def acceptor(self, name):
        return self.status()[name]["roles"]["acceptor"]

    def told(self, name, text):
        return open(self.log(name), errors="replace").read().count(text)


def try_set(client, key, value):
    """OK, or the error's text."""
    try:
        return client("SET", key, value)
    except ReplyError as problem:
        return str(problem)


def counter(cluster, name, load, counts):
    """Counts up, whatever it is told; remembers what was acknowledged, and what may have happened beside."""
    client = cluster.client(name, timeout=30)
    while not load.stopping.is_set():
        counts["tried"] += 1
        try:
            client("INCR", "counter:" + name)
            counts["acknowledged"] += 1
        except ReplyError as problem:
            text = str(problem)
            check(text.startswith(UNTOLD), text)
            counts["unknown"] += text.startswith("UNKNOWN")
            counts["refused"] += text.startswith("DISKFULL")
            time.sleep(0.02)
    client.close()


def reader(cluster, name, load, times):
    """Reads go on, whatever is full."""
    client = cluster.client(name, timeout=30)
    while not load.stopping.is_set():
        begin = time.monotonic()
        check(client("GET", "kept") == b"since the beginning", "a read has another reply")
        times.append(time.monotonic() - begin)
        time.sleep(0.005)
    client.close()


def refused(cluster, name):
    """A write there, with the names that its refusal tells; none: it was performed, or its outcome is another one."""
    client = cluster.client(name, timeout=30)
    found = REFUSED.match(try_set(client, "refused:" + name, "x"))
    client.close()
    return sorted(found.group(1).split(", ")) if found else []


def reads_everywhere(cluster):
    for name in cluster.layout:
        client = cluster.client(name, timeout=30)
        check(client("GET", "kept") == b"since the beginning", "node %s does not read" % name)
        client.close()


def full_and_free(cluster):
    client = cluster.client("a")
    client("SET", "kept", "since the beginning")
    leader = cluster.leader()
    one, other = [name for name in cluster.layout if name != leader]

    load, counts, times = Load(), {}, []
    for name in cluster.layout:
        counts[name] = {"tried": 0, "acknowledged": 0, "unknown": 0, "refused": 0}
        load.run(counter, cluster, name, load, counts[name])
        load.run(reader, cluster, name, load, times)

    # One is full: the cluster goes on, and so does that node's gateway.
    cluster.fill(one, left=RESERVE // 2)
    wait_until(lambda: cluster.acceptor(one)["full"] == "yes", "full at " + one)
    check(cluster.acceptor(one)["disk free bytes"] <= RESERVE // 2, "what is free is not told")
    before = {name: each["acknowledged"] for name, each in counts.items()}
    wait_until(lambda: all(each["acknowledged"] > before[name] + 50 for name, each in counts.items()), "writes at every node")
    accepts = lambda: {name: cluster.acceptor(name)["accepts"] for name in cluster.layout}
    first = accepts()
    wait_until(lambda: accepts()[other] > first[other] + 100, "slots")
    grown = {name: x - first[name] for name, x in accepts().items()}
    check(grown[one] < grown[other] / 2, "a full acceptor is still sent what is new: %s" % grown)

    # Two are: nothing new is taken, anywhere, and what is read is what was written.
    cluster.fill(other, left=RESERVE // 2)
    for name in cluster.layout:
        wait_until(lambda: refused(cluster, name) == sorted([one, other]), "a refusal at %s" % name)
    # All of them, to the brim.
    for name in cluster.layout:
        cluster.fill(name)
    wait_until(lambda: all(cluster.acceptor(name)["full"] == "yes" for name in cluster.layout), "full everywhere")
    now = len(times)
    wait_until(lambda: len(times) > now + 100, "reads")
    load.stop()
    check(all(each["refused"] > 0 for each in counts.values()), "not every client was refused: %s" % counts)
    check(max(times) < 5, "a read took %.1f s" % max(times))
    for name in cluster.layout:
        check(cluster.told(name, "the disk is full") == 1, "%s does not tell once that its disk is full" % name)

    # Started again, one after the other and all at once, with disks on which not a byte is left.
    for names in ([leader], [one], list(cluster.layout), list(cluster.layout)):
        for name in names:
            cluster.kill(name)
        for name in names:
            cluster.fill(name)  # What a start gives up somebody else takes.
        cluster.start(*names)
        wait_until(lambda: bool(cluster.leader()), "a leader")
        reads_everywhere(cluster)
    for name in cluster.layout:
        wait_until(lambda: refused(cluster, name), "a refusal at %s after a restart" % name)

    # There is room.
    for name in cluster.layout:
        check(cluster.told(name, "the disk has room again") == 0, "%s took its disk for one with room" % name)
        cluster.free(name)
    took = cluster.wait_for_service(limit=20)
    for name in cluster.layout:
        wait_until(lambda: cluster.acceptor(name)["full"] == "no", "room at %s" % name)
        check(cluster.told(name, "the disk has room again") == 1, "%s does not tell once that there is room" % name)
    for name, each in counts.items():
        value = int(cluster.client(name)("GET", "counter:" + name))
        check(each["acknowledged"] <= value <= each["acknowledged"] + each["unknown"],
              "counter of %s: %d, of %s" % (name, value, each))
    print("full disks: %d writes acknowledged, %d refused, %d of unknown outcome, the longest read took %.0f ms; back in %.1f s"
          % (sum(x["acknowledged"] for x in counts.values()), sum(x["refused"] for x in counts.values()),
             sum(x["unknown"] for x in counts.values()), 1000 * max(times), took))


def without_reserve(cluster):
    """Until not a segment can be made."""
    client = cluster.client("a", timeout=30)
    client("SET", "kept", "since the beginning")
    for name in cluster.layout:
        cluster.fill(name)
    written, reply = 0, "OK"
    while reply == "OK":
        check(written < 10000, "there is no end to what a full disk takes")
        reply = try_set(client, "key:%d" % written, "x" * 10000)
        written += reply == "OK"
    wait_until(lambda: refused(cluster, "b"), "a refusal without a reserve")
    reads_everywhere(cluster)
    for name in cluster.layout:
        cluster.kill(name)
    cluster.start(*cluster.layout)
    cluster.leader()
    reads_everywhere(cluster)
    client = cluster.client("c", timeout=30)
    check(len(client("GET", "key:%d" % (written - 1))) == 10000, "what was acknowledged last is not there")
    for name in cluster.layout:
        cluster.free(name)
    took = cluster.wait_for_service(limit=30)
    print("without a reserve: %d writes until none was taken; back in %.1f s" % (written, took))


def failing(cluster, fails):
    """fdatasync of one node gets EIO."""
    reads = cluster.client("b", timeout=30)
    reads("SET", "kept", "since the beginning")
    victim = cluster.leader()
    open(fails[victim], "w").close()
    others = [name for name in cluster.layout if name != victim]
    took = cluster.wait_for_service(others, limit=20)
    process = cluster.processes.pop(victim)
    check(process.wait(10) == 1, "its process has ended with %s" % process.returncode)
    process.stdout.close()
    check("Input/output error" in open(cluster.log(victim)).read(), "it does not tell why it has ended")
    os.remove(fails[victim])
    cluster.start(victim)
    cluster.wait_for_service([victim], limit=20)
    print("a disk that fails: the others go on after %.1f s" % took)


def main():
    if not among_own_mounts():
        skip("no file system may be mounted here")
    with SmallDisks("%dMiB" % (RESERVE >> 20)) as cluster:
        cluster.wait_for_service()
        full_and_free(cluster)
    with SmallDisks("0") as cluster:
        cluster.wait_for_service()
        without_reserve(cluster)
    compiler = shutil.which("cc")
    if not compiler:
        print("a disk that fails: left out, there is no C compiler")
        return
    cluster = Cluster()
    library = os.path.join(cluster.dir, "failing_sync.so")
    subprocess.run([compiler, "-shared", "-fPIC", "-x", "c", "-", "-o", library], input=FAILING_SYNC, text=True, check=True)
    fails = {name: os.path.join(cluster.dir, "fails-" + name) for name in cluster.layout}
    for name in cluster.layout:
        cluster.environment[name] = {"LD_PRELOAD": library, "SYNC_FAILS_IF_THERE": fails[name]}
    with cluster:
        cluster.wait_for_service()
        failing(cluster, fails)


main()
