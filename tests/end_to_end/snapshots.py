#!/usr/bin/python3
"""Snapshots and garbage collection: disk and memory stay flat, and whoever was away or lost a file comes back."""

import os
import subprocess

from cluster import BIN, Client, Cluster, check

SNAPSHOT_AFTER = 256 << 10
SEGMENT = 64 << 10
KEYS = 1000
EXTRA = '\n[replica]\nsnapshot-after = "256KiB"\n[acceptor]\nsegment-size = "64KiB"\n'


def write(client, rounds, mark):
    """Sets every key, so many times over; the values bear the mark."""
    for i in range(rounds):
        replies = client.pipeline([["SET", "key:%d" % k, ("%s.%d." % (mark, i)).ljust(100, "x")] for k in range(KEYS)])
        others = [each for each in replies if each != "OK"]
        check(not others, "SETs were answered %r" % others[:3])


def disk_bytes(path):
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                total += os.stat(os.path.join(folder, name)).st_blocks * 512
            except FileNotFoundError:
                pass  # It was removed meanwhile.
    return total


def memory_bytes(process):
    with open("/proc/%d/status" % process.pid) as f:
        return 1024 * int(next(line for line in f if line.startswith("VmRSS")).split()[1])


def role(cluster, node, name):
    return cluster.status()[node]["roles"][name]


def verify(path):
    done = subprocess.run([os.path.join(BIN, "synod-ctl"), "verify", path], capture_output=True, text=True)
    return done.returncode, done.stdout


def snapshots(cluster, name):
    folder = os.path.join(cluster.data(name), "replica")
    return [os.path.join(folder, each) for each in sorted(os.listdir(folder)) if each.endswith(".snapshot")]


def damage(path):
    with open(path, "r+b") as f:
        f.seek(os.path.getsize(path) // 2)
        byte = f.read(1)
        f.seek(-1, os.SEEK_CUR)
        f.write(bytes([byte[0] ^ 0x10]))


def log_since(cluster, name, offset):
    with open(cluster.log(name), errors="replace") as f:
        f.seek(offset)
        return f.read()


def reads(cluster, name, mark):
    client = Client(cluster.resp[name], timeout=30)
    for key in (0, KEYS // 2, KEYS - 1):
        value = client("GET", "key:%d" % key)
        check(value is not None and value.startswith(mark.encode()), "%s has %r for key %d" % (name, value, key))
    client.close()


def stays_flat(cluster):
    client = Client(cluster.resp["a"], timeout=30)
    write(client, 40, "warm")
    # README, "What is bounded": three snapshots and what is not collected, of a store of KEYS small values.
    snapshot = KEYS * 200
    limit = 3 * snapshot + 2.5 * 1.25 * SNAPSHOT_AFTER + 10 * SEGMENT + (1 << 20)
    before = {name: memory_bytes(cluster.processes[name]) for name in cluster.layout}
    most = 0
    for i in range(20):
        write(client, 10, "flat%d" % i)
        most = max(most, *(disk_bytes(cluster.data(name)) for name in cluster.layout))
    check(most < limit, "a data directory took %d bytes, and %d are its limit" % (most, limit))
    for name in cluster.layout:
        grown = memory_bytes(cluster.processes[name]) - before[name]
        check(grown < 32 << 20, "node %s has grown by %d bytes" % (name, grown))
        acceptor = role(cluster, name, "acceptor")
        check(acceptor["first kept slot"] > 1, "acceptor %s has collected nothing" % name)
    client.close()
    return most


def comes_back(cluster):
    """It was away for longer than what it lacks is kept."""
    cluster.kill("c")
    client = Client(cluster.resp["a"], timeout=30)
    write(client, 60, "away")
    client.close()
    offset = os.path.getsize(cluster.log("c"))
    cluster.start("c")
    reads(cluster, "c", "away")
    check("goes on from a snapshot of slot" in log_since(cluster, "c", offset), "c did not fetch a snapshot")


def starts_again(cluster):
    for name in cluster.layout:
        cluster.terminate(name)
    for name in cluster.layout:
        status, told = verify(cluster.data(name))
        check(status == 0 and "nothing is wrong" in told, "verify of %s says\n%s" % (name, told))
    cluster.start(*cluster.layout)
    for name in cluster.layout:
        reads(cluster, name, "away")


def damaged(cluster):
    status, told = verify(cluster.data("c"))
    check(status == 1 and "another process uses" in told, "verify of a node that runs says\n%s" % told)
    for count in (1, 2):
        cluster.kill("c")
        there = snapshots(cluster, "c")
        for each in there[:-2]:
            os.remove(each)  # It was killed before it did that itself.
        there = there[-2:]
        check(len(there) == 2, "c has %d snapshots" % len(there))
        for each in there[-count:]:
            damage(each)
        status, told = verify(cluster.data("c"))
        check(status == 1 and told.count("PROBLEM: replica") == count and there[-1] in told, "verify says\n%s" % told)
        offset = os.path.getsize(cluster.log("c"))
        cluster.start("c")
        reads(cluster, "c", "away" if count == 1 else "again")
        log = log_since(cluster, "c", offset)
        check("the snapshot is damaged" in log, "c does not tell of a damaged snapshot")
        if count == 1:
            check("goes on from the snapshot of slot" in log, "c does not tell which snapshot it goes on from")
            client = Client(cluster.resp["c"], timeout=30)
            write(client, 20, "again")  # So there are two again, and the damaged one goes.
            client.close()
            check(there[-1] not in snapshots(cluster, "c"), "a damaged snapshot stays")
        else:
            check("no snapshot can be used" in log, "c does not tell that no snapshot can be used")


def main():
    with Cluster(extra=EXTRA) as cluster:
        cluster.wait_for_service()
        most = stays_flat(cluster)
        comes_back(cluster)
        starts_again(cluster)
        damaged(cluster)
    print("snapshots: 24 MB of values were written, and a data directory never took more than %.1f MB" % (most / 1e6))


main()
