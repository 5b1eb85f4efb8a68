#!/usr/bin/python3
"""Nodes are killed, all of them at once, and stopped, under a mixed load from clients on all of them.

Every acknowledged write is there, no increment is applied twice, pipelined appends are in order, once each,
transfers never change the total, service is back within 3 s of a majority being up, and a stopped node costs the
others a bounded amount of memory."""

import random
import signal
import sys
import time

from cluster import Client, Cluster, Failure, Load, ReplyError, check

ACCOUNTS = 8
TOTAL = 1000 * ACCOUNTS
BACK_WITHIN = float(sys.argv[1]) if len(sys.argv) > 1 else 3.0


class Session:
    """A client that reconnects to its node for as long as the load goes on."""

    def __init__(self, cluster, node, load):
        self.cluster, self.node, self.load, self.connection = cluster, node, load, None

    def get(self):
        while not self.connection and not self.load.stopping.is_set():
            try:
                self.connection = self.cluster.client(self.node, timeout=20)
            except OSError:
                time.sleep(0.02)
        return self.connection

    def drop(self):
        if self.connection:
            self.connection.close()
        self.connection = None


def writer(session, name, acknowledged):
    """Sets keys of its own to growing numbers; remembers the last acknowledged and the last tried."""
    n = 0
    while not session.load.stopping.is_set():
        c = session.get()
        if not c:
            return
        n += 1
        acknowledged[name] = (acknowledged.get(name, (0, 0))[0], n)
        try:
            if c("SET", name, n) == "OK":
                acknowledged[name] = (n, n)
            check(int(c("GET", name)) >= acknowledged[name][0], "%s went back" % name)
        except (OSError, ConnectionError, ReplyError):
            session.drop()


def incrementer(session, key, counts):
    """Counts acknowledged and uncertain increments; an acknowledged value is never seen twice."""
    seen = 0
    while not session.load.stopping.is_set():
        c = session.get()
        if not c:
            return
        try:
            counts["tried"] += 1
            value = c("INCR", key)
            counts["acknowledged"] += 1
            check(value > seen, "INCR %s returned %s after %s" % (key, value, seen))
            seen = value
        except (OSError, ConnectionError, ReplyError):
            session.drop()


def appender(session, key, state):
    """Pipelines numbered appends; after an uncertain one it looks what is there and goes on behind it."""
    while not session.load.stopping.is_set():
        c = session.get()
        if not c:
            return
        first = state["next"]
        batch = list(range(first, first + 20))
        state["next"] += len(batch)
        try:
            c.send(*[["APPEND", key, "%08d" % n] for n in batch])
            for n in batch:
                if not isinstance(c.read(), ReplyError):
                    state["acknowledged"].add(n)
        except (OSError, ConnectionError):
            session.drop()


def transferrer(session, seed):
    chance = random.Random(seed)
    while not session.load.stopping.is_set():
        c = session.get()
        if not c:
            return
        try:
            a, b = ("account:%d" % n for n in chance.sample(range(ACCOUNTS), 2))
            c("WATCH", a, b)
            x, y = int(c("GET", a)), int(c("GET", b))
            amount = chance.randint(1, 10)
            c("MULTI")
            c("SET", a, x - amount)
            c("SET", b, y + amount)
            c("EXEC")
        except (OSError, ConnectionError, ReplyError):
            session.drop()


def auditor(session):
    while not session.load.stopping.is_set():
        c = session.get()
        if not c:
            return
        try:
            values = c("MGET", *["account:%d" % n for n in range(ACCOUNTS)])
        except (OSError, ConnectionError, ReplyError):
            session.drop()
            continue
        total = sum(int(v) for v in values)
        check(total == TOTAL, "the accounts hold %d, not %d" % (total, TOTAL))


def timed_service(cluster, names, what):
    took = cluster.wait_for_service(names)
    print("%s: service after %.2f s" % (what, took), flush=True)
    check(took < BACK_WITHIN, "%s: service took %.2f s" % (what, took))


def check_appends(value, state, key):
    numbers = [int(value[i:i + 8]) for i in range(0, len(value), 8)]
    check(numbers == sorted(set(numbers)), "%s is out of order or has doubles" % key)
    missing = state["acknowledged"] - set(numbers)
    check(not missing, "%s lost acknowledged appends: %s" % (key, sorted(missing)[:5]))


def main():
    with Cluster() as cluster:
        timed_service(cluster, "abc", "start")
        c = cluster.client("a")
        c("MSET", *[x for n in range(ACCOUNTS) for x in ("account:%d" % n, 1000)])
        load = Load()
        acknowledged, appends = {}, {}
        counts = {}
        for node in "abc":
            for i in range(2):
                load.run(writer, Session(cluster, node, load), "key:%s%d" % (node, i), acknowledged)
            counts[node] = {"tried": 0, "acknowledged": 0}
            load.run(incrementer, Session(cluster, node, load), "counter", counts[node])
            appends[node] = {"next": 0, "acknowledged": set()}
            load.run(appender, Session(cluster, node, load), "list:" + node, appends[node])
            load.run(transferrer, Session(cluster, node, load), node)
            load.run(auditor, Session(cluster, node, load))
        time.sleep(2)
        for victim in ["a", "b", "c", cluster.leader()]:
            cluster.kill(victim)
            timed_service(cluster, [n for n in "abc" if n != victim], "killed %s" % victim)
            time.sleep(0.5)
            cluster.start(victim)
            timed_service(cluster, "abc", "restarted %s" % victim)
            check(not load.problems, "a client found: %s" % load.problems)
        for name in "abc":
            cluster.kill(name)
        cluster.start(*"abc")
        timed_service(cluster, "abc", "killed all three")
        time.sleep(1)
        victim = cluster.leader()
        others = [n for n in "abc" if n != victim]
        before = {n: cluster.resident_bytes(n) for n in others}
        cluster.signal(victim, signal.SIGSTOP)
        timed_service(cluster, others, "stopped %s" % victim)
        time.sleep(10)
        grown = {n: cluster.resident_bytes(n) - before[n] for n in others}
        print("stopped 10 s: the others grew by %s MiB" % {n: g >> 20 for n, g in grown.items()}, flush=True)
        check(max(grown.values()) < 160 << 20, "a stopped node cost %s" % grown)
        cluster.signal(victim, signal.SIGCONT)
        timed_service(cluster, "abc", "continued %s" % victim)
        time.sleep(2)
        load.stop()
        for name in "abc":
            c = cluster.client(name)
            for key, (acked, tried) in acknowledged.items():
                value = int(c("GET", key) or 0)
                check(acked <= value <= tried, "%s is %d at %s, acknowledged %d, tried %d" % (key, value, name, acked, tried))
            counter = int(c("GET", "counter"))
            acked = sum(x["acknowledged"] for x in counts.values())
            tried = sum(x["tried"] for x in counts.values())
            check(acked <= counter <= tried, "counter is %d, acknowledged %d, tried %d" % (counter, acked, tried))
            for node, state in appends.items():
                check_appends(c("GET", "list:" + node), state, "list:" + node)
        print("acknowledged: %d sets, %d increments, %d appends" % (sum(a for a, _ in acknowledged.values()), acked,
                                                                    sum(len(x["acknowledged"]) for x in appends.values())))
        for name in "abc":
            check(cluster.terminate(name) == 0, "node %s did not end in order" % name)


main()
