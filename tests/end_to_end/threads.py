#!/usr/bin/python3
"""Every thread of a node at work at once: sockets, disk, links, roles. Most of all for a build with the thread sanitizer, whose
reports fail the test; it passes in every build."""

import glob
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time

from cluster import BIN, Client, Cluster, check, free_range

SECONDS = 4
REPORTS = tempfile.mkdtemp(prefix="synod-reports-")
SUPPRESSIONS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../threads/suppressions.txt")
os.environ["TSAN_OPTIONS"] = ":".join(("log_path=%s/report" % REPORTS, "suppressions=" + SUPPRESSIONS, "history_size=4",
                                       "second_deadlock_stack=1", os.environ.get("TSAN_OPTIONS", "")))


def load(port, clients, pipeline, seconds=SECONDS):
    """redis-benchmark against one gateway, until the time is over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            subprocess.run(["redis-benchmark", "-p", str(port), "-t", "set,get,incr", "-c", str(clients), "-P", str(pipeline), "-n", "2000",
                            "-r", "1000", "-d", "64", "-q"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                           timeout=deadline + 5 - time.monotonic())
        except subprocess.TimeoutExpired:
            pass  # It goes on for ever against a node that has ended.


def come_and_go(port, seconds=SECONDS):
    """Connections that are closed at any point: in the middle of a command, of a transaction, of a reply."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        c = Client(port, timeout=60)
        c.sock.sendall(b"*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGE")
        c.close()
        c = Client(port, timeout=60)
        c.pipeline([["WATCH", "key"], ["MULTI"], ["SET", "key", "v" * 100000], ["EXEC"]])
        c.send(["GET", "key"])
        c.close()


def at_once(*calls):
    threads = [threading.Thread(target=f, args=args) for f, *args in calls]
    for t in threads:
        t.start()
    return threads


def look(cluster, seconds=SECONDS):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        cluster.status()


def processes():
    with Cluster() as cluster:
        cluster.wait_for_service(limit=60)
        ports = cluster.resp
        threads = at_once((load, ports["a"], 20, 1), (load, ports["b"], 20, 16), (come_and_go, ports["c"]), (look, cluster))
        for t in threads:
            t.join()
        # Links break and come back, under load: a process is stopped, another is killed; both go on.
        threads = at_once((load, ports["a"], 10, 4, 2 * SECONDS))
        cluster.signal("b", signal.SIGSTOP)
        time.sleep(SECONDS + 1)  # Longer than the others' patience.
        cluster.signal("b", signal.SIGCONT)
        cluster.kill("c")
        cluster.start("c")
        for t in threads:
            t.join()
        cluster.wait_for_service(limit=60)
        threads = at_once((load, ports["a"], 10, 4, 2))
        for name in "cba":
            check(cluster.terminate(name, limit=60) == 0, "node %s ends in order, under load" % name)
        for t in threads:
            t.join()


def one_process():
    port = free_range(3)
    dev = subprocess.Popen([os.path.join(BIN, "synod-dev"), "--resp-port=%d" % port], stdout=subprocess.PIPE, text=True)
    try:
        for line in dev.stdout:
            if line.startswith("Ctrl-C"):
                break
        while isinstance(Client(port, timeout=60).pipeline([["SET", "waits", "1"]])[0], Exception):
            pass  # No leader yet.
        for t in at_once((load, port, 20, 1), (load, port + 1, 20, 16), (come_and_go, port + 2)):
            t.join()
    finally:
        dev.terminate()
        check(dev.wait(60) == 0, "synod-dev ends in order")


try:
    processes()
    one_process()
finally:
    reports = sorted(glob.glob(REPORTS + "/*"))
    for path in reports:
        print("---- %s" % path)
        print(open(path, errors="replace").read()[:20000])
    shutil.rmtree(REPORTS)
check(not reports, "the thread sanitizer has %d reports" % len(reports))
print("threads: sockets, disk, links and roles at once")
