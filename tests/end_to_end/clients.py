#!/usr/bin/python3
"""Real clients against every node: redis-cli, redis-benchmark, redis-py, and hiredis in its own program; RESP2 and RESP3."""

import os
import subprocess

import redis

from cluster import BIN, Cluster, check


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


with Cluster() as cluster:
    cluster.wait_for_service()
    for node, port in cluster.resp.items():
        use_redis_cli(port)
        use_redis_benchmark(port)
        use_redis_py(port)
        print(run(os.path.join(BIN, "hiredis-client"), str(port)).strip())
        print("clients: redis-cli, redis-benchmark, redis-py, hiredis at node %s" % node, flush=True)
