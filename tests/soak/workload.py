"""Clients of all nodes that read and write each window's keys, in pipelines, and tell the history what they saw."""

import random
import socket
import struct
import threading
import time

from checker import UNKNOWN, Operation
from cluster import Failure, ReplyError, check
from history import COUNTERS, ITEM, LISTS, REGISTERS, seen_value, value_of

PER_NODE = 4
TIMEOUT = 4.0  # seconds for a reply: longer than request-timeout
MOST_PIPELINED = 6
PAUSE = 0.04  # seconds between two pipelines, at most: the machine is others', too
SIZES = (30, 1500)  # bytes of a register's value
# Registers that all clients meet at, and how often.
HOT, HOT_SHARE = 4, 0.5
# What is done, how often.
MIX = {"SET": 35, "GET": 30, "INCR": 12, "APPEND": 12, "count": 6, "list": 5}


RESULT_LOST = "ERR the command was performed, its result is no longer kept"


class Resets:
    """Asks clients to reset their connections, in the middle of what they are about."""

    def __init__(self):
        self.number = 0

    def ask(self):
        self.number += 1


class Counts:
    def __init__(self):
        self.lock = threading.Lock()
        self.of = dict.fromkeys(("acknowledged writes", "reads", "performed with a lost result", "writes of unknown outcome",
                                 "not performed", "refused by full disks", "refused by one full disk"), 0)

    def add(self, what, count=1):
        with self.lock:
            self.of[what] += count

    def now(self):
        with self.lock:
            return dict(self.of)


class Command:
    """On a key of a window: what is sent, and what comes of it."""

    def __init__(self, client, window, key, words, wrote):
        self.client, self.window, self.key, self.words, self.wrote = client, window, key, words, wrote

    def answered(self, call, reply):
        """True: a write was acknowledged."""
        if isinstance(reply, ReplyError):
            return self.refused(call, str(reply))
        saw = self.saw(reply)
        self.window.add(self.key, Operation(self.client.name, call, time.monotonic_ns(), self.wrote, saw))
        self.client.counts.add("reads" if self.wrote is None else "acknowledged writes")
        return self.wrote is not None

    def saw(self, reply):
        if self.words[0] == "GET":
            return seen_value(self.key[0], reply)
        if self.words[0] == "SET":
            check(reply == "OK", "SET is answered %r" % reply)
            return None
        check(isinstance(reply, int), "%s is answered %r" % (self.words[0], reply))
        if self.words[0] == "INCR":
            return reply
        check(reply % ITEM == 0, "APPEND of %d bytes is answered %r" % (ITEM, reply))
        return reply // ITEM

    def refused(self, call, text):
        if text == RESULT_LOST:
            self.performed(call)
        elif text.startswith("UNKNOWN"):  # Reads behind writes that are under way are performed as commands, too.
            self.lost(call)
        elif text.startswith("DISKFULL the command was not performed: "):
            full = self.client.cluster.full_disks(call)
            check(full > 0, "%s is answered %s, and all disks have room" % (self.words[:2], text))
            # With one full disk only where another node is away for the one that leads.
            self.client.counts.add("refused by full disks" if full > 1 else "refused by one full disk")
        else:
            fits = text.startswith("TRYAGAIN") or (self.wrote is None and text.startswith("TIMEOUT"))
            check(fits, "%s is answered %s" % (self.words[:2], text))
            self.client.counts.add("not performed")
        return False

    def performed(self, call):
        """What its reply was is not known any more: its replica has gone on from a snapshot that holds it already."""
        if self.wrote is not None:
            self.window.add(self.key, Operation(self.client.name, call, time.monotonic_ns(), self.wrote))
            self.client.counts.add("performed with a lost result")

    def lost(self, call):
        """No reply will come."""
        if self.wrote is None:
            return
        self.window.add(self.key, Operation(self.client.name, call, UNKNOWN, self.wrote))
        self.client.counts.add("writes of unknown outcome")


class Client:
    """Stays at its node, and connects again whenever the connection is lost."""

    def __init__(self, number, node, cluster, history, counts, pauses, resets, seed):
        self.name, self.node = "c%d" % number, node
        self.cluster, self.history, self.counts, self.pauses, self.resets = cluster, history, counts, pauses, resets
        self.chance = random.Random("%s %d" % (seed, number))
        self.connection = None
        self.resets_seen = 0
        self.written = 0

    def run(self, load):
        try:
            while not load.stopping.is_set():
                if not self.connection and not self.connect():
                    load.stopping.wait(0.05)
                    continue
                window = self.history.enter()
                try:
                    self.pipeline([self.draw(window) for _ in range(self.chance.randint(1, MOST_PIPELINED))])
                finally:
                    window.leave()
                load.stopping.wait(self.chance.uniform(0, PAUSE))
        finally:
            self.drop()

    def connect(self):
        try:
            self.connection = self.cluster.client(self.node, TIMEOUT)
        except OSError:
            return False
        return True

    def drop(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def draw(self, window):
        what = self.chance.choices(list(MIX), MIX.values())[0]
        if what in ("SET", "GET"):
            hot = self.chance.random() < HOT_SHARE
            key = window.key("r", self.chance.randrange(HOT) if hot else self.chance.randrange(HOT, REGISTERS))
        else:
            kind, count = ("l", LISTS) if what in ("APPEND", "list") else ("c", COUNTERS)
            key = window.key(kind, self.chance.randrange(count))
        if what == "SET":
            name = self.fresh_name()
            return Command(self, window, key, ["SET", key, value_of(name, self.chance.randint(*SIZES))], name)
        if what == "APPEND":
            item = self.fresh_name().ljust(ITEM, ".")
            return Command(self, window, key, ["APPEND", key, item], item)
        if what == "INCR":
            return Command(self, window, key, ["INCR", key], self.fresh_name())
        return Command(self, window, key, ["GET", key], None)

    def fresh_name(self):
        self.written += 1
        return "%s-%d" % (self.name, self.written)

    def pipeline(self, commands):
        call = time.monotonic_ns()
        answered = 0
        try:
            self.connection.send(*[each.words for each in commands])
            self.reset_if_asked()
            for each in commands:
                reply = self.connection.read()
                answered += 1
                if each.answered(call, reply):
                    self.pauses.acknowledged(self.node)
        except OSError:
            self.drop()
            for each in commands[answered:]:
                each.lost(call)
        except UnicodeDecodeError as problem:
            raise Failure("a reply is damaged: %s" % problem) from problem

    def reset_if_asked(self):
        """What was sent may have been read by the node, or be thrown away with the connection."""
        if self.resets_seen != self.resets.number:
            self.resets_seen = self.resets.number
            self.connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise ConnectionResetError("by the client itself")


def spawn(load, cluster, history, counts, pauses, resets, seed):
    """So many for each node, numbered."""
    nodes = [node for node in cluster.resp for _ in range(PER_NODE)]
    for number, node in enumerate(nodes):
        load.run(Client(number, node, cluster, history, counts, pauses, resets, seed).run, load)
