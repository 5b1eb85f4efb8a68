#!/usr/bin/python3
"""Backups of a running cluster, and clusters of other sizes and names that begin with one."""

import json
import os
import shutil
import subprocess
import time

from cluster import BIN, Client, Cluster, Failure, Load, ReplyError, check, free_ports

ROLES = ["replica", "leader", "acceptor", "gateway"]
EXTRA = '\n[replica]\nsnapshot-after = "256KiB"\n[acceptor]\nsegment-size = "64KiB"\n'
KEYS = 2000


def ctl(*args):
    """Exit status, what was printed, and what was said on standard error."""
    done = subprocess.run([os.path.join(BIN, "synod-ctl"), *args], capture_output=True, text=True, timeout=90)
    return done.returncode, done.stdout, done.stderr


def good(*args):
    status, out, said = ctl(*args)
    check(status == 0, "%s: %s%s" % (" ".join(args), out, said))
    return out


def refused(why, *args, status=1):
    got, out, said = ctl(*args)
    check(got == status and why in said, "%s gave %d, %r: expected %r" % (" ".join(args), got, out + said, why))


def log_of(cluster, name):
    with open(cluster.log(name), errors="replace") as f:
        return f.read()


class Restored(Cluster):
    """A cluster whose data directories were made of a backup before its nodes are started."""

    def __init__(self, names, backup, extra=EXTRA, cluster="restored"):
        super().__init__(layout={name: ROLES for name in names}, extra=extra)
        with open(self.config) as f:
            text = f.read()
        with open(self.config, "w") as f:
            f.write(text.replace('cluster = "test"', 'cluster = "%s"' % cluster))
        self.backup = backup

    def __enter__(self):
        told = good("--config-file=" + self.config, "restore", self.backup, self.dir)
        check(told.count("begins here") == len(self.layout), told)
        return super().__enter__()


class Counting:
    """Clients that count; `acknowledged` is what each was told last."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.acknowledged = {}
        self.load = Load()
        for i, node in enumerate(cluster.resp):
            self.load.run(self.write, "counter:%d" % i, node)
        deadline = time.monotonic() + 20
        while len(self.acknowledged) < len(cluster.resp):
            check(time.monotonic() < deadline, "nobody counts")
            time.sleep(0.01)

    def write(self, key, node):
        """Two keys, one behind the other, and two more as one."""
        client = self.cluster.client(node)
        while not self.load.stopping.is_set():
            self.acknowledged[key] = client("INCR", key)
            client("INCR", key + ":behind")
            client.pipeline([["MULTI"], ["INCR", key + ":one"], ["INCR", key + ":other"], ["EXEC"]])
        client.close()

    def stop(self):
        self.load.stop()
        return dict(self.acknowledged)


def fill(cluster):
    client = cluster.client("a", timeout=30)
    replies = client.pipeline([["SET", "key:%d" % i, "value:%d" % i] for i in range(KEYS)])
    check(all(each == "OK" for each in replies), "SETs were answered %r" % [each for each in replies if each != "OK"][:3])
    client("SET", "binary", bytes(range(256)))
    client("SET", "long gone", "x", "PX", "1")
    client("SET", "for hours", "x", "EX", "7200")
    client.close()


def holds(cluster, name, before, after):
    client = cluster.client(name, timeout=30)
    for i in range(0, KEYS, 97):
        check(client("GET", "key:%d" % i) == b"value:%d" % i, "key:%d at %s" % (i, name))
    check(client("GET", "binary") == bytes(range(256)), "bytes at %s" % name)
    check(client("GET", "long gone") is None, "an expired key came back")
    check(7000 < client("TTL", "for hours") <= 7200, "TTL at %s" % name)
    for key, least in before.items():
        have = int(client("GET", key))
        check(least <= have <= after[key], "%s is %d: %d was acknowledged before the backup began, %d when it was there"
              % (key, have, least, after[key]))
        behind, one, other = (int(client("GET", key + each) or 0) for each in (":behind", ":one", ":other"))
        check(have - behind in (0, 1) and behind - one in (0, 1) and one == other,
              "of different slots: %d, %d, %d, %d" % (have, behind, one, other))
    client.close()


def consistent_at_one_slot(cluster, path):
    """Taken while clients write."""
    counting = Counting(cluster)
    before = dict(counting.acknowledged)
    begun = time.monotonic()
    told = json.loads(good("--config-file=" + cluster.config, "--json", "backup", path))
    took = time.monotonic() - begun
    after = counting.stop()
    for key in after:
        after[key] += 1  # One may be under way.
    check(told["cluster"] == "test" and told["bytes"] == os.path.getsize(path), told)
    check("is whole" in good("verify", path), "verify")
    refused("is there already", "--config-file=" + cluster.config, "backup", path)
    check(os.listdir(os.path.dirname(path)) == [os.path.basename(path)], "a backup leaves something behind")
    return before, after, took


def of_another_size(path, before, after, names):
    with Restored(names, path) as cluster:
        cluster.wait_for_service(limit=20)
        for name in names:
            holds(cluster, name, before, after)
        if len(names) > 2:
            cluster.kill(*names[:(len(names) - 1) // 2])
            cluster.wait_for_service(names[(len(names) - 1) // 2:], limit=20)
            cluster.start(*names[:(len(names) - 1) // 2])
        for name in names:
            cluster.terminate(name)
        told = good("verify", cluster.data(names[0]))
        check("restored from backup" in told, told)
        cluster.start(*names)
        cluster.wait_for_service(limit=20)
        holds(cluster, names[-1], before, after)


def grows_and_loses(path, before, after):
    """A restored cluster is one like any other: a node joins, and another one loses its snapshots."""
    with Restored("abc", path, cluster="grows") as cluster:
        cluster.wait_for_service(limit=20)
        cluster.address["d"], cluster.resp["d"] = free_ports(2)
        file = os.path.join(cluster.dir, "d.conf")
        with open(file, "w") as f:
            f.write('cluster = "grows"\n')
            for name in "da":
                f.write('[[node]]\nname = "%s"\naddress = "127.0.0.1:%d"\nresp = "127.0.0.1:%d"\nroles = %s\n'
                        % (name, cluster.address[name], cluster.resp[name], json.dumps(ROLES)))
            f.write(EXTRA)
        with open(cluster.log("d"), "a") as log:
            cluster.processes["d"] = subprocess.Popen(
                [cluster.program, "--config-file=" + file, "--node=d", "--data-dir=" + cluster.data("d"), "--join"],
                stdout=subprocess.PIPE, stderr=log, text=True)
        line = cluster.processes["d"].stdout.readline()
        check(line.startswith("ready node=d"), "d does not join: %r\n%s" % (line, log_of(cluster, "d")))
        good("--config-file=" + cluster.config, "add-node", "d")
        holds(cluster, "d", before, after)
        # All that are members are told of, whatever the file says.
        check(set(cluster.status()) == set("abcd"), cluster.status().keys())
        cluster.terminate("b")
        folder = os.path.join(cluster.data("b"), "replica")
        only = sorted(each for each in os.listdir(folder) if each.endswith(".snapshot"))
        check(only, "b has no snapshot")
        for name in only:
            flip(os.path.join(folder, name), os.path.getsize(os.path.join(folder, name)) // 2)
        good("--config-file=" + cluster.config, "backup", os.path.join(cluster.dir, "again"))
        cluster.start("b")
        holds(cluster, "b", before, after)
        check("is damaged" in log_of(cluster, "b"), "b does not tell of its damaged snapshot")


def flip(path, at):
    with open(path, "r+b") as f:
        f.seek(at)
        byte = f.read(1)
        f.seek(at)
        f.write(bytes([byte[0] ^ 1]))


def wrong(cluster, path, scratch):
    """Bad backups, bad directories, and nodes that do not begin with the same."""
    config = "--config-file=" + cluster.config
    changed = os.path.join(scratch, "changed")
    for at in (20, os.path.getsize(path) // 2, os.path.getsize(path) - 5):
        shutil.copy(path, changed)
        flip(changed, at)
        refused("is damaged", config, "restore", changed, os.path.join(scratch, "none"))
        refused("is damaged", "verify", changed)
    shutil.copy(path, changed)
    os.truncate(changed, os.path.getsize(path) - 100)
    refused("is damaged", config, "restore", changed, os.path.join(scratch, "none"))
    os.remove(changed)
    check(not os.path.exists(os.path.join(scratch, "none")), "a bad backup was begun with")
    refused("cannot open", config, "restore", os.path.join(scratch, "nothing"), os.path.join(scratch, "none"))
    refused("cannot create", config, "backup", os.path.join(scratch, "nothing", "x"))
    refused("is not empty", config, "--node=a", "restore", path, scratch)
    refused("is not empty", config, "--node=a", "restore", path, cluster.data("a"))
    os.makedirs(os.path.join(scratch, "all", "c", "something"))
    refused("is not empty", config, "restore", path, os.path.join(scratch, "all"))
    check(os.listdir(os.path.join(scratch, "all")) == ["c"], "a restore of all nodes that cannot be was begun")
    refused("unknown node 'z'", config, "--node=z", "restore", path, os.path.join(scratch, "none"), status=2)
    refused("unknown node 'z'", config, "--node=z", "status", status=2)
    refused("unknown node 'z'", config, "--node=z", "backup", os.path.join(scratch, "none"), status=2)
    elsewhere = os.path.join(scratch, "elsewhere.conf")
    with open(elsewhere, "w") as f:
        f.write('cluster = "test"\n[[node]]\nname = "a"\naddress = "127.0.0.1:%d"\nroles = ["acceptor", "leader", "replica"]\n' % free_ports(1)[0])
    refused("is reached", "--config-file=" + elsewhere, "backup", os.path.join(scratch, "none"))


def one_that_was_forgotten(path):
    """A node that begins with nothing takes no part in a cluster that was restored: it would vote as if nothing had been decided."""
    with Restored("abc", path) as cluster:
        cluster.terminate("c")
        subprocess.run(["rm", "-r", cluster.data("c")], check=True)
        cluster.kill("a", "b")
        for name in "ab":
            subprocess.run(["rm", "-r", cluster.data(name)], check=True)
            good("--config-file=" + cluster.config, "--node=" + name, "restore", path, cluster.data(name))
        cluster.start("a", "b", "c")
        deadline = time.monotonic() + 20
        while "restored from backup" not in log_of(cluster, "a") or "restored from backup" not in log_of(cluster, "c"):
            check(time.monotonic() < deadline, "nobody tells that c begins with nothing")
            time.sleep(0.05)
        client = cluster.client("c", timeout=20)
        try:
            raise Failure("c, which begins with nothing, answers %r" % client("GET", "binary"))
        except ReplyError:
            pass
        client.close()
        cluster.wait_for_service("ab", limit=20)


def in_one_process(path, scratch):
    """synod-dev has all nodes begin with the same, or none."""
    file = os.path.join(scratch, "dev.conf")
    ports = free_ports(6)
    with open(file, "w") as f:
        f.write('cluster = "one-process"\n')
        for i, name in enumerate("abc"):
            f.write('[[node]]\nname = "%s"\naddress = "127.0.0.1:%d"\nresp = "127.0.0.1:%d"\nroles = %s\n'
                    % (name, ports[i], ports[3 + i], json.dumps(ROLES)))
    data = os.path.join(scratch, "dev")
    start = [os.path.join(BIN, "synod-dev"), "--config-file=" + file, "--data-dir=" + data]
    good("--config-file=" + file, "--node=a", "restore", path, os.path.join(data, "a"))
    done = subprocess.run(start, capture_output=True, text=True, timeout=30)
    check(done.returncode == 2 and "all nodes of a cluster begin with the same" in done.stderr, done.stderr)
    shutil.rmtree(data)
    good("--config-file=" + file, "restore", path, data)
    dev = subprocess.Popen(start, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    while "Try:" not in dev.stdout.readline():
        pass
    client = Client(ports[5], timeout=20)
    check(client("GET", "binary") == bytes(range(256)), "synod-dev does not begin with the backup")
    client.close()
    dev.terminate()
    check(dev.wait(10) == 0, "synod-dev ends in order")
    dev.stdout.close()


def of_a_user(path, scratch):
    """Its role begins with nothing, and its state machine is called by its name."""
    file = os.path.join(scratch, "own.conf")
    with open(file, "w") as f:
        f.write('cluster = "own"\n[[node]]\nname = "a"\naddress = "127.0.0.1:%d"\nroles = ["acceptor", "leader", "replica", "teller"]\n'
                % free_ports(1)[0])
    good("--config-file=" + file, "--node=a", "restore", path, os.path.join(scratch, "own"))
    with open(file) as f:
        text = f.read()
    with open(file, "w") as f:
        f.write('state-machine = "counter"\n' + text)
    refused("is of state machine 'key-value', and the cluster file says 'counter'", "--config-file=" + file, "--node=a", "restore",
            path, os.path.join(scratch, "other"))


with Cluster(extra=EXTRA) as cluster:
    cluster.wait_for_service()
    scratch = os.path.join(cluster.dir, "backups")
    os.mkdir(scratch)
    path = os.path.join(scratch, "first")
    good("--config-file=" + cluster.config, "backup", path)  # Of a cluster that has next to nothing.
    os.remove(path)
    fill(cluster)
    before, after, took = consistent_at_one_slot(cluster, path)
    print("a backup under load: %d bytes in %.2f s" % (os.path.getsize(path), took))
    wrong(cluster, path, scratch)
    # While a minority is away, the leader too.
    cluster.kill(cluster.leader())
    good("--config-file=" + cluster.config, "backup", os.path.join(scratch, "second"))
    cluster.kill(*list(cluster.processes)[:1])
    refused("no linearizable read", "--config-file=" + cluster.config, "backup", os.path.join(scratch, "third"))
    check(not os.path.exists(os.path.join(scratch, "third")), "a backup without a majority")
    for names in (["one"], list("abc"), list("vwxyz")):
        of_another_size(path, before, after, names)
        print("restored into %d nodes" % len(names))
    grows_and_loses(path, before, after)
    one_that_was_forgotten(path)
    in_one_process(path, scratch)
    of_a_user(path, scratch)
print("backup: ok")
