#!/usr/bin/python3
"""Who is who: nodes notice a data directory that is another one, or not whole, and a cluster file that says something else."""

import os
import shutil
import subprocess
import sys
import time

from cluster import BIN, Cluster, ReplyError, check, free_ports

ALL = ["replica", "leader", "acceptor", "gateway"]


def wait_until(condition, text, limit=15.0):
    deadline = time.monotonic() + limit
    while not condition():
        check(time.monotonic() < deadline, text)
        time.sleep(0.05)


def log_of(cluster, name):
    with open(cluster.log(name), errors="replace") as f:
        return f.read()


def problem(cluster, at, of):
    return cluster.status().get(at, {}).get("problems", {}).get(of, "")


def start_refused(cluster, name):
    """Exit status and standard error of a node that does not start."""
    done = subprocess.run([cluster.program, "--config-file=" + cluster.config, "--node=" + name, "--data-dir=" + cluster.data(name)],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=20)
    return done.returncode, done.stderr


def stop_all(cluster):
    for name in list(cluster.processes):
        check(cluster.terminate(name) == 0, "node %s ends in order" % name)


def write_keys(cluster, node, prefix, count):
    c = cluster.client(node)
    for i in range(count):
        check(c("SET", "%s%d" % (prefix, i), i) == "OK", "a write")
    c.close()


def two_directories_emptied():
    """A majority that has forgotten everything is not joined by the node that has not."""
    with Cluster() as cluster:
        cluster.wait_for_service()
        write_keys(cluster, "a", "old", 20)
        stop_all(cluster)
        for name in "ab":
            shutil.rmtree(cluster.data(name))
        cluster.start("a", "b")
        cluster.wait_for_service(["a", "b"])
        write_keys(cluster, "a", "new", 20)
        cluster.start("c")
        for other in "ab":
            wait_until(lambda: "data directory of node '%s' is another one" % other in problem(cluster, "c", other),
                       "node c takes node %s, which has forgotten everything" % other)
        check("bring its old data directory back" in log_of(cluster, "c"), "what to do is told")
        a = cluster.client("a")
        check([a("GET", "new%d" % i) for i in range(20)] == [b"%d" % i for i in range(20)], "what a and b have acknowledged stays")
        check(a("GET", "old0") is None, "what c holds does not come back at a majority that has acknowledged something else")


def is_other(cluster, at, of):
    """Node `at` shows that node `of` has another data directory."""
    return "data directory of node '%s' is another one" % of in problem(cluster, at, of)


def one_directory_emptied():
    """A node that lost its disk is not heard, whichever it is, and is again when its directory is back."""
    with Cluster(extra='[gateway]\nrequest-timeout = "1s"\n') as cluster:
        cluster.wait_for_service()
        for lost, other, third in ("abc", "bca", "cab"):
            # What only the two of them have accepted is not to be forgotten by one of them and the third.
            cluster.kill(third)
            cluster.wait_for_service([lost, other])
            check(cluster.client(other)("SET", "k" + lost, "acknowledged") == "OK", "a write")
            cluster.kill(lost)
            cluster.kill(other)
            os.rename(cluster.data(lost), cluster.data(lost) + ".kept")
            cluster.start(lost, third)
            wait_until(lambda: is_other(cluster, third, lost), "node %s takes %s, which has forgotten everything" % (third, lost))
            wait_until(lambda: problem(cluster, lost, third) != "", "node %s is not told why" % lost)
            for at in (lost, third):
                check(not cluster.status()[at]["connections"][third if at == lost else lost], "they are connected")
                try:
                    cluster.client(at, timeout=20)("SET", "x", "lost")
                    check(False, "a majority was made with a node that had lost its disk")
                except ReplyError as reply:
                    check("no majority" in str(reply), str(reply))
            cluster.start(other)
            cluster.wait_for_service([other, third])
            wait_until(lambda: is_other(cluster, other, lost), "node %s takes %s" % (other, lost))
            cluster.kill(lost)
            shutil.rmtree(cluster.data(lost))
            os.rename(cluster.data(lost) + ".kept", cluster.data(lost))
            cluster.start(lost)
            cluster.wait_for_service()
            check(cluster.client(lost)("GET", "k" + lost) == b"acknowledged", "with its directory back, %s has everything" % lost)


def mended_with_wrong_addresses():
    """A node that was refused, and comes back as it should but for the others' addresses, is connected by those."""
    with Cluster() as cluster:
        cluster.wait_for_service()
        cluster.kill("a")  # Which is to connect to the others.
        os.rename(cluster.data("a"), cluster.data("a") + ".kept")
        cluster.start("a")
        for other in "bc":
            wait_until(lambda: is_other(cluster, other, "a"), "node %s takes a, which has forgotten everything" % other)
        cluster.kill("a")
        shutil.rmtree(cluster.data("a"))
        os.rename(cluster.data("a") + ".kept", cluster.data("a"))
        right = dict(cluster.address)
        cluster.address.update(zip("bc", free_ports(2)))
        wrong = os.path.join(cluster.dir, "wrong.conf")
        cluster.write_config(wrong, cluster.layout)
        cluster.address = right
        cluster.launch("a", config=wrong)
        check(cluster.processes["a"].stdout.readline().startswith("ready"), "node a starts")
        for other in "bc":
            wait_until(lambda: "connected with node %s" % other in log_of(cluster, "a").split("not taken")[-1],
                       "node %s does not connect with a" % other, 40)
        wait_until(lambda: not any(problem(cluster, at, of) for at, of in ("ab", "ac", "ba", "ca")), "no problem is told any more")
        check(cluster.client("a", timeout=20)("SET", "k", "v") == "OK", "node a serves again")


def nodes_tell_each_other():
    """What one node knows of a data directory the others get to know at once, although they never met its node."""
    with Cluster() as cluster:
        cluster.kill("c")
        shutil.rmtree(cluster.data("c"))
        for name in "ab":
            cluster.terminate(name)
            shutil.rmtree(cluster.data(name))
        whole = cluster.config
        with open(whole) as f:
            parts = f.read().split('name = "c"')
        apart = whole + ".apart"
        with open(apart, "w") as f:  # Node c is said to be where nobody is.
            f.write(parts[0] + 'name = "c"' + parts[1].replace(str(cluster.address["c"]), str(free_ports(1)[0])))
        cluster.start("a")
        cluster.config = apart
        cluster.start("b")
        cluster.config = whole
        cluster.wait_for_service(["a", "b"])
        cluster.start("c")
        cluster.wait_for_service(["c"])
        check(not cluster.status()["b"]["connections"]["c"], "b reaches c")
        cluster.kill("c")
        shutil.rmtree(cluster.data("c"))
        cluster.kill("a")
        cluster.terminate("b")
        cluster.start("b", "c")
        wait_until(lambda: is_other(cluster, "b", "c"), "node b takes c, which only a had met before")


def nothing_to_forget():
    """A node that only serves clients may begin anew."""
    with Cluster({**{n: ALL for n in "abc"}, "g": ["gateway"]}) as cluster:
        cluster.wait_for_service()
        cluster.kill("g")
        shutil.rmtree(cluster.data("g"))
        cluster.start("g")
        cluster.wait_for_service(["g"])


def other_ids():
    """Files that number nodes otherwise: either node tells."""
    with Cluster({n: ALL for n in "ab"}) as cluster:
        for name in "ab":
            cluster.kill(name)
            shutil.rmtree(cluster.data(name))
        with open(cluster.config) as f:
            text = f.read()
        for name, ids in (("a", (9, 1)), ("b", (1, 2))):
            cluster.config = "%s.%s" % (cluster.config, name)
            with open(cluster.config, "w") as f:
                f.write(text.replace('name = "a"', 'name = "a"\nid = %d' % ids[0]).replace('name = "b"', 'name = "b"\nid = %d' % ids[1]))
            cluster.start(name)
        for at, other in ("ab", "ba"):
            wait_until(lambda: "the cluster files differ" in problem(cluster, at, other), "node %s does not tell" % at)


def reached_in_place_of_another():
    """An address that leads to another node: what is right stays as it is."""
    with Cluster() as cluster:
        cluster.wait_for_service()
        cluster.kill("a")
        with open(cluster.config) as f:
            text = f.read()
        cluster.config += ".wrong"
        with open(cluster.config, "w") as f:
            f.write("allow-plain-traffic = true\n"  # A name, of which only the resolver knows where it leads.
                    + text.replace("127.0.0.1:%d" % cluster.address["b"], "127.1:%d" % cluster.address["c"]))
        cluster.start("a")
        wait_until(lambda: "it is node 'c'" in problem(cluster, "a", "b"), "node a does not tell whom it has reached")
        cluster.wait_for_service(["a", "c"])
        time.sleep(2)  # Some tries more; there is no event to wait for when nothing is to happen.
        status = cluster.status()
        check(status["a"]["connections"]["c"] and status["c"]["connections"]["a"], "the two are connected, on both sides")


def other_members():
    """Files that name other members make other clusters, even under one name."""
    five = {n: ALL for n in "abcde"}
    cluster = Cluster(five)
    try:
        with open(cluster.config) as f:
            parts = f.read().split("[[node]]")
        three_file = cluster.config + ".three"
        with open(three_file, "w") as f:
            f.write("[[node]]".join([parts[0]] + list(reversed(parts[1:4]))))
        five_file, cluster.config = cluster.config, three_file
        cluster.start("a", "b")
        cluster.config = five_file
        cluster.start("c", "d", "e")
        cluster.wait_for_service(["a", "b", "c", "d", "e"])
        # Each side is a majority of its own file; they do not know each other.
        for at, other in (("c", "a"), ("c", "b")):
            wait_until(lambda: "the cluster files differ" in problem(cluster, at, other), "nodes %s and %s connect" % (at, other))
        for at in "ac":
            text = log_of(cluster, at)
            check("nothing beyond" in text and "node " in text, "both values are told at %s: %s" % (at, text[-500:]))
    except BaseException:
        cluster.__exit__(*sys.exc_info())
        raise
    cluster.__exit__(None, None, None)


def parts_missing():
    """A directory in which something is missing is refused, and what is missing is named."""
    with Cluster(extra='[acceptor]\nsegment-size = "64KiB"\n') as cluster:
        cluster.wait_for_service()
        c = cluster.client("a")
        for i in range(30):
            check(c("SET", "k%d" % i, "x" * 10000) == "OK", "a write")
        c.close()
        stop_all(cluster)
        directory = cluster.data("b")
        kept = directory + ".kept"
        os.rename(directory, kept)
        segments = sorted(n for n in os.listdir(os.path.join(kept, "acceptor")) if n.endswith(".log"))
        check(len(segments) > 3, "there are several segments: %s" % segments)
        for what in ("acceptor", "incarnation", "nodes", "acceptor/extent", "acceptor/" + segments[0], "acceptor/" + segments[-1],
                     "acceptor/" + segments[2]):
            shutil.copytree(kept, directory)
            path = os.path.join(directory, what)
            shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)
            status, text = start_refused(cluster, "b")
            check(status == 2 and what in text and "bring" in text, "without %s: exit status %d, %s" % (what, status, text))
            shutil.rmtree(directory)
        shutil.copytree(kept, directory)  # A log on a file system of its own that was made anew.
        for name in os.listdir(os.path.join(directory, "acceptor")):
            os.remove(os.path.join(directory, "acceptor", name))
        os.mkdir(os.path.join(directory, "acceptor", "lost+found"))
        for stray in (None, "a file"):
            if stray:
                with open(os.path.join(directory, "acceptor", stray), "w"):
                    pass
            status, text = start_refused(cluster, "b")
            check(status == 2 and "acceptor" in text and "bring" in text, "an empty log: exit status %d, %s" % (status, text))
        shutil.rmtree(directory)
        os.rename(kept, directory)
        cluster.start("a", "b", "c")
        cluster.wait_for_service()
        check(cluster.client("b")("STRLEN", "k29") == 10000, "whole again, it serves")


def in_one_process():
    """synod-dev, whose nodes meet without a network."""
    cluster = Cluster()
    try:
        directory = os.path.join(cluster.dir, "dev")
        args = [os.path.join(BIN, "synod-dev"), "--config-file=" + cluster.config, "--data-dir=" + directory]
        for emptied in (None, "b"):
            if emptied:
                shutil.rmtree(os.path.join(directory, emptied))
            dev = subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            if not emptied:
                check("Synod" in dev.stdout.readline(), "synod-dev runs")
                cluster.wait_for_service()
                dev.terminate()
            _, text = dev.communicate(timeout=20)
            check(dev.returncode == (2 if emptied else 0), "exit status %d: %s" % (dev.returncode, text))
        check("data directory of node 'b' is another one" in text, text)
    finally:
        cluster.__exit__(None, None, None)


for test in (two_directories_emptied, one_directory_emptied, mended_with_wrong_addresses, nodes_tell_each_other, nothing_to_forget, other_ids, reached_in_place_of_another, other_members, parts_missing, in_one_process):
    test()
    print("%s: %s" % (test.__name__, test.__doc__.splitlines()[0]), flush=True)
