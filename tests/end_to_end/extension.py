#!/usr/bin/python3
"""A user's state machine and roles, named in a cluster file, as processes and in one process; nothing built in is edited for them."""

import os
import subprocess

from cluster import Client, Cluster, Failure, ReplyError, check, wait_until

BANK = os.environ["BANK_BIN"]  # where the example's programs are
LAYOUT = {"a": ["replica", "leader", "acceptor", "gateway", "auditor"], "b": ["replica", "leader", "acceptor", "gateway"],
          "c": ["replica", "leader", "acceptor", "gateway"], "d": ["payer"]}


def use_bank(ports):
    clients = [Client(p) for p in ports]
    for i in range(4):
        check(clients[i % 3]("BANK.OPEN", "account%d" % i, 100) == "OK", "an account is opened")
    for i in range(300):
        try:
            clients[i % 3]("BANK.MOVE", "account%d" % (i % 4), "account%d" % ((i * 7 + 1) % 4), i % 50)
        except ReplyError as problem:
            check("not enough money" in str(problem), str(problem))
    for c in clients:
        check(c("BANK.TOTAL") == 400, "no money comes or goes")
    try:
        clients[0]("BANK.OPEN", "rich", 10**9)
        raise Failure("the limit of the cluster file is not kept")
    except ReplyError as problem:
        check("from 0 to 1000" in str(problem), str(problem))
    check(clients[0].pipeline([["MULTI"], ["BANK.MOVE", "account0", "account1", 0], ["BANK.BALANCE", "account1"], ["EXEC"]])[3][1] >= 0,
          "transactions work on any state machine")


def check_auditor(cluster):
    auditor = cluster.status()["a"]["roles"]["auditor"]
    check(auditor["disagreements"] == 0, "replicas agree: %s" % auditor)
    check(auditor["compared"] > 100, "the auditor compares: %s" % auditor)


def check_payer(cluster, kills):
    """A standing order is paid exactly as often as the payer was told, although the replica that it asks is lost."""
    c = Client(cluster.resp["c"])

    def balance(account):
        try:
            return c("BANK.BALANCE", account)
        except ReplyError:  # While nobody leads.
            return -1

    c("BANK.OPEN", "landlord", 0)
    c("BANK.OPEN", "rent", 1000)
    wait_until(lambda: balance("landlord") > 20, "the standing order is paid")
    if kills:
        before = balance("landlord")
        cluster.kill("a")  # The first one, which a client asks that has none beside it.
        wait_until(lambda: balance("landlord") > before + 20, "it is paid by the other nodes")
        cluster.start("a")
    wait_until(lambda: balance("rent") == 0, "all rent is paid", 60)
    payer = lambda: cluster.status()["d"]["roles"]["payer"]
    wait_until(lambda: payer()["refused"] > 0 and payer()["paid"] > 0, "the payer is told")
    told = payer()
    check(told["unknown"] == 0 and told["paid"] == 1000, "each payment is made once: %s" % told)
    check(balance("landlord") == 1000, "and all of them have come")


def in_one_process(cluster):
    data = os.path.join(cluster.dir, "one-process")
    process = subprocess.Popen([os.path.join(BANK, "bank-dev"), "--config-file=" + cluster.config, "--data-dir=" + data],
                               stdout=subprocess.PIPE, text=True)
    try:
        for line in process.stdout:
            if line.startswith("Ctrl-C"):
                break
        c = Client(cluster.resp["a"])
        check(c("BANK.TOTAL") == 0, "a new bank is empty")
        use_bank(cluster.resp.values())
        check_auditor(cluster)
        check_payer(cluster, False)
    finally:
        process.terminate()
        check(process.wait(10) == 0, "bank-dev ends in order")


def main():
    with Cluster(LAYOUT, extra="[auditor]\nwindow = 2048\n[payer]\ninterval = \"1ms\"\n[state-machine]\nname = \"bank\"\nmost = 1000\n", program=os.path.join(BANK, "bank-node")) as cluster:
        use_bank(cluster.resp.values())
        check_auditor(cluster)
        check_payer(cluster, True)
        for name in "dabc":
            check(cluster.terminate(name) == 0, "node %s ends in order" % name)
        in_one_process(cluster)
    print("extension: a bank, an auditor and a payer, as processes and in one process")


main()
