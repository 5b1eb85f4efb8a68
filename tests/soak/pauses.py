"""How long no write was acknowledged, outside of faults and during each kind."""

import threading
import time

OUTSIDE = "outside of faults"
EVERYWHERE = "every node"  # as a place: there was no acknowledged write at any
NOTABLE = 0.1  # seconds: what is shorter is not remembered


class Place:
    """A node, or all together. What has happened since its last acknowledged write is what its pause is put down to."""

    def __init__(self, now):
        self.last = now
        self.faults = set()
        self.away = False


class Pauses:
    """A fault lasts from its begin until there is service at all nodes again. A pause that begins or ends within one is put down to
    it; that of a node which the fault itself has taken away is not counted."""

    def __init__(self, nodes):
        self.lock = threading.Lock()
        now = time.monotonic()
        self.begin = now
        self.places = {place: Place(now) for place in (*nodes, EVERYWHERE)}
        self.under_way = None
        self.away = ()
        self.total = set()  # faults that leave no node alone
        self.notable = []  # (when it ended, what it is put down to, place, seconds)

    def acknowledged(self, node):
        with self.lock:
            now = time.monotonic()
            for name in (node, EVERYWHERE):
                self.end_pause(name, now)

    def end_pause(self, name, now):
        place = self.places[name]
        seconds = now - place.last
        if seconds > NOTABLE and not place.away:
            for fault in place.faults or {OUTSIDE}:
                self.notable.append((now, fault, name, seconds))
        place.last = now
        place.faults = {self.under_way} - {None}
        place.away = name in self.away

    def begin_fault(self, name, away):
        with self.lock:
            self.under_way, self.away = name, away
            if len(away) == len(self.places) - 1:
                self.total.add(name)
            for each, place in self.places.items():
                place.faults.add(name)
                place.away |= each in away

    def end_fault(self):
        with self.lock:
            self.under_way, self.away = None, ()

    def longest(self, fault, begin=0.0, end=float("inf")):
        """Of those that ended between two moments: at all nodes together, and at any one that was left alone; 0: none was
        notable; None: none was left alone."""
        with self.lock:
            those = [each for each in self.notable if each[1] == fault and begin <= each[0] < end]
        everywhere = max((each[3] for each in those if each[2] == EVERYWHERE), default=0.0)
        anywhere = max((each[3] for each in those if each[2] != EVERYWHERE), default=0.0)
        return everywhere, None if fault in self.total else anywhere

    def when(self, fault):
        """Seconds from the beginning to the longest one's end; None: none was notable."""
        with self.lock:
            those = [each for each in self.notable if each[1] == fault]
        return max(those, key=lambda each: each[3])[0] - self.begin if those else None

    def faults(self):
        with self.lock:
            return sorted({each[1] for each in self.notable} - {OUTSIDE})
