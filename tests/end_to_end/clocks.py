#!/usr/bin/python3
"""The wall clock of the leader's node steps, ahead and behind: nothing ends early, nothing lives on, no session ends."""

import glob
import os
import sys
import time

from cluster import Cluster, check

FAKETIME = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")


class Clock:
    """What a node takes for the time of day; its steady clock is right."""

    def __init__(self, cluster, name):
        self.file = os.path.join(cluster.dir, name + ".clock")
        self.step(0)
        cluster.environment[name] = {"LD_PRELOAD": FAKETIME[0], "FAKETIME_TIMESTAMP_FILE": self.file, "FAKETIME_NO_CACHE": "1",
                                     "FAKETIME_DONT_FAKE_MONOTONIC": "1"}

    def step(self, seconds):
        with open(self.file + ".new", "w") as f:
            f.write("%+d\n" % seconds)
        os.rename(self.file + ".new", self.file)


def lives(client, key, limit):
    """Until it is gone, seconds."""
    begin = time.monotonic()
    while client("GET", key) is not None:
        check(time.monotonic() - begin < limit, "%s lives longer than %s s" % (key, limit))
        time.sleep(0.01)
    return time.monotonic() - begin


def main():
    if not FAKETIME:
        print("clocks: left out: libfaketime is missing (tests/run installs it)")
        sys.exit(77)
    cluster = Cluster()
    clocks = {name: Clock(cluster, name) for name in cluster.layout}
    with cluster:
        cluster.wait_for_service()
        leader = cluster.leader()
        clock, c = clocks[leader], cluster.client(leader)
        check(c("TIME")[0].isdigit() and abs(int(c("TIME")[0]) - time.time()) < 3, "the clock is right at first")
        check(c("SET", "lock", "v", "EX", 30) == "OK", "a lock for 30 s")
        taken = time.monotonic()
        for step in (60, 3600, -40, 0):
            clock.step(step)
            check(abs(int(c("TIME")[0]) - time.time() - step) < 3, "the clock has stepped by %d s" % step)
            check(c("SET", "short", "v", "EX", 2) == "OK", "a key for 2 s")
            lived = lives(c, "short", 4)
            check(1.8 < lived < 2.5, "with the clock %+d s off, EX 2 lives %.2f s" % (step, lived))
            left, wanted = c("PTTL", "lock") / 1000, 30 - (time.monotonic() - taken)
            check(abs(left - wanted) < 1.5, "with the clock %+d s off, the lock has %.2f s left, not %.2f" % (step, left, wanted))
        with open(cluster.log(leader)) as f:
            check("wall clock is far from the others'" in f.read(), "a wrong clock is reported")

        # After an outage of all of them, what ran out meanwhile is gone at once.
        check(c("SET", "old", "v", "EX", 3) == "OK" and c("SET", "long", "v", "EX", 1000) == "OK", "two keys")
        for name in list(cluster.processes):
            cluster.kill(name)
        for each in clocks.values():
            each.step(500)
        cluster.start(*cluster.layout)
        cluster.wait_for_service()
        c = cluster.client(leader)
        check(c("GET", "old") is None, "what ran out during an outage is gone")
        check(450 < c("TTL", "long") < 510, "what did not is there: %s" % c("TTL", "long"))
    print("clocks: steps of a wall clock change no time to live")


main()
