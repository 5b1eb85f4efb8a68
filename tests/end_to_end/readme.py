#!/usr/bin/python3
"""The README's commands, exactly as printed: the first session against synod-dev, and three processes."""

import os
import re
import signal
import subprocess
import tempfile
import time

from cluster import BIN, Client, check

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")


def section(title):
    text = open(os.path.join(ROOT, "README.md")).read()
    body = text.split("## " + title + "\n")[1].split("\n## ")[0]
    return re.findall(r"```sh\n(.*?)```", body, re.S)[0]


def wait_until_served(port):
    deadline = time.monotonic() + 15
    while True:
        try:
            return Client(port)("SET", "waits", "1")
        except OSError:
            check(time.monotonic() < deadline, "nobody serves port %d" % port)
            time.sleep(0.05)


def bash(script):
    return subprocess.run(["bash", "-euc", script], cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=60)


def first_session():
    dev = subprocess.Popen([os.path.join(BIN, "synod-dev")], stdout=subprocess.PIPE, text=True)
    try:
        wait_until_served(7101)
        done = bash(section("A first session"))
        check(done.stdout.split() == ["OK", "hello", "1"], "the first session: %r" % done.stdout)
        done = bash(section("How fast").replace("build/release/bin", BIN))
        check(done.returncode == 0 and "commands a second" in done.stdout and "errors" not in done.stdout, "load: %r" % done.stdout)
    finally:
        dev.terminate()
        check(dev.wait(10) == 0, "synod-dev ends in order")
    where = re.search(r"data in (\S+) \(deleted", dev.stdout.read()).group(1)
    check(not os.path.exists(where), "the temporary directory is deleted")


def three_processes():
    script = section("Three processes, or three hosts")
    check("build/release/bin" in script, "the README names the release build")
    script = script.replace("build/release/bin", BIN).replace("data/", "\"$DATA\"/").replace("mkdir -p data", "DATA=$(mktemp -d)")
    # What a person does between two commands: waits for the line that says ready.
    script = script.replace("redis-cli -p 7201 set", "until redis-cli -p 7201 ping && redis-cli -p 7203 ping; do :; done >/dev/null 2>&1\nredis-cli -p 7201 set", 1)
    # Of the same cluster, while it runs.
    script += "\n" + section("Backup and restore").replace("build/release/bin", BIN).replace(" data/", " \"$DATA\"/").replace("/tmp/", "$DATA/")
    script += "\npids=$(jobs -p)\nkill $pids\nfor p in $pids; do wait $p; done\nrm -r \"$DATA\"\necho ended\n"
    done = bash(script)
    check(done.returncode == 0 and done.stdout.endswith("ended\n"), "three processes: %s" % done.stdout)
    check("today.backup: is whole" in done.stdout and done.stdout.count("begins here with backup") == 3, "backup: %s" % done.stdout)
    check("\nOK\nhello\n" in done.stdout and "state active" in done.stdout, "three processes: %s" % done.stdout)


def simulation():
    with tempfile.TemporaryDirectory() as scratch:
        script = section("Why believe it").replace("/tmp/", scratch + "/").replace("build/release/bin", BIN)
        done = bash(script)
        check(done.returncode == 0 and "50 runs" in done.stdout, "the simulator: %s" % done.stdout)
        check(os.path.getsize(os.path.join(scratch, "seven")) > 0, "its trace")


first_session()
three_processes()
simulation()
print("readme: its commands work as printed")
