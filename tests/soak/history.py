"""What clients did and saw, in windows, each checked and forgotten when it is over.

A window has keys of its own: its number is part of their names. So all that ever happens to these keys is in this window's history,
which begins with keys that are not there, and ends with reads of all of them through every node that answers: nothing is carried from
one window to the next, and checking each key of each window alone is as good as checking everything at once. The reads come two windows
later, so what was acknowledged has lived through further faults. What is of unknown outcome and performed later still is seen by
nobody.

Bound: the operations of `KEPT` windows, the one under way and one that is being checked. A window that cannot be read within
`PATIENCE` is a failure; until then it is the clients' pace that bounds the one under way."""

import threading
import time

from checker import UNKNOWN, Operation, check_counter, check_list, check_register
from cluster import ReplyError, check

WINDOW = 5.0  # seconds
KEPT = 2
PATIENCE = 30.0  # seconds until some node answers
READ_TIMEOUT = 4.0  # seconds that a node has for a window's keys
ITEM = 16  # bytes of an item of a list
REGISTERS, COUNTERS, LISTS = 250, 4, 4
CHECKS = {"r": check_register, "c": check_counter, "l": check_list}


def value_of(name, size):
    """Of a register: a name that no other value has, filled up to a size that it tells."""
    return ("%s/%d/" % (name, size)).ljust(size, "x")


def seen_value(kind, reply):
    """What a read of a key of that kind has seen, as the checker wants it."""
    if kind == "c":
        return int(reply or 0)
    if kind == "l":
        text = (reply or b"").decode()
        return tuple(text[i:i + ITEM] for i in range(0, len(text), ITEM))
    if reply is None:
        return None
    text = reply.decode()
    fields = text.split("/")
    whole = len(fields) == 3 and fields[1].isdigit() and text == value_of(fields[0], int(fields[1]))
    return fields[0] if whole else text  # What is not whole is a value that nobody has written.


class Window:
    def __init__(self, number):
        self.number = number
        self.begin = time.monotonic()
        self.lock = threading.Lock()
        self.operations = {self.key(kind, i): [] for kind, count in (("r", REGISTERS), ("c", COUNTERS), ("l", LISTS)) for i in range(count)}
        self.under_way = 0

    def key(self, kind, i):
        return "%s:%d:%d" % (kind, self.number, i)

    def add(self, key, operation):
        with self.lock:
            self.operations[key].append(operation)

    def enter(self):
        with self.lock:
            self.under_way += 1

    def leave(self):
        with self.lock:
            self.under_way -= 1


class History:
    def __init__(self, cluster):
        self.cluster = cluster
        self.lock = threading.Lock()
        self.windows = [Window(1)]  # the earliest first; the last one is under way
        self.checked = {"windows": 0, "operations": 0, "of unknown outcome": 0}

    def enter(self):
        """The window under way; it is not checked before who has entered it has left."""
        with self.lock:
            self.windows[-1].enter()
            return self.windows[-1]

    def follow(self, load):
        """Begins windows and checks earlier ones, until the load ends."""
        while not load.stopping.wait(max(0.0, self.windows[-1].begin + WINDOW - time.monotonic())):
            with self.lock:
                self.windows.append(Window(self.windows[-1].number + 1))
            if len(self.windows) > KEPT + 1:
                self.retire(load.stopping)

    def finish(self):
        """Checks what is left, when no client is there any more. Every node has to answer."""
        while self.windows:
            window = self.windows[0]
            check(window.under_way == 0, "a client is still there")
            answered = self.read(window)
            check(answered == len(self.cluster.layout), "only %d nodes answer" % answered)
            self.check(self.windows.pop(0))

    def retire(self, stopping):
        """The earliest window, unless the load ends meanwhile."""
        window = self.windows[0]
        deadline = time.monotonic() + PATIENCE
        while window.under_way > 0 or not self.read(window):
            check(time.monotonic() < deadline, "window %d cannot be read: %d clients are in it" % (window.number, window.under_way))
            if stopping.wait(0.1):
                return
        self.check(window)
        while not self.remove(window):
            check(time.monotonic() < deadline + PATIENCE, "window %d cannot be removed" % window.number)
            if stopping.wait(0.1):
                break
        self.windows.pop(0)

    def read(self, window):
        """All keys, through every node; how many have answered."""
        return sum(self.read_at(window, node) for node in self.cluster.layout)

    def read_at(self, window, node):
        keys = list(window.operations)
        call = time.monotonic_ns()
        try:
            replies = self.ask(node, [["GET", key] for key in keys])
        except OSError:
            return False
        if any(isinstance(reply, ReplyError) for reply in replies):
            return False
        end = time.monotonic_ns()
        for key, reply in zip(keys, replies):
            window.add(key, Operation("the last reader at " + node, call, end, None, seen_value(key[0], reply)))
        return True

    def ask(self, node, commands):
        client = self.cluster.client(node, READ_TIMEOUT)
        try:
            return client.pipeline(commands)
        finally:
            client.close()

    def remove(self, window):
        for node in self.cluster.layout:
            try:
                if not isinstance(self.ask(node, [["DEL", *window.operations]])[0], ReplyError):
                    return True
            except OSError:
                pass  # The next one, then.
        return False

    def check(self, window):
        for key, operations in window.operations.items():
            problem = CHECKS[key[0]](operations)
            check(problem is None, "the history of key %s is not linearizable: %s" % (key, problem))
        self.checked["windows"] += 1
        for operations in window.operations.values():
            self.checked["operations"] += len(operations)
            self.checked["of unknown outcome"] += sum(each.end == UNKNOWN for each in operations)
