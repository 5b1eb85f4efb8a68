"""Looks at every process and data directory each second: what they take, and whether it grows. And at the machine: pauses that are
as long as its own are no fault of a node."""

import os
import statistics
import time
from typing import NamedTuple

from cluster import check

MIB = 1 << 20
SNAPSHOT_AFTER = 64 << 10
SEGMENT = 64 << 10
SPARE = 4 << 20
DISK, DISK_RESERVE = 64 << 20, 8 << 20  # of each place
# Small, so that collecting, using segments again, and fetching snapshots, in many pieces, happen all the time.
OPTIONS = """
[replica]
snapshot-after = "%dKiB"
snapshot-chunk = "16KiB"
[acceptor]
segment-size = "%dKiB"
spare-limit = "%dKiB"
cache-size = "1MiB"
disk-reserve = "%dMiB"
[gateway]
request-timeout = "3s"
""" % (SNAPSHOT_AFTER >> 10, SEGMENT >> 10, SPARE >> 10, DISK_RESERVE >> 20)
WRITTEN_MEANWHILE = 4 << 20  # while a snapshot is taken; clients write less than 1 MB a second


class Sample(NamedTuple):
    at: float
    process: int
    memory: int
    descriptors: int
    threads: int
    disk: int


# What the median may be higher in the last quarter of a node's samples than in the second: a share, and so much. Noise is below
# that: memory comes in huge pages of 2 MiB, connections come and go, a directory's size goes up and down between snapshots.
TOLERANCES = {"memory": (0.25, 32 * MIB), "descriptors": (0.0, 16), "threads": (0.0, 2),
              "disk": (0.0, int(2.5 * SNAPSHOT_AFTER) + 10 * SEGMENT + WRITTEN_MEANWHILE)}
FEWEST = 24  # samples that say something


def disk_bound(snapshot):
    """README, "What is bounded": of a data directory when a snapshot takes so many bytes, and both other replicas fetch one; what
    follows that is kept meanwhile."""
    after = max(SNAPSHOT_AFTER, snapshot / 4)
    return 3 * snapshot + 2.5 * after + WRITTEN_MEANWHILE + 10 * SEGMENT + 2 * snapshot + SPARE


def directory_bytes(path):
    """What it takes, and the largest snapshot in it."""
    total, snapshot = 0, 0
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                found = os.stat(os.path.join(folder, name))
            except FileNotFoundError:
                continue  # It was removed meanwhile.
            total += found.st_blocks * 512
            if name.endswith(".snapshot"):
                snapshot = max(snapshot, found.st_size)
    return total, snapshot


def look_at_process(process):
    """Resident memory, open descriptors, threads."""
    with open("/proc/%d/status" % process) as f:
        fields = dict(line.split(":", 1) for line in f)
    return (1024 * int(fields["VmRSS"].split()[0]), len(os.listdir("/proc/%d/fd" % process)), int(fields["Threads"]))


class Machine:
    """What a thread that only sleeps, and a small file that is written and synced, have to wait for here."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "machine")
        self.seen = []  # (when, seconds that a second was late, seconds for a sync)

    def follow(self, load):
        due = time.monotonic() + 1
        with open(self.path, "wb", buffering=0) as f:
            while not load.stopping.wait(max(0.0, due - time.monotonic())):
                begin = time.monotonic()
                os.pwrite(f.fileno(), os.urandom(4096), 0)
                os.fdatasync(f.fileno())
                end = time.monotonic()
                self.seen.append((end, begin - due, end - begin))
                due = end + 1

    def longest(self, begin, end):
        """Lateness and sync, between two moments."""
        those = [each for each in self.seen if begin <= each[0] < end]
        return max((each[1] for each in those), default=0.0), max((each[2] for each in those), default=0.0)


class Watch:
    def __init__(self, cluster):
        self.cluster = cluster
        self.samples = {node: [] for node in cluster.layout}  # of a place: of all nodes that were there
        self.snapshot = 0  # the largest that was seen

    def follow(self, load):
        while not load.stopping.wait(1.0):
            for node in {*self.cluster.layout, *self.cluster.processes}:  # who joins has no place yet
                self.look(node)

    def look(self, node):
        process = self.cluster.processes.get(node)
        disk, snapshot = directory_bytes(self.cluster.data(node))
        self.snapshot = max(self.snapshot, snapshot)
        check(disk <= disk_bound(self.snapshot), "the data directory of node %s takes %d bytes; %d are its bound, with snapshots of %d" % (
            node, disk, disk_bound(self.snapshot), self.snapshot))
        if process is None:
            return  # A fault has it.
        try:
            seen = look_at_process(process.pid)
        except (KeyError, OSError):  # It has ended; a process that nobody has waited for yet has no memory.
            check(self.cluster.processes.get(node) is not process or process.poll() is None,
                  "node %s has ended by itself, with status %s" % (node, process.poll()))
            return
        self.samples.setdefault(node, []).append(Sample(time.monotonic(), process.pid, *seen, disk))

    def judge(self):
        """What has grown that should not have: texts."""
        problems = []
        for node, samples in self.samples.items():
            problems += grown("node %s" % node, samples)
            problems += grown("one process of node %s" % node, longest_life(samples))
        return problems

    def medians(self, node, begin, end):
        """Between two moments: memory, descriptors, threads, disk; None: the node was not there."""
        those = [each for each in self.samples[node] if begin <= each.at < end]
        return {what: int(statistics.median(getattr(each, what) for each in those)) for what in TOLERANCES} if those else None


def longest_life(samples):
    """Those of the process that lived longest."""
    lives = {}
    for each in samples:
        lives.setdefault(each.process, []).append(each)
    return max(lives.values(), key=len, default=[])


def grown(whose, samples):
    if len(samples) < FEWEST:
        return []
    quarter = len(samples) // 4
    problems = []
    for what, (share, more) in TOLERANCES.items():
        before = statistics.median(getattr(each, what) for each in samples[quarter:2 * quarter])
        after = statistics.median(getattr(each, what) for each in samples[-quarter:])
        if after > before * (1 + share) + more:
            problems.append("%s: %s has grown from %d to %d, between the second and the last quarter of %d s" % (
                whose, what, before, after, samples[-1].at - samples[0].at))
    return problems
