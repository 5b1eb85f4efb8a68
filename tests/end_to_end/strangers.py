#!/usr/bin/python3
"""Who connects to a node's port and is no node of the cluster: turned away, at a bounded cost, while the cluster serves."""

import hashlib
import hmac
import os
import random
import socket
import time

from cluster import Cluster, Load, check

HELLO, PROOF = 103, 32


def key_of(cluster_name):
    return hmac.digest(b"Synod: connections between nodes", b"cluster " + cluster_name, hashlib.sha256)


def connect(port):
    s = socket.create_connection(("127.0.0.1", port), timeout=20)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def read(s, count):
    """So many bytes; fewer: the node has closed."""
    got = b""
    try:
        while len(got) < count:
            more = s.recv(count - len(got))
            if not more:
                break
            got += more
    except ConnectionError:
        pass
    return got


def hello(name=b"", version=2):
    return b"synod" + bytes([version, len(name)]) + name.ljust(64, b"\0") + os.urandom(32)


def greet(s, key, name=b""):
    """Greets as a node does: what was said, and the verdict with what comes behind it."""
    own = hello(name)
    s.sendall(own)
    theirs = read(s, HELLO)
    check(len(theirs) == HELLO and theirs.startswith(b"synod\2"), "a hello: %r" % theirs)
    proof = hmac.digest(key, b"connects " + own + theirs, hashlib.sha256)
    s.sendall(proof)
    verdict = read(s, 1 + PROOF)
    if verdict[:1] == b"\0":
        check(verdict[1:] == hmac.digest(key, b"accepts " + own + theirs, hashlib.sha256), "the node proves itself")
    return own + proof, verdict


def is_closed(s):
    return read(s, 1) == b""


def status_of(cluster, node):
    return cluster.status()[node]


def wait_until(condition, text, limit=15.0):
    deadline = time.monotonic() + limit
    while not condition():
        check(time.monotonic() < deadline, text)
        time.sleep(0.05)


def serving(cluster):
    """Commands at every node, each answered, until the load is stopped."""
    load = Load()

    def client(name):
        c = cluster.client(name, timeout=20)
        n = 0
        while not load.stopping.is_set():
            n += 1
            check(c("INCR", "n:" + name) == n, "INCR at node %s" % name)
    for name in "abc":
        load.run(client, name)
    return load


def bytes_that_end_a_node(cluster):
    for port in cluster.address.values():
        with connect(port) as s:
            s.sendall(b"\x01" + bytes(39))
            check(is_closed(s), "what is no greeting is not listened to")
    wait_until(lambda: all("what it sends is no greeting of Synod" in open(cluster.log(name)).read() for name in "abc"), "it is logged")


def random_bytes(cluster):
    chance = random.Random(3)
    sound = hello(b"b")
    for i in range(400):
        with connect(cluster.address["a"]) as s:
            data = bytearray(chance.randbytes(chance.randint(1, 20000)))
            if i % 2:  # Something that begins as it should.
                data[:len(sound)] = sound
                data[chance.randrange(len(sound))] ^= 1 << chance.randrange(8)
            try:
                s.sendall(data)
            except ConnectionError:
                pass


def silent_connections(cluster):
    """A thousand connections that send nothing; a node that is started meanwhile gets through."""
    held = [connect(cluster.address["a"]) for _ in range(1000)]
    check(is_closed(held[0]), "the oldest has to go")
    used = len(os.listdir("/proc/%d/fd" % cluster.processes["a"].pid))
    check(used < 300, "%d descriptors are in use" % used)
    for s in held:
        s.close()


def half_greetings(cluster):
    for size in list(range(1, HELLO + PROOF, 7)):
        with connect(cluster.address["a"]) as s:
            s.sendall((hello() + bytes(PROOF))[:size])


def recorded_greeting(cluster):
    key = key_of(b"test")
    with connect(cluster.address["a"]) as s:
        said, verdict = greet(s, key)
        check(verdict[:1] == b"\0", "who knows the cluster's name is let in, where there is no secret: %r" % verdict)
        check(read(s, 1) != b"", "the node shows its actor behind the greeting")
    with connect(cluster.address["a"]) as s:
        s.sendall(said)
        check(read(s, HELLO + 1)[HELLO:] == b"\1" and read(s, PROOF) == bytes(PROOF) and is_closed(s), "what was recorded is of no use")
    with connect(cluster.address["a"]) as s:
        check(greet(s, key_of(b"other"))[1][:1] == b"\1" and is_closed(s), "a key that is another one")


def random_frames(cluster):
    """Who is let in and then sends what is no frame loses the link, and nobody else does."""
    chance = random.Random(4)
    for i in range(200):
        with connect(cluster.address["a"]) as s:
            check(greet(s, key_of(b"test"))[1][:1] == b"\0", "let in")
            frames = bytearray()
            for _ in range(chance.randint(1, 30)):
                body = bytes([chance.randrange(6)]) + chance.randbytes(chance.randint(0, 60))
                frames += len(body).to_bytes(4, "little") + body
            if i % 3 == 0:
                frames = (1 << chance.randint(20, 31)).to_bytes(4, "little") + chance.randbytes(chance.randint(0, 200000))
            try:
                s.sendall(frames)
                if i % 2:
                    s.shutdown(socket.SHUT_WR)
                    while s.recv(65536):
                        pass
            except OSError:
                pass


def other_version(cluster):
    def is_logged():
        with connect(cluster.address["a"]) as s:
            s.sendall(hello(b"b", version=7))
            check(read(s, HELLO)[:6] == b"synod\2" and is_closed(s), "another version is told the own one")
        return "version 7 of the greeting, expected 2" in open(cluster.log("a")).read()
    wait_until(is_logged, "it is logged, as soon as there is to be another line")


def strangers():
    with Cluster() as cluster:
        cluster.wait_for_service()
        before = {name: cluster.resident_bytes(name) for name in "abc"}
        load = serving(cluster)
        for part in (bytes_that_end_a_node, random_bytes, silent_connections, half_greetings, recorded_greeting, random_frames,
                     other_version):
            part(cluster)
            check(not load.problems, "served during %s: %s" % (part.__name__, load.problems))
        load.stop()
        for name in "abc":
            grown = cluster.resident_bytes(name) - before[name]
            check(grown < 100 << 20, "strangers cost node %s %d MiB" % (name, grown >> 20))
        log = open(cluster.log("a")).read()
        check(log.count(" is refused: ") < 100, "the log is not flooded")


def crowded_door():
    """A node that is started while strangers crowd at the other one's door."""
    with Cluster() as cluster:
        cluster.wait_for_service()
        cluster.kill("b")
        load = Load()

        def crowd():
            held = []
            while not load.stopping.is_set():
                held.append(connect(cluster.address["c"]))
                if len(held) > 200:
                    held.pop(0).close()
                time.sleep(0.001)
            for s in held:
                s.close()
        load.run(crowd)
        cluster.start("b")
        wait_until(lambda: status_of(cluster, "c").get("connections", {}).get("b"), "node b does not get through")
        load.stop()


def wrong_secret():
    """A node with another secret is refused by both sides, which say so; so is synod-ctl."""
    cluster = Cluster()
    secrets = {}
    for which in ("right", "wrong"):
        secrets[which] = cluster.config + "." + which
        with open(secrets[which] + ".secret", "w") as f:
            f.write("the %s one, long enough\n" % which)
        os.chmod(secrets[which] + ".secret", 0o600)
        with open(secrets[which], "w") as f:
            f.write('secret-file = "%s"\n' % os.path.basename(secrets[which] + ".secret") + open(cluster.config).read())
    plain, cluster.config = cluster.config, secrets["right"]
    text = "the cluster's secret is another one there"
    with cluster:
        cluster.wait_for_service()
        cluster.kill("b")
        cluster.config = secrets["wrong"]
        cluster.start("b")
        own = status_of(cluster, "b")
        check(own["reached"], "synod-ctl with the same secret reaches it")
        wait_until(lambda: text in status_of(cluster, "b").get("problems", {}).get("c", ""), "node b does not tell why it reaches nobody")
        check(text in status_of(cluster, "a")["problem"], "synod-ctl is told why: %s" % status_of(cluster, "a"))
        cluster.config = secrets["right"]
        # b connects to c, and a to b.
        wait_until(lambda: text in status_of(cluster, "c").get("problems", {}).get("b", ""), "node c does not tell who was refused")
        wait_until(lambda: text in status_of(cluster, "a").get("problems", {}).get("b", ""), "node a does not tell why")
        for name in "abc":
            check(text in open(cluster.log(name)).read(), "node %s does not log why" % name)
        with connect(cluster.address["a"]) as s:
            check(greet(s, key_of(b"test"))[1][:1] == b"\1", "with a secret, the cluster's name is not enough")
        cluster.config = plain
        check(text in status_of(cluster, "a")["problem"], "nor for synod-ctl")
        cluster.config = secrets["right"]
        cluster.kill("b")
        cluster.start("b")
        cluster.wait_for_service()
        wait_until(lambda: not status_of(cluster, "a").get("problems") and not status_of(cluster, "c").get("problems"), "it is forgotten")


for test in (strangers, crowded_door, wrong_secret):
    test()
    print("%s: %s" % (test.__name__, (test.__doc__ or __doc__).splitlines()[0]), flush=True)
