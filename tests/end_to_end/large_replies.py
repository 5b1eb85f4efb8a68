#!/usr/bin/python3
"""Replies that are large, or many and not read: bounded, and no client that reads is disconnected."""

import socket

from cluster import Client, Cluster, ReplyError, check

MIB = 1 << 20


def peak_bytes(cluster, node, since_now=False):
    """The most that the node's process has had in memory."""
    pid = cluster.processes[node].pid
    if since_now:
        with open("/proc/%d/clear_refs" % pid, "w") as f:
            f.write("5")
    with open("/proc/%d/status" % pid) as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("VmHWM"))


def error_of(client, *command):
    try:
        client(*command)
    except ReplyError as problem:
        return str(problem)
    return ""


def one_reply(cluster):
    c = cluster.client("a", timeout=60)
    before = peak_bytes(cluster, "a", since_now=True)
    check(sum(len(x) for x in c("MGET", *["big"] * 8)) == 56 * MIB, "a reply of 56 MiB")
    for keys in (60, 5000, 200000):
        check("larger than the limit" in error_of(c, "MGET", *["big"] * keys), "MGET of %d large values" % keys)
    c("MULTI")
    for _ in range(60):
        c("GET", "big")
    check("performed" in error_of(c, "EXEC"), "EXEC of 60 large values")
    check(c("GET", "other") == b"1", "the connection goes on")
    c.close()
    grown = peak_bytes(cluster, "a") - before
    check(grown < 600 * MIB, "large replies cost %d MiB" % (grown // MIB))
    for node in ("b", "c"):
        check(cluster.resident_bytes(node) < 200 * MIB, "nobody waits for the replies at %s" % node)


def many_replies(cluster):
    before = peak_bytes(cluster, "a", since_now=True)
    reader = cluster.client("a", timeout=60)
    reader.send(*[("GET", "big")] * 40)
    for i in range(40):
        check(len(reader.read()) == 7 * MIB, "reply %d of 40" % i)
    idle = cluster.client("a", timeout=60)
    idle.send(*[("GET", "big")] * 64, ("INCR", "behind"), ("PING",))
    other = cluster.client("a")
    for _ in range(100):
        check(other("GET", "other") == b"1", "others are served")
    for i in range(64):
        check(len(idle.read()) == 7 * MIB, "reply %d of 64" % i)
    check(idle.read() == 1 and idle.read() == "PONG", "what is behind large replies")
    grown = peak_bytes(cluster, "a") - before
    check(grown < 600 * MIB, "pipelined large replies cost %d MiB" % (grown // MIB))


def all_sent_before_any_is_read(cluster):
    count = 300000
    c = cluster.client("a")
    c("SET", "hundred", "x" * 100)
    s = socket.create_connection(("127.0.0.1", cluster.resp["a"]), 60)
    s.sendall(b"*2\r\n$3\r\nGET\r\n$7\r\nhundred\r\n" * count)
    missing = count * len(b"$100\r\n" + b"x" * 100 + b"\r\n")
    while missing > 0:
        got = s.recv(MIB)
        check(got, "the connection ends, %d bytes of replies are missing" % missing)
        missing -= len(got)
    s.close()


with Cluster() as cluster:
    cluster.wait_for_service()
    setup = Client(cluster.resp["a"], 60)
    setup("SET", "big", "x" * (7 * MIB))
    setup("SET", "other", "1")
    setup.close()
    one_reply(cluster)
    many_replies(cluster)
    all_sent_before_any_is_read(cluster)
print("large replies: all well")
