"""Faults, drawn from a seed, with pauses between them: one at a time, or two of which a majority of nodes is left alone.

To add one: a class below, which says how many nodes it takes away and what happens at its begin and its end, and its name in FAULTS.
What a log or a disk has promised is never taken back: no cut log, no emptied directory, no snapshot but the newest of two."""

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections import Counter, deque

from cluster import Failure, check
from watch import DISK_RESERVE

PAUSE = (0.5, 4.0)  # seconds between two faults
TWO_SHARE = 0.35  # of faults that do not come alone
START_LIMIT = 60  # seconds for starting nodes, or ending them
SERVICE_LIMIT = 30.0  # seconds until every node acknowledges writes again


@contextlib.contextmanager
def limited(seconds, what):
    """Raises when the block takes longer. In the main thread."""
    def late(*_):
        raise Failure("%s takes longer than %d s" % (what, seconds))
    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


class Fault:
    """Happens to some nodes, or to none in particular, from begin() to end()."""

    name = ""
    takes = 0  # so many nodes are away meanwhile
    serves = False  # yet their clients are to notice nothing
    restarts = False  # their processes end
    lasts = (0.2, 3.0)  # seconds

    def __init__(self, nemesis, nodes):
        self.cluster, self.resets, self.nodes = nemesis.cluster, nemesis.resets, nodes

    @classmethod
    def possible(cls, cluster):
        """What it needs is there."""
        return True

    @classmethod
    def used_up(cls, cluster):
        """It has happened as often as it can."""
        return False

    def begin(self):
        raise NotImplementedError

    def end(self):
        raise NotImplementedError


class Kill(Fault):
    name, takes, restarts = "killed", 1, True

    def begin(self):
        self.cluster.kill(*self.nodes)

    def end(self):
        self.cluster.start(*self.nodes)


class KillAll(Kill):
    name, takes = "all killed", 3
    lasts = (0.0, 1.0)


class Terminate(Kill):
    name = "ended in order"

    def begin(self):
        for node in self.nodes:
            status = self.cluster.terminate(node, START_LIMIT)
            check(status == 0, "node %s ends in order with status %s" % (node, status))


class LoseSnapshot(Kill):
    """The newest, of two: what the earlier one holds is all that counts as durable."""

    name = "lost its newest snapshot"

    def begin(self):
        super().begin()
        for node in self.nodes:
            folder = os.path.join(self.cluster.data(node), "replica")
            there = sorted(each for each in os.listdir(folder) if each.endswith(".snapshot"))
            if len(there) > 1:
                os.remove(os.path.join(folder, there[-1]))


class Stop(Fault):
    name, takes = "stopped", 1
    lasts = (0.5, 8.0)

    def begin(self):
        self.signal(signal.SIGSTOP)

    def end(self):
        self.signal(signal.SIGCONT)

    def signal(self, number):
        for node in self.nodes:
            self.cluster.signal(node, number)


class ResetClients(Fault):
    """By the clients themselves, behind what they have just sent."""

    name = "clients reset"
    lasts = (0.2, 2.0)

    def begin(self):
        self.resets.ask()

    def end(self):
        self.resets.ask()


class ResetLinks(Fault):
    """All connections between nodes."""

    name = "links reset"
    lasts = (0.2, 2.0)

    @classmethod
    def possible(cls, cluster):
        """Root may do that, where the kernel can."""
        if not shutil.which("ss"):
            return False
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            with socket.create_connection(("127.0.0.1", port)) as one, server.accept()[0]:
                reset_connections(port)
                one.settimeout(0.1)
                try:
                    one.recv(1)
                except TimeoutError:
                    return False
                except ConnectionError:
                    pass  # As it should.
                return True

    def begin(self):
        for port in self.cluster.address.values():
            reset_connections(port)

    def end(self):
        self.begin()


def reset_connections(port):
    subprocess.run(["ss", "-K", "-tn", "src 127.0.0.1 and dst 127.0.0.1 and ( sport = :%d or dport = :%d )" % (port, port)],
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class ReplaceNode(Fault):
    """By one of another name, with an empty data directory. The old one is gone for good, or lives, and then leaves by itself; now and
    then it has the active leader."""

    name, takes, restarts = "replaced", 1, True
    DEAD_SHARE, LEADER_SHARE = 0.5, 0.4
    MOST = 1000  # of 1024 that a cluster removes in its life

    def __init__(self, nemesis, nodes):
        super().__init__(nemesis, nodes)
        self.dead, self.leads = nemesis.chance.random() < self.DEAD_SHARE, nemesis.chance.random() < self.LEADER_SHARE
        self.serves = not self.dead
        self.name = ("leader " if self.leads else "") + ("killed and " if self.dead else "") + self.name
        self.by = {}

    @classmethod
    def used_up(cls, cluster):
        return cluster.replaced >= cls.MOST

    def begin(self):
        for node in self.nodes:
            if self.leads:
                self.cluster.lead(node)
            if self.dead:
                self.cluster.kill(node)
            self.by[node] = self.cluster.join(node)

    def end(self):
        for node in self.nodes:
            self.cluster.replace(node, self.by[node])


class FullDisk(Fault):
    """To the brim, or not much below the reserve. The node notices that, and by itself that there is room again. It counts as away, for
    it takes nothing new; but the others do, so writes go on at all nodes."""

    name, takes, serves = "disk full", 1, True
    lasts = (0.5, 6.0)

    def __init__(self, nemesis, nodes):
        super().__init__(nemesis, nodes)
        self.left = nemesis.chance.choice((0, DISK_RESERVE * 3 // 4))

    @classmethod
    def possible(cls, cluster):
        return bool(cluster.disks)

    def begin(self):
        self.cluster.fill(self.nodes, self.left)

    def end(self):
        self.cluster.free(self.nodes)


class AllDisksFull(FullDisk):
    """Writes are refused at once, and did not happen; reads go on."""

    name, takes, serves = "all disks full", 3, False


FAULTS = (Kill, KillAll, Terminate, LoseSnapshot, Stop, ResetClients, ResetLinks, ReplaceNode, FullDisk, AllDisksFull)


class Nemesis:
    """Deals its faults like cards, so that each kind comes as often as any other. In each third of the run one node is spared from
    faults that restart it, and all nodes are killed at once only in the third's first half: so processes live long enough to show
    what grows in them."""

    def __init__(self, cluster, resets, pauses, seed, seconds):
        self.cluster, self.resets, self.pauses = cluster, resets, pauses
        self.chance = random.Random("faults %s" % seed)
        self.begin, self.seconds = time.monotonic(), seconds
        self.nodes = list(cluster.layout)
        self.minority = (len(self.nodes) - 1) // 2
        self.spared = [self.chance.choice(self.nodes) for _ in range(3)]
        self.possible = [each for each in FAULTS if each.possible(cluster)]
        self.left_out = [each.name for each in FAULTS if each not in self.possible]
        self.deck = []
        self.done = Counter()
        self.told = deque(maxlen=20)  # the last ones, for whoever looks for the reason of a failure

    def part(self):
        """Of the run: 0 at its begin, 3 at its end."""
        return min(2.999, 3 * (time.monotonic() - self.begin) / self.seconds)

    def follow(self, load):
        """Until the time is over, or a client has found something."""
        while time.monotonic() < self.begin + self.seconds and not load.stopping.wait(self.chance.uniform(*PAUSE)):
            self.round(load)

    def round(self, load):
        faults = self.draw()
        name = " and ".join(sorted(each.name for each in faults))
        self.pauses.begin_fault(name, [node for each in faults for node in each.nodes if not each.serves])
        self.tell("%s: %s" % (name, ", ".join(self.cluster.called(node) for each in faults for node in each.nodes) or "-"))
        with limited(START_LIMIT + 10, name):
            for each in faults:
                each.begin()
            load.stopping.wait(self.chance.uniform(*faults[0].lasts))
            for each in faults:
                each.end()
        took = self.cluster.wait_for_service(limit=SERVICE_LIMIT)
        self.pauses.end_fault()
        self.tell("all nodes serve, after %.2f s" % took)
        self.done.update(each.name for each in faults)

    def draw(self):
        first = self.deal(len(self.nodes))
        if first.takes > self.minority or self.chance.random() > TWO_SHARE:
            return [first]
        return [first, self.deal(self.minority - first.takes, besides=first)]

    def deal(self, most, besides=None):
        """The first card that fits; those that end all nodes first, for they fit seldom."""
        while True:
            for kind in sorted(self.deck, key=lambda kind: not self.ends_all(kind)):
                if kind.takes <= most and self.fits(kind) and (besides is None or kind is not type(besides)):
                    self.deck.remove(kind)
                    return kind(self, self.chance.sample(self.candidates(kind), kind.takes))
            self.deck += self.chance.sample(self.possible, len(self.possible))

    def fits(self, kind):
        return not kind.used_up(self.cluster) and (not self.ends_all(kind) or self.part() % 1 < 0.5)

    def ends_all(self, kind):
        return kind.restarts and kind.takes > self.minority

    def candidates(self, kind):
        if not kind.restarts or kind.takes > self.minority:
            return self.nodes
        return [node for node in self.nodes if node != self.spared[int(self.part())]]

    def tell(self, text):
        self.told.append("at %.2f s %s" % (time.monotonic() - self.begin, text))
        with open(os.path.join(self.cluster.dir, "faults"), "a") as f:
            print(time.strftime("%H:%M:%S"), self.told[-1], file=f)
