"""The soak's cluster: three places, each with a disk of its own, and the nodes that are there one after another."""

import os
import shutil
import time

from cluster import Cluster, check, wait_until
from disks import Disk
from members import change, join
from watch import DISK, OPTIONS

LEAVE_LIMIT = 30  # seconds until a node that was removed has ended
BELIEVED = 10.0  # seconds: leaders believe for 5 that an acceptor is full, and replicas for 5 what a leader tells of that


class Places(Cluster):
    """What Cluster says of a node it says of the one that is at a place now. So clients and whoever looks at processes and directories
    stay at their place, and find another node there when the first one is replaced. Until then who joins has a place of its own."""

    def __init__(self, may_mount):
        self.names = {}  # of the nodes at places, where they are not called like these
        self.replaced = 0
        self.leaving = {}  # processes of nodes that were removed, by name
        self.filled, self.filled_before, self.room_since = 0, 0, 0  # so many disks; before that moment (ns) so many
        super().__init__(extra=OPTIONS)
        self.disks = {}  # none: they cannot be filled up
        try:
            for place in self.layout if may_mount else ():
                self.disks[place] = Disk(self.disk(place), DISK, synced=True)
        except OSError:
            for disk in self.disks.values():
                disk.close()
            self.disks = {}
        for place in self.layout:
            os.makedirs(self.disk(place), exist_ok=True)

    def __exit__(self, kind, value, trace):
        self.kill(*self.processes)
        for process in self.leaving.values():
            process.kill()
            process.wait()
        for disk in self.disks.values():
            disk.close(self.keep)
        super().__exit__(kind, value, trace)

    def called(self, name):
        return self.names.get(name, name)

    def log(self, name):
        return super().log(self.called(name))

    def logs(self):
        """Of all nodes that ever were."""
        return [os.path.join(self.dir, each) for each in os.listdir(self.dir) if each.endswith(".log")]

    def disk(self, name):
        return os.path.join(self.dir, "disk-" + name[0])

    def data(self, name):
        return os.path.join(self.disk(name), self.called(name))

    def status(self):
        at = {self.called(place): place for place in self.layout}
        return {at.get(name, name): each for name, each in super().status().items()}

    def lead(self, place):
        """The active leader is there."""
        change(self, "move-leader", self.called(place))

    def join(self, place):
        """Another node, which is to be at that place; its name."""
        self.replaced += 1
        name = "%s%d" % (place, self.replaced)
        join(self, name, [next(each for each in self.layout if each != place)])
        return name

    def replace(self, place, name):
        """The one that has joined is there from now on; who was leaves by itself, if it lives."""
        old, data = self.called(place), self.data(place)
        leaving = self.processes.pop(place, None)
        if leaving:
            self.leaving[old] = leaving
        change(self, "replace-node", old, name)
        for each in (self.address, self.resp, self.processes):
            each[place] = each.pop(name)
        self.names[place] = name
        self.write_config(self.config, self.layout)
        if leaving:
            status = leaving.wait(LEAVE_LIMIT)
            check(status == 0, "node %s, which was removed, has ended with status %s" % (old, status))
            del self.leaving[old]
            leaving.stdout.close()
        shutil.rmtree(data)

    def fill(self, places, left):
        """Until the nodes there say that their disks are full, which have so many bytes left."""
        self.filled = len(places)
        for place in places:
            self.disks[place].fill(left)
        wait_until(lambda: self.say(places, full="yes"), "full: %s" % places)

    def free(self, places):
        """Until the nodes there say that there is room again."""
        for place in places:
            self.disks[place].free()
        wait_until(lambda: self.say(places, full="no"), "room at all of %s" % places)
        self.room_since, self.filled_before, self.filled = time.monotonic_ns() + int(BELIEVED * 1e9), self.filled, 0

    def say(self, places, full):
        """All nodes there say that of their disks."""
        status = self.status()
        return all(status[place].get("roles", {}).get("acceptor", {}).get("full") == full for place in places)

    def full_disks(self, called):
        """How many there may have been since a moment (ns)."""
        return self.filled or (self.filled_before if called < self.room_since else 0)
