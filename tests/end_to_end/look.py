#!/usr/bin/python3
"""synod-ctl looks at a cluster: its status as tables, and what became of a slot, as far as nodes remember."""

import json
import os
import pty
import re
import subprocess
import time

from cluster import BIN, Cluster, check

EXTRA = '\n[replica]\nsnapshot-after = "256KiB"\n[acceptor]\nsegment-size = "64KiB"\n'


def ctl(cluster, *args):
    done = subprocess.run([os.path.join(BIN, "synod-ctl"), "--config-file=" + cluster.config, *args],
                          stdout=subprocess.PIPE, text=True, timeout=60)
    return done.returncode, done.stdout


def explain(cluster, slot):
    status, text = ctl(cluster, "--json", "explain", str(slot))
    check(status == 0, "explain ends with %d" % status)
    return json.loads(text)


def role(told, node, name):
    return next(x for x in told["nodes"] if x["node"] == node)["roles"][name]


def slot_of(cluster, command):
    """The slot in which this was decided: of the last ones, the one that names it."""
    last = max(x["roles"]["replica"]["slot_out"] for x in cluster.status().values()) - 1
    for slot in range(last, max(0, last - 20), -1):
        if command in (explain(cluster, slot)["chosen"] or {}).get("commands", ""):
            return slot
    check(False, "%s is in none of the last slots" % command)


def tables(cluster):
    leader = cluster.leader()
    status, text = ctl(cluster, "status")
    check(status == 0, "status ends with %d" % status)
    check("Node %s leads: state active" % leader in text, text)
    for title in ("node ", "leader ", "replica ", "acceptor ", "gateway "):
        check(len(re.findall("^" + title, text, re.M)) == 1, "a table of each role:\n" + text)
    check(len(re.findall("^[abc] ", text, re.M)) == 15, "a line of each node in each of five tables:\n" + text)
    check("PROBLEM" not in text, text)
    all_told = cluster.status()
    check(all(x["resident bytes"] > 1 << 20 and x["uptime ms"] > 0 for x in all_told.values()), "memory and uptime: %s" % all_told)
    return text


def remembered(cluster):
    c = cluster.client("b")
    before = time.time() * 1000
    c("SETRANGE", "k", 0, "value")
    after = time.time() * 1000
    slot = slot_of(cluster, "SETRANGE")
    told = explain(cluster, slot)
    leader = cluster.leader()
    chosen = told["chosen"]
    check(chosen["proposer"] == leader, "the replica beside the leader proposes: %s" % chosen)
    accepted = [x for x in told["nodes"] if x["roles"]["acceptor"].get("ballot") == chosen["ballot"]]
    check(len(accepted) >= 2, "a majority has accepted it: %s" % told)
    check("durable at ms" in role(told, leader, "acceptor"), "when it was durable: %s" % told)
    own = role(told, leader, "leader")
    when = [before - 2, own["proposed at ms"], own["decided at ms"], role(told, leader, "replica")["performed at ms"] + 1, after + 1000]
    check(when == sorted(when), "one thing behind the other: %s" % when)
    text = ctl(cluster, "explain", str(slot))[1]
    for part in ("Slot %d: chosen under ballot %s, proposed by node %s" % (slot, chosen["ballot"], leader), "SETRANGE",
                 "begins a commander", "has it durably", "performs it"):
        check(part in text, "%r is not in\n%s" % (part, text))
    return slot, text


def forgotten(cluster, slot):
    """Behind a restart the acceptors' logs tell ballot and commands; when it collects, nobody does."""
    c = cluster.client("a")
    for i in range(20):
        c("SET", "later:%d" % i, "x")  # The last slots may be proposed once more behind a restart.
    for name in "abc":
        cluster.terminate(name)
    cluster.start(*"abc")
    cluster.wait_for_service()
    told = explain(cluster, slot)
    acceptors = [role(told, name, "acceptor") for name in "abc"]
    check(any("SETRANGE" in x.get("commands", "") for x in acceptors), "the log tells it: %s" % told)
    check(all("accepted at ms" not in x for x in acceptors), "but not when: %s" % told)
    check("as its log says; when, it remembers" in ctl(cluster, "explain", str(slot))[1], "which is said")
    c = cluster.client("a")
    deadline = time.monotonic() + 60
    while any(role(explain(cluster, slot), name, "acceptor")["state"] != "collected" for name in "abc"):
        check(time.monotonic() < deadline, "the slot is not collected: %s" % explain(cluster, slot))
        c.pipeline([["SET", "key:%d" % k, "x" * 1000] for k in range(500)])
    check("has collected the slot" in ctl(cluster, "explain", str(slot))[1], "which is said")
    status, text = ctl(cluster, "explain", "1000000000")
    check(status == 0 and "nobody that was asked remembers" in text and "has not performed it" in text, text)


def a_node_is_away(cluster):
    cluster.terminate("c")
    begin = time.monotonic()
    status, text = ctl(cluster, "status")
    check(status == 1 and "PROBLEM: node c at" in text, text)
    check(time.monotonic() - begin < 6, "nodes are not waited for one after the other")
    status, text = ctl(cluster, "explain", "1")
    check(status == 1 and "Node c at" in text, text)


def verify_on_a_terminal(directory):
    """What it reads is on standard error, when that is a terminal, and nowhere else."""
    args = [os.path.join(BIN, "synod-ctl"), "verify", directory]
    ours, theirs = pty.openpty()
    done = subprocess.run(args, stdout=subprocess.PIPE, stderr=theirs, text=True, timeout=60)
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    check(done.returncode == 0, done.stdout)
    check("reading acceptor: the log" in shown and "reading replica: " in shown, "on the terminal: %r" % shown)
    check("reading" not in done.stdout, done.stdout)
    done = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
    check(done.stderr == "", "without a terminal: %r" % done.stderr)


def main():
    with Cluster(extra=EXTRA) as cluster:
        cluster.wait_for_service()
        status_text = tables(cluster)
        slot, explained = remembered(cluster)
        print(status_text + "\n" + explained, flush=True)
        forgotten(cluster, slot)
        a_node_is_away(cluster)
        verify_on_a_terminal(cluster.data("c"))
    print("look: synod-ctl tells what there is, and what is not known")


main()
