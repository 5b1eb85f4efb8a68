#!/usr/bin/python3
"""Bad input from options, files, disks and clients: always a clear error, never a crash, a hang or lost data."""

import contextlib
import os
import pty
import random
import re
import select
import shutil
import socket
import subprocess
import tempfile
import time
import tty

from cluster import BIN, CONFIG, Client, Cluster, ReplyError, check, free_ports


def run(*args, program="synod-node", environment=None):
    done = subprocess.run([os.path.join(BIN, program), *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=30,
                          env={**os.environ, **(environment or {})})
    return done.returncode, done.stdout, done.stderr


def refused(status, text, *args, program="synod-node", environment=None):
    code, out, err = run(*args, program=program, environment=environment)
    check(code == status, "%s: exit status %d, expected %d: %s" % (args, code, status, err))
    check(text in err, "%s: expected '%s' in: %s" % (args, text, err))
    check("ready" not in out, "it said that it was ready")


def options(cluster, node="a", config=None, data=None):
    return ["--config-file=" + (config or cluster.config), "--node=" + node, "--data-dir=" + (data or cluster.data(node))]


def bad_options():
    conf = os.path.join(CONFIG, "three-nodes.conf")
    refused(2, "--config-file is required")
    refused(2, "--nope", "--config-file=" + conf, "--node=a", "--data-dir=/tmp/none", "--nope")
    refused(2, "unknown node 'z'", "--config-file=" + conf, "--node=z", "--data-dir=/tmp/none")
    refused(2, "cannot be read", "--config-file=/none.conf", "--node=a", "--data-dir=/tmp/none")
    refused(2, "/dev/zero: cannot be read: expected a regular file", "--config-file=/dev/zero", "--node=a", "--data-dir=/tmp/none")
    refused(2, "--log-level", "--config-file=" + conf, "--node=a", "--data-dir=/tmp/none", "--log-level=loud")
    refused(2, "--nodes", "--nodes=0", program="synod-dev")
    refused(2, "subcommand", "--config-file=" + conf, program="synod-ctl")
    refused(2, "no command 'frobnicate'", "--config-file=" + conf, "frobnicate", program="synod-ctl")
    refused(1, "cannot make a temporary directory", program="synod-dev", environment={"TMPDIR": "/none"})
    for program in ("synod-node", "synod-dev", "synod-ctl"):
        code, out, _ = run("--help", program=program)
        check(code == 0 and program in out, "%s --help" % program)
        code, out, _ = run("--version", program=program)
        check(code == 0 and out[0].isdigit(), "%s --version" % program)


def bad_cluster_files(cluster):
    sound = open(cluster.config).read()
    path = os.path.join(cluster.dir, "bad.conf")
    for text, expected in [("clustr = 'x'\n" + sound, ":1: unknown key 'clustr'"), (sound + "[replica]\nwindow = 'x'\n", "wrong type"),
                           (sound.replace('"b"', '"a"', 1), "duplicate"), (sound.replace('"acceptor", ', ""), "no majority of acceptors"),
                           (sound.replace("127.0.0.1", "10.0.0.1", 1), "allow-plain-traffic"), ("[[[", "bad.conf:1"),
                           (sound.replace("127.0.0.1", "127.evil.example.org", 1), "others can reach 127.evil.example.org"),
                           (sound.replace('resp = "127.0.0.1', 'resp = "0.0.0.0', 1), ":6: key 'resp': node 'a': others can reach"),
                           (sound.replace('resp = "127.0.0.1', 'resp = "elsewhere', 1), ":6: key 'resp': expected"),
                           (sound.replace(str(cluster.resp["b"]), str(cluster.resp["a"])), "has the resp of node 'a' in line 6")]:
        with open(path, "w") as f:
            f.write(text)
        refused(2, expected, *options(cluster, config=path))


def content_of(directory):
    """The names of all files below, and what is in them."""
    paths = [os.path.join(at, name) for at, _, names in os.walk(directory) for name in names]
    return {path: open(path, "rb").read() for path in paths}


def bad_surroundings(cluster):
    refused(1, "another process uses this data directory", *options(cluster))
    lock = os.path.join(cluster.data("a"), "lock")  # Of an earlier version.
    for there in (False, True):
        if there:
            open(lock, "w").close()
        before = content_of(cluster.data("a"))
        refused(1, "another process uses this data directory", *options(cluster))
        check(content_of(cluster.data("a")) == before, "what is in use was changed by who was refused")
    os.remove(lock)
    cluster.kill("b")
    refused(2, "belongs to node 'b'", *options(cluster, data=cluster.data("b")))
    other = os.path.join(cluster.dir, "other.conf")
    with open(other, "w") as f:
        f.write(open(cluster.config).read().replace('cluster = "test"', 'cluster = "other"'))
    refused(2, "of cluster 'test'", *options(cluster, node="b", config=other))
    for port in (cluster.address["b"], cluster.resp["b"]):
        taken = socket.socket()
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen(1)
        before = content_of(cluster.data("b"))
        refused(1, "node b: cannot listen at 127.0.0.1:%d" % port, *options(cluster, node="b"))
        check(content_of(cluster.data("b")) == before, "a port was found to be taken when the data directory had been changed")
        taken.close()
    refused(1, "/proc/none", *options(cluster, node="b", data="/proc/none"))
    cluster.start("b")


def foreign_directories(cluster):
    """What is somebody else's is left as it is."""
    foreign = os.path.join(cluster.dir, "photos")
    os.mkdir(foreign)
    with open(os.path.join(foreign, "photo.jpg"), "w"):
        pass
    refused(2, "not a data directory", *options(cluster, data=foreign))
    with open(os.path.join(foreign, "identity"), "w") as f:
        f.write("John Doe")
    refused(2, "identity: is damaged", *options(cluster, data=foreign))
    check(sorted(os.listdir(foreign)) == ["identity", "photo.jpg"], "a directory that is refused: %s" % os.listdir(foreign))


def ports_that_are_free():
    """Port 0 is any that is free: the one that it became is told, and is used."""
    first = free_ports(3)
    with tempfile.TemporaryDirectory() as scratch:
        config = os.path.join(scratch, "cluster.conf")
        with open(config, "w") as f:
            f.write('cluster = "one"\n[[node]]\nname = "a"\naddress = "127.0.0.1:%d"\nresp = "localhost:0"\n' % first[0])
            f.write('roles = ["replica", "leader", "acceptor", "gateway"]\n')
        for program, extra, said in (("synod-node", ["--node=a"], r"ready node=a resp=127\.0\.0\.1:(\d+)\n"),
                                     ("synod-dev", [], r"redis-cli -h 127\.0\.0\.1 -p (\d+) set greeting hello\n")):
            args = [os.path.join(BIN, program), "--config-file=" + config, "--data-dir=" + os.path.join(scratch, program), *extra]
            process = subprocess.Popen(args, stdout=subprocess.PIPE, text=True)
            try:
                found = None
                while not found:
                    line = process.stdout.readline()
                    check(line, "%s does not tell its port" % program)
                    found = re.search(said, line)
                check(Client(int(found.group(1)))("PING") == "PONG", "%s is where it says" % program)
            finally:
                process.terminate()
                check(process.wait(10) == 0, "%s ends in order" % program)


def damaged_logs(cluster):
    cluster.wait_for_service()
    c = cluster.client("a")
    for i in range(300):
        c("SET", "k%d" % i, "x" * 200)
    cluster.kill("c")
    log = os.path.join(cluster.data("c"), "acceptor", "000000000001.log")
    kept = log + ".kept"
    shutil.copy(log, kept)
    with open(log, "r+b") as f:
        f.seek(5000)
        f.write(b"damage")
    refused(2, "is damaged", *options(cluster, node="c"))
    shutil.copy(kept, log)
    os.truncate(log, 20000)
    refused(2, "truncated", *options(cluster, node="c"))
    shutil.copy(kept, log)
    size = len(open(log, "rb").read().rstrip(b"\0"))
    with open(log, "r+b") as f:
        f.seek(size - 20)
        f.write(b"torn")
    os.remove(kept)
    cluster.start("c")
    lines = open(cluster.log("c")).read()
    check("cut " in lines, "a torn tail is reported")
    check(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d [A-Z] c: ", lines), "a line has a date: %s" % lines[:100])
    check(cluster.client("c")("GET", "k299") == b"x" * 200, "nothing acknowledged is lost by a torn tail")


def full_disk(cluster):
    """A file size limit makes writes fail as a full disk does."""
    cluster.terminate("c")
    args = " ".join(options(cluster, node="c"))
    done = subprocess.run(["bash", "-c", "ulimit -f 1000; exec %s %s" % (cluster.program, args)], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=60)
    check(done.returncode != 0 and "cannot write" in done.stderr, "a full disk: %s %s" % (done.returncode, done.stderr))
    cluster.start("c")
    check(cluster.client("c")("GET", "k299") == b"x" * 200, "what was acknowledged is there when there is room again")


def raw(port, data, limit=5.0):
    """Sends bytes; what comes back until the server closes or is silent for a moment."""
    s = socket.create_connection(("127.0.0.1", port), timeout=limit)
    got = b""
    try:
        s.sendall(data)
        while True:
            s.settimeout(0.3 if got else limit)
            more = s.recv(65536)
            if not more:
                return got, True
            got += more
    except socket.timeout:
        return got, False
    except OSError:
        return got, True
    finally:
        s.close()


def bad_bytes_from_clients(cluster):
    port = cluster.resp["a"]
    for data, expected, closes in [
            (b"*1\r\n$-5\r\n", b"-ERR Protocol error: invalid bulk length", True),
            (b"*1\r\n$99999999999\r\n", b"-ERR Protocol error: invalid bulk length", True),
            (b"*2147483648\r\n", b"-ERR Protocol error: invalid multibulk length", True),
            (b"*1\r\nx\r\n", b"-ERR Protocol error: expected '$', got 'x'", True),
            (b"x" * 70000, b"-ERR Protocol error: too big inline request", True),
            (b"*1\r\n$3\r\nGET\r\n", b"-ERR wrong number of arguments for 'get' command", False),
            (b"*2\r\n$4\r\nNOPE\r\n$1\r\na\r\n", b"-ERR unknown command 'NOPE', with args beginning with: 'a'", False),
            (b"PING\r\n", b"+PONG", False),
            (b"SET inline \"a b\"\r\nGET inline\r\n", b"+OK\r\n$3\r\na b\r\n", False),
            (b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$9000000\r\n" + b"x" * 9000000 + b"\r\nPING\r\n", b"-ERR string exceeds maximum", False),
            (b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$10000000\r\n" + b"x" * 10000000 + b"\r\nPING\r\n", b"larger than the limit", False)]:
        got, closed = raw(port, data)
        check(expected in got, "%r: got %r" % (data[:60], got[:200]))
        check(closed == closes, "%r: closed %s" % (data[:60], closed))
    check(got.endswith(b"+PONG\r\n"), "after a command that was too large the connection goes on")
    half = socket.create_connection(("127.0.0.1", port))
    half.sendall(b"*3\r\n$3\r\nSET\r\n$4\r\nha")
    c = cluster.client("a")
    chance = random.Random(7)
    for _ in range(300):
        data = bytes(chance.choice(b"*$:+-0123456789\r\n\"' abGETSET\0\xff") for _ in range(chance.randint(1, 200)))
        s = socket.create_connection(("127.0.0.1", port))
        s.sendall(data)
        s.close()
    key = bytes(range(256))
    c("SET", key, "binary")
    check(c("GET", key) == b"binary", "binary keys")
    half.sendall(b"lf\r\n$1\r\nv\r\n")
    check(half.recv(100) == b"+OK\r\n", "half a command, silence, then the rest")
    # A client that sends and never reads costs a bounded amount.
    c("SET", "large", "x" * 1000000)
    before = cluster.resident_bytes("a")
    greedy = socket.create_connection(("127.0.0.1", port))
    greedy.settimeout(1)
    try:
        for _ in range(3000):
            greedy.sendall(b"GET large\r\n" * 10)
    except OSError:
        pass
    c("PING")
    time.sleep(0.5)
    grown = cluster.resident_bytes("a") - before
    check(grown < 400 << 20, "a client that does not read cost %d MiB" % (grown >> 20))
    greedy.close()
    # One that goes on writing is disconnected.
    flood = socket.create_connection(("127.0.0.1", port), timeout=30)
    try:
        while True:
            flood.sendall(b"GET large\r\n" * 100000)
    except (ConnectionError, socket.timeout) as ended:
        check(not isinstance(ended, socket.timeout), "a client that writes and does not read is blocked for ever")
    flood.close()
    check("a client that does not read its replies is disconnected" in open(cluster.log("a")).read(), "and that is told")
    check(c("GET", "inline") == b"a b", "others are served")


@contextlib.contextmanager
def cluster_with_open_files(count, **how):
    """Of nodes that may have so many."""
    with tempfile.TemporaryDirectory() as scratch:
        program = os.path.join(scratch, "synod-node")
        with open(program, "w") as f:
            f.write('#!/bin/sh\nulimit -n %d\nexec %s "$@"\n' % (count, os.path.join(BIN, "synod-node")))
        os.chmod(program, 0o755)
        with Cluster(program=program, **how) as cluster:
            cluster.wait_for_service()
            yield cluster


def few_descriptors():
    """A log of many segments needs no more open files than one of few: not while it is written, not when it is read back."""
    with cluster_with_open_files(100, extra='[acceptor]\nsegment-size = "64KiB"\ncache-size = 0\n') as cluster:
        c = cluster.client("a")
        for i in range(160):
            check(c("SET", "k%d" % i, "%d" % i * 10000) == "OK", "a write")
        c.close()
        segments = [n for n in os.listdir(os.path.join(cluster.data("a"), "acceptor")) if n.endswith(".log")]
        check(len(segments) > 50, "there are many segments: %d" % len(segments))
        used = {name: os.listdir("/proc/%d/fd" % cluster.processes[name].pid) for name in "abc"}
        check(all(len(x) < 50 for x in used.values()), "descriptors in use: %s" % {n: len(x) for n, x in used.items()})
        for name in "abc":
            check(cluster.terminate(name) == 0, "node %s has gone on, and ends in order" % name)
        cluster.start("a", "b", "c")
        cluster.wait_for_service()
        for name in "abc":
            check(cluster.client(name)("GET", "k159") == b"159" * 10000, "node %s has it again" % name)


def hardly_any_descriptors():
    """Wherever a descriptor is missing at a start: the node runs, or ends with the reason."""
    with tempfile.TemporaryDirectory() as scratch, Cluster() as cluster:
        cluster.kill("a")
        refusals = 0
        for count in range(3, 60):
            args = ["prlimit", "--nofile=%d" % count, cluster.program, *options(cluster, data=os.path.join(scratch, str(count)))]
            process = subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            started = process.stdout.readline().startswith("ready")
            if started:
                process.terminate()
            _, err = process.communicate(timeout=20)
            refusals += not started
            check(process.returncode == 0 if started else process.returncode in (1, 127),  # 127: its libraries are not found.
                  "%d descriptors: status %d: %s" % (count, process.returncode, err))
            check(started or "oo many open files" in err or process.returncode == 127, "%d descriptors: it does not say why: %s" % (count, err))
        check(0 < refusals < 57, "some were too few, others enough: %d" % refusals)


def crowds_with_few_descriptors():
    """Clients and strangers, far more than there may be open files: other nodes get in, and so do as many clients as are told."""
    with cluster_with_open_files(64) as cluster:
        cluster.kill("b")
        held = [socket.create_connection(("127.0.0.1", port), timeout=20)
                for port in (cluster.resp["a"], cluster.address["a"]) for _ in range(100)]
        deadline = time.monotonic() + 20
        while len(refused_ones := select.select(held[:100], [], [], 1)[0]) <= 50:
            check(time.monotonic() < deadline, "%d clients of 100 are refused" % len(refused_ones))
            time.sleep(0.05)
        told = [s.recv(100) for s in refused_ones]
        check(all(b"max number of clients" in x for x in told), "the reason is told: %s" % told)
        cluster.start("b")
        b = cluster.client("b", timeout=30)
        for i in range(100):
            check(b("SET", "k%d" % i, "v") == "OK", "a write, to which node a belongs")
        log = open(cluster.log("a")).read()
        check(log.count("connected with node b") >= 2, "node b has connected meanwhile: %s" % log)
        for s in held:
            s.close()
        check(cluster.terminate("a") == 0, "node a has gone on, and ends in order")


def few_threads():
    """Wherever a thread can't be made: the node runs, or ends with the reason."""
    if os.getuid() != 0:
        return  # Who is not root has other threads that count.
    user = 54321
    with tempfile.TemporaryDirectory() as scratch, Cluster() as cluster:
        cluster.kill("a")
        os.chmod(scratch, 0o777)
        os.chmod(cluster.dir, 0o755)
        refusals = 0
        for count in range(1, 24):
            args = [cluster.program, *options(cluster, data=os.path.join(scratch, str(count)))]
            process = subprocess.Popen(["setpriv", "--reuid=%d" % user, "--clear-groups", "prlimit", "--nproc=%d" % count, *args],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            started = process.stdout.readline().startswith("ready")
            if started:
                process.terminate()
            _, err = process.communicate(timeout=20)
            refusals += not started
            check(process.returncode == (0 if started else 1), "%d threads: status %d: %s" % (count, process.returncode, err))
            check(started or ("node a: " in err and "cannot make a thread: Resource temporarily unavailable" in err),
                  "%d threads: it does not say why: %s" % (count, err))
        check(0 < refusals < 23, "some were too few, others enough: %d" % refusals)


def limits_of_clients():
    with Cluster(extra="[gateway]\nmost-clients = 5\nidle-timeout = \"600ms\"\n") as cluster:
        cluster.wait_for_service("a")
        time.sleep(0.1)
        clients = [cluster.client("a") for _ in range(5)]
        for c in clients:
            c("PING")
        got, closed = raw(cluster.resp["a"], b"")
        check(got == b"-ERR max number of clients reached\r\n" and closed, "one more is turned away: %r" % got)
        clients[0].sock.settimeout(5)
        check(clients[0].file.read() == b"", "an idle connection is closed")


def nobody_reads_the_logs():
    """A pipe that is full takes nothing: the nodes go on, and tell later how much they could not say."""
    cluster = Cluster()
    pipes = {}
    for name in cluster.layout:
        pipes[name] = os.pipe()
        os.set_blocking(pipes[name][1], False)
        try:
            while True:
                os.write(pipes[name][1], b"x" * 4096)
        except BlockingIOError:
            os.set_blocking(pipes[name][1], True)
        cluster.stderr[name] = pipes[name][1]
    with cluster:
        cluster.wait_for_service()
        cluster.kill("b")
        cluster.wait_for_service(["a", "c"])
        check(b"x" * 65536 == os.read(pipes["a"][0], 65536), "the pipe was full")
        cluster.start("b")
        cluster.wait_for_service()
        check(b"log lines were dropped" in os.read(pipes["a"][0], 65536), "what was dropped is told")
    for each in pipes.values():
        os.close(each[0])
        os.close(each[1])


def nobody_reads_the_terminal():
    """A terminal takes part of a line, and then nothing."""
    cluster = Cluster()
    terminal, side = pty.openpty()
    tty.setraw(side)
    cluster.stderr = {name: side for name in cluster.layout}
    with cluster:
        cluster.wait_for_service()
        os.set_blocking(side, False)
        try:
            while os.write(side, b"x") > 0:
                pass
        except BlockingIOError:
            os.set_blocking(side, True)
        os.read(terminal, 50)
        cluster.kill("b")
        cluster.wait_for_service(["a", "c"])
        cluster.start("b")
        cluster.wait_for_service()
        check(cluster.terminate("c") == 0, "a node whose terminal stands still ends in order")
    os.close(side)
    os.close(terminal)


def no_standard_descriptors():
    with Cluster() as cluster:
        cluster.wait_for_service()
        cluster.kill("c")
        closed = subprocess.Popen(["bash", "-c", "exec %s %s <&- >&- 2>&-" % (cluster.program, " ".join(options(cluster, node="c")))])
        cluster.wait_for_service(["c"])
        closed.terminate()
        check(closed.wait(10) == 0, "a node without standard descriptors serves, and ends in order")


bad_options()
nobody_reads_the_logs()
nobody_reads_the_terminal()
no_standard_descriptors()
with Cluster(extra="[gateway]\nunread-timeout = \"1s\"\n") as cluster:
    bad_cluster_files(cluster)
    cluster.wait_for_service()
    bad_bytes_from_clients(cluster)
    bad_surroundings(cluster)
    foreign_directories(cluster)
    damaged_logs(cluster)
    full_disk(cluster)
    for name in "abc":
        check(cluster.terminate(name) == 0, "node %s ends in order" % name)
limits_of_clients()
few_descriptors()
crowds_with_few_descriptors()
hardly_any_descriptors()
few_threads()
ports_that_are_free()
print("bad input: refused")
