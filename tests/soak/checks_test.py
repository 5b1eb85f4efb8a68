#!/usr/bin/python3
"""The soak's checks can fail: wrong histories, and nodes that take too much, are found; right ones are not."""

import os
import subprocess
import sys
import tempfile
import time
from types import SimpleNamespace

sys.dont_write_bytecode = True
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../end_to_end"))

import workload
from cluster import Failure, ReplyError
from history import CHECKS, ITEM, Window, value_of
from places import Places
from watch import FEWEST, MIB, Sample, Watch, disk_bound

DISKFULL = "DISKFULL the command was not performed: the disks of too many nodes are full (a, b)"
UNKNOWN_OUTCOME = "UNKNOWN no majority has answered"
ITEM_OF_TEST = "c0-1".ljust(ITEM, ".")


def fails(what, *args):
    """The failure's text; none: it passes."""
    try:
        what(*args)
    except Failure as problem:
        return str(problem)
    return ""


def client(full=0):
    return SimpleNamespace(name="c0", counts=workload.Counts(), cluster=SimpleNamespace(full_disks=lambda called: full))


def written_and_read(kind, words, wrote, written, read):
    """What is wrong with a key's history when a write is answered one thing, and a later read the other."""
    window = Window(1)
    key = window.key(kind, 0)
    call = time.monotonic_ns()
    writer = client(full=3)
    workload.Command(writer, window, key, [words, key], wrote).answered(call, written)
    later = time.monotonic_ns()
    workload.Command(client(), window, key, ["GET", key], None).answered(later, read)
    return CHECKS[kind](window.operations[key])


def what_a_full_disk_refused_did_not_happen():
    value = value_of("c0-1", 30).encode()
    for kind, words, wrote, there, reply in (("r", "SET", "c0-1", value, "OK"), ("c", "INCR", "c0-1", b"1", 1),
                                             ("l", "APPEND", ITEM_OF_TEST, ITEM_OF_TEST.encode(), ITEM)):
        refused, unknown = ReplyError(DISKFULL), ReplyError(UNKNOWN_OUTCOME)
        assert written_and_read(kind, words, wrote, refused, None) is None
        assert written_and_read(kind, words, wrote, refused, there) is not None, "%s was refused, and is there" % words
        assert written_and_read(kind, words, wrote, unknown, None) is None
        assert written_and_read(kind, words, wrote, unknown, there) is None
        assert written_and_read(kind, words, wrote, reply, there) is None
        assert written_and_read(kind, words, wrote, reply, None) is not None, "%s was acknowledged, and is gone" % words


def nothing_is_refused_while_disks_have_room():
    window = Window(1)
    key = window.key("r", 0)
    of = lambda full: workload.Command(client(full), window, key, ["SET", key], "c0-1")
    assert not fails(of(3).answered, 0, ReplyError(DISKFULL))
    assert "all disks have room" in fails(of(0).answered, 0, ReplyError(DISKFULL))
    assert fails(of(3).answered, 0, ReplyError("ERR something else"))
    places = SimpleNamespace(filled=0, filled_before=0, room_since=0)
    assert Places.full_disks(places, 5) == 0
    places.filled = 3
    assert Places.full_disks(places, 5) == 3
    places.filled, places.filled_before, places.room_since = 0, 3, 10
    assert Places.full_disks(places, 9) == 3 and Places.full_disks(places, 10) == 0


def damaged_values_are_found():
    good = value_of("c0-1", 30)
    for damaged in (good[:-1], good[:-1] + "y", good.replace("c0-1", "c0-7")):
        assert written_and_read("r", "SET", "c0-1", "OK", damaged.encode()) is not None, damaged


class OneNode(SimpleNamespace):
    """At place a, and perhaps one that joins: directories, and processes."""

    def data(self, name):
        return os.path.join(self.dir, name)


def watched(directory, *processes):
    return Watch(OneNode(dir=directory, layout={"a": []}, processes=dict(processes)))


def a_directory_above_its_bound_is_found():
    with tempfile.TemporaryDirectory() as directory, subprocess.Popen(["sleep", "60"]) as process:
        watch = watched(directory, ("a", process), ("a1", process))
        for name in ("a", "a1"):  # who joins, too
            os.mkdir(os.path.join(directory, name))
            path = os.path.join(directory, name, "log")
            for size, expected in ((disk_bound(0) * 0.9, ""), (disk_bound(0) * 1.1, "the data directory of node %s takes" % name)):
                with open(path, "wb") as f:
                    os.posix_fallocate(f.fileno(), 0, int(size))
                said = fails(watch.look, name)
                assert said.startswith(expected) and bool(said) == bool(expected), said
        process.kill()


def a_node_that_ends_by_itself_is_found():
    with tempfile.TemporaryDirectory() as directory:
        process = subprocess.Popen(["true"])
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        watch = watched(directory, ("a", process))
        assert "has ended by itself, with status 0" in fails(watch.look, "a")
        watch.cluster.processes.clear()
        assert not fails(watch.look, "a"), "a fault has it"


def what_grows_is_found():
    def samples(process, **grows):
        each = {"memory": 20 * MIB, "descriptors": 24, "threads": 13, "disk": MIB}
        return [Sample(t, process, **{what: value + t * grows.get(what, 0) for what, value in each.items()}) for t in range(3 * FEWEST)]

    with tempfile.TemporaryDirectory() as directory:
        for what, a_second in (("memory", 2 * MIB), ("descriptors", 1), ("threads", 1), ("disk", MIB)):
            watch = watched(directory)
            watch.samples["a"] = samples(1)
            assert watch.judge() == []
            watch.samples["a"] = samples(1, **{what: a_second})
            assert watch.judge() and all(what + " has grown" in each for each in watch.judge()), what
            # Also when other nodes were at the place: in the one that lived longest.
            watch.samples["a"] = samples(1, **{what: a_second}) + samples(2)[:FEWEST]
            assert any("one process of node a: %s has grown" % what in each for each in watch.judge()), what


for test in (what_a_full_disk_refused_did_not_happen, nothing_is_refused_while_disks_have_room, damaged_values_are_found,
             a_directory_above_its_bound_is_found, a_node_that_ends_by_itself_is_found, what_grows_is_found):
    test()
