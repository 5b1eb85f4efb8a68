#!/usr/bin/python3
"""Real clients against every node: redis-cli, redis-benchmark, redis-py, and hiredis in its own program; RESP2 and RESP3."""

import os
import pty
import subprocess
import time

import redis

from cluster import BIN, Client, Cluster, ReplyError, check

PATIENCE = 60  # seconds: a slow machine is no error here


def run(*args, **kwargs):
    done = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, **kwargs)
    check(done.returncode == 0, "%s: %s" % (" ".join(args), done.stdout))
    return done.stdout


def use_redis_cli(port):
    for version in ("-2", "-3"):
        cli = ["redis-cli", version, "-p", str(port)]
        check(run(*cli, "SET", "cli", "hello") == "OK\n", "SET")
        check(run(*cli, "GET", "cli") == "hello\n", "GET")
        check(run(*cli, "--no-raw", "GET", "none") == "(nil)\n", "nil")
        check(run(*cli, "MGET", "cli", "none") == "hello\n\n", "MGET")
        script = "MULTI\nSET t 1\nINCR t\nPING\nEXEC\n"
        check(run(*cli, input=script).split() == ["OK", "QUEUED", "QUEUED", "QUEUED", "OK", "2", "PONG"], "MULTI")
        run(*cli, "COMMAND", "DOCS")
        check("redis_version" in run(*cli, "INFO", "server"), "INFO")
        check(run(*cli, "--scan", "--pattern", "cl*") == "cli\n", "SCAN")
    big = "x" * 3000000
    check(run("redis-cli", "-p", str(port), "-x", "SET", "big", input=big) == "OK\n", "a large value")
    check(run("redis-cli", "-p", str(port), "STRLEN", "big") == "3000000\n", "STRLEN")
    run("redis-cli", "-p", str(port), "DEL", "big")


def use_redis_cli_interactively(port):
    """It asks for the commands' arguments, to show them while one types."""
    terminal, side = pty.openpty()
    cli = subprocess.Popen(["redis-cli", "-p", str(port)], stdin=side, stdout=side, stderr=side, env={**os.environ, "TERM": "dumb"})
    os.close(side)
    os.write(terminal, b"help getex\nhelp config set\nquit\n")
    said = b""
    try:
        while cli.poll() is None or said.count(b"summary") < 2:
            said += os.read(terminal, 65536)
    except OSError:
        pass  # It has ended.
    cli.wait(PATIENCE)
    os.close(terminal)
    check(b"GETEX" in said and b"PXAT unix-time-milliseconds|PERSIST" in said, "hints: %r" % said)
    check(b"parameter value" in said, "hints of subcommands: %r" % said)


def use_redis_cli_stat(port):
    c = Client(port, PATIENCE)
    c("MSET", "stat:1", "x", "stat:2", "x")
    keys = c("DBSIZE")
    cli = subprocess.Popen(["redis-cli", "-p", str(port), "--stat", "-i", "0.1"], stdout=subprocess.PIPE, text=True)
    lines = [cli.stdout.readline() for _ in range(4)]
    cli.kill()
    cli.wait()
    cli.stdout.close()
    fields = lines[3].split()
    check(fields[0] == str(keys) and fields[1][-1] in "BKMG" and fields[1] != "0B", "keys and memory: %r" % lines)
    check(int(fields[2]) >= 2 and fields[3] == "0", "clients, and blocked ones: %r" % lines)


def use_many_clients(port):
    """What one client sees of others, and does to them."""
    first, second = Client(port, PATIENCE), Client(port, PATIENCE)
    first("CLIENT", "SETNAME", "first")
    mine, other = first("CLIENT", "ID"), second("CLIENT", "ID")
    listed = second("CLIENT", "LIST").decode()
    check("id=%d " % mine in listed and "id=%d " % other in listed and "name=first" in listed, listed)
    check(second("CLIENT", "KILL", "ID", mine) == 1, "CLIENT KILL")
    check(first.file.read() == b"", "it is disconnected")
    check("id=%d " % mine not in second("CLIENT", "LIST").decode(), "and not listed")
    try:
        second("CONFIG", "SET", "maxclients", "1")
        third = Client(port, PATIENCE)
        check(b"max number of clients" in third.file.readline(), "CONFIG SET maxclients")
    finally:
        second("CONFIG", "SET", "maxclients", "10000")
    second("CONFIG", "RESETSTAT")
    check("total_connections_received:0" in second("INFO", "stats").decode(), "CONFIG RESETSTAT")


def write_before_reading(port, count=300000):
    """All commands first, then all replies."""
    c = Client(port, PATIENCE)
    c("SET", "hundred", "x" * 100)
    begin = time.monotonic()
    c.sock.sendall(b"*2\r\n$3\r\nGET\r\n$7\r\nhundred\r\n" * count)
    reply = b"$100\r\n" + b"x" * 100 + b"\r\n"
    expected = len(reply) * count
    got = 0
    while got < expected:
        more = c.sock.recv(1 << 20)
        check(more and more[0:1] in b"$x1\r\n0", "replies: %r" % more[:100])
        got += len(more)
    check(got == expected and c("PING") == "PONG", "as many replies as commands")
    print("clients: %d commands before the first reply is read, %.1f s" % (count, time.monotonic() - begin))


def use_largest_value(port):
    c = Client(port, PATIENCE)
    value = b"x" * (8 << 20)
    check(c("SET", "the key of a large value", value) == "OK", "a value as large as value-limit, with its key")
    check(c("GET", "the key of a large value") == value, "comes back")
    c.send(["MULTI"], ["SET", "the key of a large value", value], ["EXEC"])
    check([c.read() for _ in range(3)] == ["OK", "QUEUED", ["OK"]], "and in a transaction")
    try:
        c("SET", "k", value + b"x")
        check(False, "a value above the limit")
    except ReplyError as error:
        check("value-limit" in str(error), str(error))
    c("DEL", "the key of a large value")


def use_redis_benchmark(port):
    for pipeline in ([], ["-P", "16"]):
        out = run("redis-benchmark", "-p", str(port), "-t", "set,get,incr,mset", "-n", "5000", "-c", "20", "-r", "1000", "-q", *pipeline)
        check(out.count("requests per second") == 4, out)
        check("rror" not in out.replace("WARNING: Could not fetch server CONFIG", ""), out)


def use_redis_py(port):
    r = redis.Redis(port=port, decode_responses=True)
    r.flushall()
    check(r.set("k", "v", ex=100, nx=True) and not r.set("k", "w", nx=True), "SET NX")
    check(0 < r.ttl("k") <= 100, "TTL")
    check(r.set("k", "w", get=True) == "v", "SET GET")
    check(r.ttl("k") == -1, "no TTL")
    check(r.incrbyfloat("f", 1.5) == 1.5, "INCRBYFLOAT")
    r.mset({"key:%d" % i: i for i in range(500)})
    check(len(list(r.scan_iter(match="key:*", count=20))) == 500, "SCAN")
    check(sorted(r.keys("key:1?")) == ["key:1%d" % i for i in range(10)], "KEYS")
    check(r.copy("k", "k2") and r.rename("k2", "k3") and r.type("k3") == "string", "COPY, RENAME, TYPE")
    check(r.getrange("k", 0, 0) == "w" and r.setrange("k", 1, "x") == 2 and r.strlen("k") == 2, "ranges")
    with r.pipeline(transaction=True) as p:
        p.watch("k")
        value = p.get("k")
        p.multi()
        p.set("k", value + "!")
        p.get("k")
        check(p.execute() == [True, "wx!"], "WATCH, MULTI, EXEC")
    with r.pipeline(transaction=True) as p:
        p.watch("k")
        r.set("k", "changed")
        p.multi()
        p.set("k", "lost")
        try:
            p.execute()
            check(False, "a watched key changed")
        except redis.WatchError:
            pass
    check(r.get("k") == "changed", "nothing of it was performed")
    for wrong in (["GET"], ["NOPE", "x"], ["INCR", "k"], ["SET", "k", "v", "EX", "0"], ["SELECT", "5"]):
        try:
            r.execute_command(*wrong)
            check(False, "%s was taken" % wrong)
        except redis.ResponseError:
            pass
    binary = redis.Redis(port=port)
    key = bytes(range(256))
    check(binary.set(key, key) and binary.get(key) == key, "binary keys and values")
    check(r.client_id() > 0 and r.client_setname("me") and r.client_getname() == "me", "CLIENT")
    check(r.config_get("maxclients")["maxclients"] == "10000", "CONFIG GET")
    check(len(r.time()) == 2 and r.dbsize() > 500 and r.randomkey(), "TIME, DBSIZE, RANDOMKEY")
    r.pexpire("k", 50)
    r2 = redis.Redis(port=port, decode_responses=True)
    waited = 0
    while r2.exists("k"):
        waited += 1
        check(waited < 5000, "a key expires in an idle cluster")
    check(r.pttl("k") == -2, "and is gone")
    r.flushdb()


with Cluster(extra='[gateway]\nrequest-timeout = "%ds"\n' % PATIENCE) as cluster:
    cluster.wait_for_service()
    for node, port in cluster.resp.items():
        use_redis_cli(port)
        use_redis_benchmark(port)
        use_redis_py(port)
        print(run(os.path.join(BIN, "hiredis-client"), str(port)).strip())
        use_redis_cli_interactively(port)
        use_redis_cli_stat(port)
        use_many_clients(port)
        print("clients: redis-cli, redis-benchmark, redis-py, hiredis at node %s" % node, flush=True)
    write_before_reading(cluster.resp["a"])
    use_largest_value(cluster.resp["a"])
