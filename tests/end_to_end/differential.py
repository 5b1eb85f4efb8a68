#!/usr/bin/python3
"""Synod beside Debian's redis-server: the same random commands get the same replies, byte for byte.

differential.py [--seed=N] [--count=M] [--seconds=S] [--nodes=1..3]
A sequence that is answered differently is made smaller and told with both replies; exit status 1. The same seed makes the same
sequences. Without options: a few seeds that are always the same, and one that nobody has seen.
"""

import argparse
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import redis_commands
from cluster import Client, Cluster, Failure, check, free_ports

SHORT = [1, 2, 3]  # seeds of the short run
PATIENCE = 15.0  # seconds for a reply; nothing takes so long unless it never comes


class Reader:
    """Replies as they are, a tree of (type, content)."""

    def __init__(self, sock):
        self.sock, self.file = sock, sock.makefile("rb")

    def line(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("closed")
        return line[:-2]

    def reply(self):
        line = self.line()
        kind, rest = line[:1], line[1:]
        if kind in b"$=":
            return (kind, None) if int(rest) < 0 else (kind, self.file.read(int(rest) + 2)[:-2])
        if kind in b"*~%>":
            count = int(rest) * (2 if kind == b"%" else 1)
            return (kind, None) if count < 0 else (kind, [self.reply() for _ in range(count)])
        return (kind, int(rest) if kind == b":" else rest)


class Peer:
    """One of the two servers, with the connections of a sequence."""

    def __init__(self, ports):
        self.ports = ports
        self.control = [Client(port, PATIENCE) for port in ports]
        self.connections = {}

    def begin(self):
        self.close()
        for each in self.control:
            each.pipeline([["FLUSHALL"], ["CONFIG", "SET", "timeout", "0"]])

    def close(self):
        for sock, _ in self.connections.values():
            sock.close()
        self.connections = {}

    def connect(self, index):
        sock = socket.create_connection(("127.0.0.1", self.ports[index % len(self.ports)]), timeout=PATIENCE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock, Reader(sock)

    def send(self, index, commands):
        """Replies to pipelined commands; fewer when the connection ends."""
        if index not in self.connections:
            self.connections[index] = self.connect(index)
        sock, reader = self.connections[index]
        replies = []
        try:
            sock.sendall(b"".join(Client.encode(c) for c in commands))
            for _ in commands:
                replies.append(reader.reply())
        except socket.timeout:
            replies.append(("silent", None))
        except OSError:
            replies.append(("closed", None))
            del self.connections[index]
        return replies

    def raw(self, data):
        """All that comes back for bytes behind which nothing more is sent."""
        sock, reader = self.connect(0)
        replies = []
        try:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            while True:
                replies.append(reader.reply())
        except socket.timeout:
            replies.append(("silent", None))
        except OSError:
            pass
        sock.close()
        return replies

    def wait_until_gone(self, key):
        deadline = time.monotonic() + PATIENCE
        while self.control[0]("EXISTS", key):
            check(time.monotonic() < deadline, "a key does not expire")
            time.sleep(0.005)


# -- what may differ ----------------------------------------------------------------

TIMES = {b"ttl": 2, b"pttl": 3000, b"expiretime": 2, b"pexpiretime": 3000}  # The two are asked at different moments.
# What each server tells of itself. DBSIZE counts keys that are over and still to be removed.
OF_THE_SERVER = {b"time", b"info", b"randomkey", b"dbsize", b"command", (b"client", b"id"), (b"client", b"list"), (b"client", b"info"),
                 (b"client", b"help"), (b"command", b"count"), (b"command", b"docs"), (b"command", b"help"), (b"config", b"help")}
# Synod does not do what Redis does here, and says so: no pause of a whole cluster, no file to write, no tracking.
REFUSED = {(b"client", b"pause"), (b"config", b"rewrite"), (b"client", b"tracking")}
TEXTS = [(b"(proto-max-bulk-len)", b"(value-limit)"),  # Synod's limit of a value has a name of its own.
         (b"between 1 and 4294967295 inclusive", b"between 1 and 10000 inclusive")]  # maxclients: what the process has files for


def same(command, a, b):
    """Whether Synod's reply `b` is that of Redis, `a`."""
    if a == b:
        return True
    name = command[0].lower() if command else b""
    both = (name, command[1].lower()) if len(command) > 1 else None
    if both in REFUSED and b[0] == b"-":
        return True
    if a[0] != b[0]:
        return False
    if a[0] == b"-":
        return any(a[1].replace(x, y) == b[1] for x, y in TEXTS)
    if name in TIMES and a[0] == b":":
        return min(a[1], b[1]) > 0 and abs(a[1] - b[1]) <= TIMES[name]
    if (name in OF_THE_SERVER and both is None) or name in (b"info",) or both in OF_THE_SERVER:
        return True
    if not isinstance(a[1], list) or not isinstance(b[1], list):
        return False
    if name == b"hello" or a[1][:1] == [(b"$", b"server")]:
        return [x for x in a[1] if x[0] != b":"] == [x for x in b[1] if x[0] != b":"]  # The client's id.
    if name == b"keys":
        return sorted(a[1]) == sorted(b[1])
    if both == (b"command", b"list"):  # Synod has fewer commands, and some of later versions.
        return set(b[1]) <= set(a[1]) | {(b"$", b"client|no-touch"), (b"$", b"client|setinfo")}
    if name == b"scan":  # Cursors are each server's own; a count that large brings all.
        return b"1000000" not in command or command[1] != b"0" or sorted(a[1][1][1]) == sorted(b[1][1][1])
    if both == (b"command", b"info") and len(command) == 2:
        return True
    if both == (b"command", b"info"):
        return all(x == y or sound_info(x, y) for x, y in zip(a[1], b[1]))
    if both == (b"config", b"get"):
        return settings(a[1]) == settings(b[1]) or any(b"*" in x or b"?" in x for x in command[2:])
    if not command:  # Of a transaction in raw bytes.
        return len(a[1]) == len(b[1]) and all(same([], x, y) for x, y in zip(a[1], b[1]))
    return False


def settings(items):
    """But for the value that sequences change: each node of Synod's has its own."""
    return sorted((name, None if name[1].lower() == b"timeout" else value) for name, value in zip(items[::2], items[1::2]))


def sound_info(a, b):
    """Tips, categories and key specifications are not told in full."""
    return a[1] and b[1] and a[1][:2] + a[1][3:6] == b[1][:2] + b[1][3:6] and sorted(a[1][2][1]) == sorted(b[1][2][1])


class Comparison:
    """Follows a connection's transaction, to know whose replies EXEC's are."""

    def __init__(self):
        self.queued = {}

    def differs(self, index, commands, theirs, ours):
        queue = self.queued.setdefault(index, [])
        for i, (a, b) in enumerate(zip(theirs, ours)):
            command = commands[i] if i < len(commands) else []
            name = command[0].lower() if command else b""
            if name == b"exec" and a[0] == b[0] == b"*" and a[1] is not None and b[1] is not None:
                if len(a[1]) != len(b[1]) or not all(same(c, x, y) for c, x, y in zip(queue, a[1], b[1])):
                    return i
            elif not same(command, a, b):
                return i
            if a == (b"+", b"QUEUED"):
                queue.append(command)
            elif name in (b"exec", b"discard", b"reset", b"quit"):
                queue.clear()
        return None if len(theirs) == len(ours) else min(len(theirs), len(ours))


# -- a sequence --------------------------------------------------------------------


class Outage(Exception):
    """Synod had no majority in time: that says nothing of its replies."""


def run(steps, theirs, ours):
    """Performs the steps at both; the first difference as text, or None."""
    for _ in range(5):
        try:
            return run_once(steps, theirs, ours)
        except Outage as outage:
            print("differential: once more: %s" % outage, flush=True)
    raise Failure("there is no majority")


def run_once(steps, theirs, ours):
    theirs.begin()
    ours.begin()
    comparison = Comparison()
    for step in steps:
        if step[0] == "expire":
            send = ("send", step[1], [[b"PEXPIRE", step[2], b"20"]])
        else:
            send = step
        if send[0] == "send":
            commands, replies = send[2], (theirs.send(*send[1:]), ours.send(*send[1:]))
        else:
            commands, replies = [], (theirs.raw(b"".join(send[1])), ours.raw(b"".join(send[1])))
        where = comparison.differs(send[1] if send[0] == "send" else None, commands, *replies)
        outages = [x[1] for x in replies[1] if x[0] == b"-" and x[1].split(b" ")[0] in (b"UNKNOWN", b"TRYAGAIN", b"TIMEOUT", b"DISKFULL")]
        if outages:
            raise Outage(outages[0].decode())
        if where is not None:
            asked = commands[where] if where < len(commands) else send
            return "%r\n  Redis: %s\n  Synod: %s" % (asked, told(replies[0], where), told(replies[1], where))
        if step[0] == "expire" and replies[0] == [(b":", 1)]:  # Within MULTI it was only queued.
            ours.wait_until_gone(step[2])
            time.sleep(0.03)
            if len(step[2]) % 2 == 0:  # Redis removes it now; otherwise it may still lie there when it is next asked for.
                theirs.wait_until_gone(step[2])
    return None


def told(replies, where):
    return repr(replies[where])[:1500] if where < len(replies) else "nothing"


def smaller(steps):
    """Each way to leave something out."""
    for i in reversed(range(len(steps))):
        yield steps[:i] + steps[i + 1:]
    for i, step in enumerate(steps):
        if step[0] == "expire":
            continue
        parts = step[-1]
        for j in reversed(range(len(parts))):
            if len(parts) > 1:
                yield steps[:i] + [step[:-1] + (parts[:j] + parts[j + 1:],)] + steps[i + 1:]
            if step[0] == "send":
                for k in reversed(range(1, len(parts[j]))):
                    fewer = parts[j][:k] + parts[j][k + 1:]
                    yield steps[:i] + [step[:-1] + (parts[:j] + [fewer] + parts[j + 1:],)] + steps[i + 1:]


def shrunk(steps, theirs, ours, most=400):
    """The smallest sequence found that differs still."""
    tries, again = 0, True
    while again and tries < most:
        again = False
        for candidate in smaller(steps):
            tries += 1
            if candidate and run(candidate, theirs, ours):
                steps, again = candidate, True
                break
            if tries >= most:
                break
    return steps


def compare(seed, theirs, ours):
    """One sequence; what differs, told in full."""
    steps = redis_commands.sequence(random.Random(seed))
    first = run(steps, theirs, ours)
    if not first:
        return None
    print("differential: sequence %d differs; making it smaller" % seed, flush=True)
    steps = shrunk(steps, theirs, ours)
    difference = run(steps, theirs, ours) or first + "\n  and not again, when it was repeated"
    return "seed %d:\n%s\n%s" % (seed, "\n".join("  %r" % (x,) for x in steps), difference)


# -- all of them --------------------------------------------------------------------


# The same program under two names: the package that has the server's own would start one wherever it is installed.
REDIS_SERVER = shutil.which("redis-check-rdb")


class RedisServer:
    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="redis-test-")
        self.port = free_ports(1)[0]
        self.process = subprocess.Popen(["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--databases", "1",
                                         "--dir", self.dir], executable=REDIS_SERVER, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                Client(self.port)("PING")
                return self
            except OSError:
                check(time.monotonic() < deadline, "redis-server does not start")
                time.sleep(0.05)

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, action="append")
    parser.add_argument("--count", type=int, default=150, help="sequences of each seed")
    parser.add_argument("--seconds", type=float, default=0, help="go on with further seeds so long")
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--all", action="store_true", help="go on after a difference")
    options = parser.parse_args()
    if not REDIS_SERVER:
        print("differential: redis-tools is not installed")
        sys.exit(77)
    fresh = int.from_bytes(os.urandom(4), "big") // 1000
    seeds = options.seed or SHORT + [fresh]
    layout = {n: ["replica", "leader", "acceptor", "gateway"] for n in "abc"[:options.nodes]}
    until = time.monotonic() + options.seconds
    with RedisServer() as server, Cluster(layout) as cluster:
        cluster.wait_for_service()
        theirs, ours = Peer([server.port]), Peer([cluster.resp[n] for n in layout])
        failures = sequences = 0
        while seeds:
            seed = seeds.pop(0)
            print("differential: --seed=%d" % seed, flush=True)
            for i in range(options.count):
                difference = compare(seed * 1000 + i, theirs, ours)
                sequences += 1
                if difference:
                    failures += 1
                    print(difference, flush=True)
                    if not options.all:
                        raise Failure("Synod answers otherwise than Redis")
            if not seeds and time.monotonic() < until:
                seeds.append(seed + 1)
        check(failures == 0, "of %d sequences %d are answered otherwise than by Redis" % (sequences, failures))
    print("differential: %d sequences are answered as by Redis" % sequences)


main()
